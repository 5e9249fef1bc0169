"""A process that receives over WebSocket until it is ended: PORT PATH.

It writes a line once the first data has come.
"""

from __future__ import annotations

import sys

from benchmarks.loads.websocket import WebSocketConnection


def main(port: int, path: str) -> None:
    """Receive and forget."""
    client = WebSocketConnection(port, path)
    buffer = bytearray(1 << 20)
    client.sock.recv_into(buffer)
    sys.stdout.write("receiving\n")
    sys.stdout.flush()
    while client.sock.recv_into(buffer):
        pass


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

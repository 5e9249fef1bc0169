#!/usr/bin/env python3
"""Shrink pictures in a pipeline of three stages with a queue between each two.

    python contrib/examples/image_pipeline.py --folder thumbnails

    paint --> [images] --> shrink --> [thumbnails] --> store

The queues are short on purpose. When a stage falls behind, the queue before it fills up, and the
stage before that waits for room: nothing is refused, and memory stays bounded. Here all stages run
in one process, with two threads that shrink; with --stage each runs by itself, in as many
processes and on as many machines as it takes, until Ctrl-C or SIGTERM.

The server is the one of ZOLDYQ_URL, with the token of ZOLDYQ_TOKEN.
"""

from __future__ import annotations

import argparse
import os
import signal
import struct
import sys
import threading
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from zoldyq import Client
from zoldyq.client import RemoteQueue

CAPACITY = 4
SHRINKERS = 2
FACTOR = 4
#: How long a stage waits for room before it gives up.
PATIENCE = 60
#: How long one request waits for a picture, and so how long the end of a stage may take.
POLL_SECONDS = 1


class Picture(NamedTuple):
    """A picture with three bytes a pixel, row by row."""

    name: str
    width: int
    height: int
    pixels: bytes


def send(queue: RemoteQueue, picture: Picture) -> None:
    """Put a picture into a queue, waiting for room."""
    text = b64encode(picture.pixels).decode()
    queue.enqueue({**picture._asdict(), "pixels": text}, timeout=PATIENCE)


def receive(queue: RemoteQueue) -> Picture | None:
    """Wait a moment for a picture; None if none came."""
    message = queue.dequeue(timeout=POLL_SECONDS)
    if message is None:
        return None
    document = message.payload
    return Picture(**{**document, "pixels": b64decode(document["pixels"])})


# -- the work of the stages ---------------------------------------------------------------------


def julia(name: str, real: float, width: int = 160, height: int = 120) -> Picture:
    """Draw the Julia set of a number."""
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            z, steps = complex(3 * x / width - 1.5, 2.25 * y / height - 1.125), 0
            while abs(z) < 2 and steps < 31:
                z, steps = z * z + complex(real, 0.28), steps + 1
            pixels += bytes((steps * 8, steps * 5, 255 - steps * 8))
    return Picture(name, width, height, bytes(pixels))


def shrunk(picture: Picture) -> Picture:
    """Make it smaller: each pixel is the mean of a square of them."""
    width, height = picture.width // FACTOR, picture.height // FACTOR
    square = [
        3 * (picture.width * row + column) for row in range(FACTOR) for column in range(FACTOR)
    ]
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            corner = 3 * FACTOR * (picture.width * y + x)
            for colour in range(3):
                values = [picture.pixels[corner + offset + colour] for offset in square]
                pixels.append(sum(values) // len(values))
    return Picture(picture.name, width, height, bytes(pixels))


def png(picture: Picture) -> bytes:
    """Write it in the PNG format."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    row = 3 * picture.width
    rows = [picture.pixels[at : at + row] for at in range(0, len(picture.pixels), row)]
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + each for each in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# -- the stages -----------------------------------------------------------------------------------


class Pipeline:
    """The stages, on threads of one process or each in a process of its own."""

    def __init__(self, client: Client, count: int, folder: Path) -> None:
        self._images = client.queue("images")
        self._thumbnails = client.queue("thumbnails")
        self._count = count
        self._folder = folder
        #: Ends every stage.
        self.done = threading.Event()
        # Before the first message comes, which would give them the server's default capacity.
        for queue in (self._images, self._thumbnails):
            queue.create(CAPACITY)

    def paint(self) -> None:
        """Draw pictures and send them."""
        for number in range(self._count):
            if self.done.is_set():
                return
            send(self._images, julia(f"julia-{number:03}", -0.9 + 0.02 * number))

    def shrink(self) -> None:
        """Make pictures smaller until the end."""
        while not self.done.is_set():
            if (picture := receive(self._images)) is not None:
                send(self._thumbnails, shrunk(picture))

    def store(self) -> None:
        """Write pictures to the folder until the end, which their number may bring about."""
        self._folder.mkdir(parents=True, exist_ok=True)
        stored = 0
        while stored < self._count and not self.done.is_set():
            if (picture := receive(self._thumbnails)) is not None:
                path = self._folder / f"{picture.name}.png"
                path.write_bytes(png(picture))
                print(path, flush=True)
                stored += 1
        self.done.set()

    def run(self, stages: Sequence[str]) -> None:
        """Run stages by their names, each on a thread."""
        with ThreadPoolExecutor(len(stages)) as pool:
            for future in [pool.submit(self._run, stage) for stage in stages]:
                future.result()

    def _run(self, stage: str) -> None:
        try:
            {"paint": self.paint, "shrink": self.shrink, "store": self.store}[stage]()
        except BaseException:
            self.done.set()  # the others would wait for ever for this one
            raise


def main() -> int:
    """Run one stage or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stage", choices=("paint", "shrink", "store"), help="run this one alone")
    parser.add_argument("--count", type=int, default=12, help="pictures to paint, and to store")
    parser.add_argument("--folder", type=Path, default=Path("thumbnails"), help="where to store")
    options = parser.parse_args()
    stages = [options.stage] if options.stage else ["paint", *["shrink"] * SHRINKERS, "store"]
    url = os.environ.get("ZOLDYQ_URL", "http://localhost:9000")
    with Client(url, token=os.environ.get("ZOLDYQ_TOKEN")) as client:
        pipeline = Pipeline(client, options.count, options.folder)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: pipeline.done.set())
        pipeline.run(stages)
    return 0


if __name__ == "__main__":
    sys.exit(main())

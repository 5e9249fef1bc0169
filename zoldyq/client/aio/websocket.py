"""A WebSocket of aiohttp, as a stream of messages needs it."""

from __future__ import annotations

import aiohttp

from zoldyq.client.aio.transport import NO_CONNECTION, AsyncTransport, no_connection
from zoldyq.client.errors import ConnectionLost, UnexpectedReply

#: The server is asked for a sign of life after so many seconds.
_SILENCE_SECONDS = 30.0

#: It has so many seconds to answer a goodbye.
_CLOSE_SECONDS = 1.0


class AsyncWebSocket:
    """An open connection. One task receives; any may send."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, url: str) -> None:
        self._socket = socket
        self._url = url
        #: Why the connection has ended, once it has.
        self.ending = "the connection broke"

    async def receive(self) -> str | None:
        """Return the next text message, waiting for it; None at the end of the connection.

        If this is cancelled, the message comes with the next call.
        """
        frame = await self._socket.receive()
        if frame.type is aiohttp.WSMsgType.TEXT:
            return str(frame.data)
        if frame.type is aiohttp.WSMsgType.CLOSE:
            self.ending = f"the server closed it ({frame.data} {frame.extra or ''})"
        elif frame.type is aiohttp.WSMsgType.ERROR:
            self.ending = str(frame.data)
        return None

    async def send(self, text: str) -> None:
        """Send a text message. Raises ConnectionLost if the connection is at its end."""
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionLost(f"the connection to {self._url} broke ({error})") from error

    async def close(self) -> None:
        """Say goodbye and end the connection. What was not received by then is lost."""
        await self._socket.close()


async def open_websocket(transport: AsyncTransport, path: str) -> AsyncWebSocket:
    """Return a new connection.

    Raises:
        ConnectionFailed: there is no connection.
        ConnectionLost: the handshake was not answered.
        ZoldyQError: what the server answered to the handshake.
    """
    endpoint = transport.endpoint
    try:
        socket = await transport.session.ws_connect(
            transport.url(path),
            headers=endpoint.headers,
            heartbeat=_SILENCE_SECONDS,
            max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
        )
    except NO_CONNECTION as error:
        raise no_connection(endpoint.url, error) from error
    except aiohttp.WSServerHandshakeError as error:
        message = f"{endpoint.url} does not speak WebSocket: check the address"
        raise UnexpectedReply(message, status=error.status) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise ConnectionLost(f"{endpoint.url} did not answer ({error})") from error
    return AsyncWebSocket(socket, endpoint.url)

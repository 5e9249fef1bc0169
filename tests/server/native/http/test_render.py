from __future__ import annotations

import pytest

from zoldyq.server.native.http.render import Renderer
from zoldyq.wire import NO_STORE, NOTHING_CAME, Reply


def make_renderer() -> Renderer:
    renderer = Renderer()
    renderer.tick(784_111_777)
    return renderer


class TestReplies:
    def test_a_reply_to_the_byte(self) -> None:
        reply = Reply(200, b'{"a":1}', headers=NO_STORE)
        assert make_renderer().render(reply) == (
            b"HTTP/1.1 200 OK\r\n"
            b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            b"Content-Type: application/json\r\n"
            b"Cache-Control: no-store\r\n"
            b"Content-Length: 7\r\n"
            b'\r\n{"a":1}'
        )

    def test_nothing_came_to_the_byte(self) -> None:
        assert make_renderer().render(NOTHING_CAME) == (
            b"HTTP/1.1 204 No Content\r\n"
            b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            b"Cache-Control: no-store\r\n\r\n"
        )

    def test_an_empty_body_has_a_length(self) -> None:
        assert b"\r\nContent-Length: 0\r\n\r\n" in make_renderer().render(Reply(200))

    @pytest.mark.parametrize(
        ("close", "http10", "connection"),
        [
            (True, False, b"Connection: close\r\n"),
            (True, True, b"Connection: close\r\n"),
            (False, True, b"Connection: keep-alive\r\n"),
            (False, False, b""),
        ],
    )
    @pytest.mark.parametrize("reply", [Reply(200, b"1"), NOTHING_CAME])
    def test_the_connection_header(
        self, reply: Reply, close: bool, http10: bool, connection: bytes
    ) -> None:
        response = make_renderer().render(reply, close=close, http10=http10)
        assert response.count(b"Connection:") == bool(connection)
        assert connection in response

    def test_replies_that_differ_in_anything_are_told_apart(self) -> None:
        renderer = make_renderer()
        replies = [
            Reply(200, b"1"),
            Reply(201, b"1"),
            Reply(200, b"1", "text/plain"),
            Reply(200, b"1", headers=NO_STORE),
            Reply(200, b"1", headers=(("Retry-After", "1"),)),
            Reply(200, b"22"),
        ]
        for _ in range(2):
            assert len({renderer.render(reply) for reply in replies}) == len(replies)

    def test_the_date_goes_on(self) -> None:
        renderer = make_renderer()
        first = renderer.render(Reply(200))
        renderer.tick(784_111_778)
        assert renderer.render(Reply(200)) == first.replace(b":37 GMT", b":38 GMT")

from __future__ import annotations

import pytest

from zoldyq.server.native.http.render import Renderer
from zoldyq.wire import NO_STORE, NOTHING_CAME, Reply


def make_renderer() -> Renderer:
    renderer = Renderer(idle_seconds=75)
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
            b"Connection: keep-alive\r\n"
            b"Keep-Alive: timeout=75\r\n"
            b"Content-Length: 7\r\n"
            b'\r\n{"a":1}'
        )

    def test_nothing_came_to_the_byte(self) -> None:
        assert make_renderer().render(NOTHING_CAME) == (
            b"HTTP/1.1 204 No Content\r\n"
            b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            b"Cache-Control: no-store\r\n"
            b"Connection: keep-alive\r\n"
            b"Keep-Alive: timeout=75\r\n\r\n"
        )

    def test_an_empty_body_has_a_length(self) -> None:
        assert b"\r\nContent-Length: 0\r\n\r\n" in make_renderer().render(Reply(200))

    @pytest.mark.parametrize(
        "reply", [Reply(200, b"1"), Reply(200, headers=NO_STORE), NOTHING_CAME]
    )
    def test_the_last_response_says_that_the_connection_closes(self, reply: Reply) -> None:
        response = make_renderer().render(reply, close=True)
        assert b"Connection: close\r\n" in response
        assert b"eep-" not in response

    @pytest.mark.parametrize(("idle", "shown"), [(75, b"=75\r"), (1.9, b"=1\r"), (0.5, None)])
    def test_an_idle_connection_may_be_used_for_whole_seconds(
        self, idle: float, shown: bytes | None
    ) -> None:
        response = Renderer(idle).render(Reply(200, headers=NO_STORE))
        assert b"Connection: keep-alive\r\n" in response
        assert (b"Keep-Alive: timeout" in response) is (shown is not None)
        assert shown is None or b"Keep-Alive: timeout" + shown in response

    @pytest.mark.parametrize("reply", [Reply(400, b"why"), Reply(200, b"why", headers=NO_STORE)])
    def test_the_answer_to_a_head_has_the_length_and_no_content(self, reply: Reply) -> None:
        whole = make_renderer().render(reply)
        assert make_renderer().render(reply, head=True) == whole.removesuffix(b"why")

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

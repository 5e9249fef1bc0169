"""The client's WebSocket against a peer that does what real ones do at bad moments."""

from __future__ import annotations

import queue
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.client.scripted import ScriptedServer, reply
from tests.helpers import Task
from tests.websocket.frames import BEGIN, CLOSE, END, PING, PONG, TEXT, server_frame
from tests.websocket.peer import Peer
from zoldyq.client import ConnectionFailed, ConnectionLost, GatewayReply, UnexpectedReply
from zoldyq.client import websocket as websocket_module
from zoldyq.client.endpoint import Endpoint
from zoldyq.client.websocket import WebSocket
from zoldyq.contract.errors import Unauthorized

NORMAL = struct.pack("!H", 1000)


def connect(url: str, timeout: float = 5.0) -> WebSocket:
    return WebSocket(Endpoint(url, token="t"), "/x?a=1", timeout)


@contextmanager
def connected(*first_frames: bytes, timeout: float = 5.0) -> Iterator[tuple[Peer, WebSocket]]:
    with Peer() as peer:
        connecting = Task(lambda: connect(peer.url, timeout))
        peer.accept(*first_frames)
        sock = connecting.result()
        yield peer, sock
        sock.abort()


def test_the_handshake_says_where_to_and_who():
    with Peer() as peer:
        connecting = Task(lambda: connect(peer.url))
        head = peer.accept().decode()
        connecting.result().abort()
        host = peer.url.removeprefix("http://")
    assert head.startswith("GET /x?a=1 HTTP/1.1\r\n")
    assert f"\r\nHost: {host}\r\n" in head
    assert "\r\nAuthorization: Bearer t\r\n" in head


def test_frames_that_come_with_the_answer_to_the_handshake_are_received():
    with connected(server_frame(b"one"), server_frame(b"two")) as (_, sock):
        assert [sock.receive(), sock.receive()] == ["one", "two"]


def test_a_message_in_pieces_is_put_together_even_in_the_middle_of_a_letter():
    text = "zwölf".encode()
    with connected() as (peer, sock):
        peer.send(
            server_frame(text[:3], BEGIN), server_frame(b"?", PING), server_frame(text[3:], END)
        )
        assert sock.receive() == "zwölf"


def test_pings_are_answered_while_nobody_receives():
    with connected() as (peer, _):
        peer.send(server_frame(b"not received"), server_frame(b"there?", PING))
        assert peer.receive() == (PONG, b"there?")


def test_texts_are_sent_whole():
    with connected() as (peer, sock):
        sock.send('{"credit":5}')
        assert peer.receive() == (TEXT, b'{"credit":5}')


def test_a_close_says_goodbye_and_ends_the_connection():
    with connected(server_frame(b"early")) as (peer, sock):
        assert sock.receive() == "early"
        sock.close()
        assert peer.receive() == (CLOSE, NORMAL)
        with pytest.raises(EOFError):
            peer.receive()
        assert sock.receive() is None
        sock.close()


def test_a_receiver_waits_no_longer_than_it_wants_and_can_be_woken():
    with connected() as (_, sock):
        with pytest.raises(queue.Empty):
            sock.receive(0.01)
        receiving = Task(sock.receive)
        sock.wake()
        assert receiving.result() == ""


def test_a_close_of_the_server_is_answered_and_ends_the_stream():
    with connected() as (peer, sock):
        peer.send(server_frame(b"last"), server_frame(struct.pack("!H", 1001), CLOSE))
        assert [sock.receive(), sock.receive()] == ["last", None]
        assert peer.receive()[0] == CLOSE
        with pytest.raises(ConnectionLost):
            sock.send("{}")
        sock.close()


@pytest.mark.parametrize("end", [Peer.hang_up, lambda peer: peer.send(b"\xff\xff nonsense")])
def test_a_broken_connection_ends_the_stream(end: Callable[[Peer], None]):
    with connected(server_frame(b"last")) as (peer, sock):
        end(peer)
        assert [sock.receive(), sock.receive()] == ["last", None]


def test_a_server_that_does_not_answer_a_close_is_not_waited_for():
    with connected(timeout=0.1) as (_, sock):
        sock.close()
        assert sock.receive() is None


def test_a_silent_server_is_asked_for_a_sign_of_life_and_given_up(monkeypatch):
    monkeypatch.setattr(websocket_module, "_SILENCE_SECONDS", 0.05)
    with connected() as (peer, sock):
        assert peer.receive()[0] == PING
        assert sock.receive() is None


def test_a_receiver_is_woken_by_an_abort():
    with connected() as (_, sock):
        receiving = Task(sock.receive)
        sock.abort()
        assert receiving.result() is None


@pytest.mark.parametrize("chunked", [False, True])
def test_a_refused_handshake_is_raised_as_what_the_server_said(chunked):
    body = b'{"error":"unauthorized","message":"send a token"}'
    answer = reply(401, body)
    if chunked:
        head = b"HTTP/1.1 401 X\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with ScriptedServer(answer) as server, pytest.raises(Unauthorized, match="send a token"):
        connect(server.url)


@pytest.mark.parametrize("answer", [reply(200, b"hello"), reply(404, b"")])
def test_a_server_that_is_no_websocket_server_is_told(answer):
    with ScriptedServer(answer) as server, pytest.raises(UnexpectedReply):
        connect(server.url)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_without_its_server_is_an_unreachable_server(status):
    with ScriptedServer(reply(status, b"<html>")) as server, pytest.raises(GatewayReply):
        connect(server.url)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101", b"nonsense\r\n\r\n"])
def test_an_answer_that_breaks_off_is_a_lost_connection(answer):
    with ScriptedServer(answer) as server, pytest.raises(ConnectionLost):
        connect(server.url)


def test_a_server_that_is_not_there_is_told():
    with ScriptedServer(late=True) as server, pytest.raises(ConnectionFailed):
        connect(server.url)

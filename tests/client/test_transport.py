"""When a request is sent again, and when it must not be."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time

import pytest

from tests.client.scripted import HANG_UP, ScriptedServer, reply
from tests.helpers import Task, wait_until
from zoldyq import __version__
from zoldyq.client import ConnectionFailed, ConnectionLost, GatewayReply, UnexpectedReply
from zoldyq.contract.errors import (
    InvalidTimeout,
    MemoryLimit,
    QueueFull,
    QueueNotFound,
    ShuttingDown,
    ZoldyQError,
)

QUEUED = reply(200, b'{"queue_name":"a","queue_size":1,"enqueued_at":1}')
STATS = reply(200, b'{"queues":{}}')


def refusal(code: str, status: int, *headers: str) -> bytes:
    return reply(status, b'{"error":"%b","message":"m"}' % code.encode(), *headers)


def test_a_refused_connection_is_tried_again_until_the_server_is_there(connect):
    with ScriptedServer(QUEUED, late=True) as server:
        sending = Task(lambda: connect(server.url).queue("a").enqueue(1, timeout=20))
        opening = threading.Timer(0.2, server.open)
        opening.start()
        assert sending.result().queue_size == 1
        opening.join()
        assert len(server.requests) == 1


def test_without_a_timeout_a_refused_connection_is_told_at_once(connect):
    with ScriptedServer(late=True) as server:
        patient = connect(server.url, connect_timeout=3600)
        with pytest.raises(ConnectionFailed, match="Connection refused"):
            patient.queue("a").enqueue(1)


def test_a_server_that_is_not_there_is_waited_for_as_long_as_the_caller_says(connect):
    with ScriptedServer(late=True) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionFailed):
            connect(server.url, connect_timeout=0.1).queue("a").dequeue(timeout=0.7)
        assert time.monotonic() - began >= 0.7


def test_a_server_that_comes_late_gets_what_is_left_of_the_callers_time(connect):
    with ScriptedServer(reply(204, b""), late=True) as server:
        asking = Task(
            lambda: connect(server.url, connect_timeout=0.1).queue("a").dequeue(timeout=20)
        )
        opening = threading.Timer(0.5, server.open)
        opening.start()
        assert asking.result() is None
        opening.join()
        (wait,) = re.findall(rb"timeout=([0-9.]+)", server.requests[0])
        assert 0 < float(wait) < 19.6


def test_a_server_that_goes_away_late_in_a_call_has_the_rest_of_it_to_come_back(connect):
    with ScriptedServer(refusal("shutting_down", 503, "Retry-After: 1")) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionFailed):
            connect(server.url).queue("a").enqueue(1, timeout=1.5)
        assert time.monotonic() - began >= 1.5


def test_a_host_that_swallows_everything_takes_no_longer_than_the_call(connect):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        # Until the backlog is full, connections are made by the system.
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        client = connect(f"http://127.0.0.1:{port}", connect_timeout=3600)
        asking = Task(lambda: client.queue("a").enqueue(1, timeout=1))
        with pytest.raises(ConnectionFailed):
            asking.result()
        for filler in fillers:
            filler.close()


def test_none_waits_until_a_message_comes_however_often_nothing_came(connect):
    message = reply(200, b'{"payload":1,"queue_name":"a","queue_size":0,"enqueued_at":1}')
    too_long = reply(400, b'{"error":"invalid_timeout","message":"m","minimum":0,"maximum":7}')
    nothing = reply(204, b"")
    with ScriptedServer(too_long, nothing, nothing, message) as server:
        found = connect(server.url).queue("a").dequeue(timeout=None)
        assert found is not None
        assert found.payload == 1
        waits = [re.findall(rb"timeout=([0-9.]+)", request) for request in server.requests]
        assert waits == [[b"600.000"], [b"7.000"], [b"7.000"], [b"7.000"]]


def test_none_waits_until_there_is_room(connect):
    full = refusal("queue_full", 429)
    with ScriptedServer(full, full, QUEUED) as server:
        assert connect(server.url).queue("a").enqueue(1, timeout=None).queue_size == 1


@pytest.mark.parametrize("timeout", [float("inf"), float("nan"), -1, "5", True])
def test_what_is_no_time_is_refused_before_anything_is_sent(connect, timeout):
    queue = connect("http://127.0.0.1:1").queue("a")
    for call in (queue.dequeue, lambda timeout: queue.enqueue(1, timeout=timeout)):
        with pytest.raises(InvalidTimeout, match="None to wait without an end"):
            call(timeout=timeout)


def test_an_unknown_host_is_told(connect):
    with pytest.raises(ConnectionFailed, match=r"zoldyq\.invalid"):
        connect("http://zoldyq.invalid").health()


@pytest.mark.parametrize(("code", "status"), [("memory_limit", 429), ("shutting_down", 503)])
def test_an_overloaded_server_is_asked_again_when_it_says_so(connect, code, status):
    with ScriptedServer(refusal(code, status, "Retry-After: 0"), QUEUED) as server:
        assert connect(server.url).queue("a").enqueue(1, timeout=20).queue_size == 1
        assert len(server.requests) == 2


def test_nobody_is_asked_again_after_the_callers_time(connect):
    with ScriptedServer(refusal("memory_limit", 429, "Retry-After: 30"), QUEUED) as server:
        with pytest.raises(MemoryLimit):
            connect(server.url).queue("a").enqueue(1, timeout=20)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("queue_full", 429), QueueFull),  # no Retry-After
        (refusal("shutting_down", 503, "Retry-After: soon"), ShuttingDown),
        (refusal("queue_not_found", 404, "Retry-After: 0"), QueueNotFound),
        (reply(502, b"<html>", "Retry-After: 0"), GatewayReply),
        (reply(503, b"", "Retry-After: 30"), GatewayReply),
        (reply(302, b"", "Location: /"), UnexpectedReply),
        (reply(200, b"hello"), UnexpectedReply),
    ],
)
def test_other_replies_are_final(connect, answer, error):
    with ScriptedServer(answer, QUEUED) as server:
        with pytest.raises(error):
            connect(server.url).queue("a").enqueue(1, timeout=20)
        assert len(server.requests) == 1


def test_an_enqueue_whose_reply_was_lost_is_never_sent_again(connect):
    with ScriptedServer(HANG_UP, QUEUED) as server:
        with pytest.raises(ConnectionLost, match="may have done"):
            connect(server.url).queue("a").enqueue(1, timeout=20)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        HANG_UP,
        b"HTTP/1.1",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
    ],
)
def test_a_dequeue_whose_reply_broke_off_is_lost_and_never_sent_again(connect, answer):
    with ScriptedServer(answer) as server:
        with pytest.raises(ConnectionLost):
            connect(server.url).queue("a").dequeue()
        assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [HANG_UP, reply(502, b"<html>"), reply(504, b"")])
def test_a_question_that_changes_nothing_is_asked_again(connect, answer):
    with ScriptedServer(answer, STATS) as server:
        assert connect(server.url).queues() == {}
        assert len(server.requests) == 2


def test_a_server_that_does_not_answer_is_given_up_after_the_wait_and_the_time_for_a_reply(connect):
    with ScriptedServer(b"HTTP/1.1 200 OK\r\n", HANG_UP) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionLost, match="did not answer"):
            connect(server.url, reply_timeout=0.2).queue("a").dequeue(timeout=0.3)
        assert time.monotonic() - began > 0.45


def test_a_call_may_wait_longer_than_connections_and_replies_may_take(connect, server):
    client = connect(server.url, connect_timeout=1, reply_timeout=1)
    assert client.queue("nobody-sends-here").dequeue(timeout=1.5) is None


def test_the_time_to_wait_and_the_token_reach_the_server(connect):
    with ScriptedServer(reply(204, b"")) as server:
        assert connect(server.url, token="t").queue("a").dequeue(timeout=1.5) is None
        head = server.requests[0].decode().lower()
    assert head.startswith("post /queues/a/dequeue?timeout=1.500 http/1.1\r\n")
    assert "\r\nauthorization: bearer t\r\n" in head
    assert f"\r\nuser-agent: zoldyq-python/{__version__}\r\n" in head


def test_requests_are_logged_at_debug_without_secrets(connect, caplog):
    caplog.set_level(logging.DEBUG, "zoldyq.client")
    with ScriptedServer(QUEUED) as server:
        connect(server.url, token="open-sesame").queue("a").enqueue("private", timeout=1.5, ttl=9)
    (line,) = [record.getMessage() for record in caplog.records if "enqueue" in record.getMessage()]
    pattern = r"POST /queues/a/enqueue\?ttl=9&timeout=1\.\d+: 200, \d+ bytes after \d\.\d{3} s"
    assert re.fullmatch(pattern, line)
    assert not re.search("sesame|private", caplog.text)


def test_connections_are_kept(connect):
    with ScriptedServer(*[STATS] * 5) as server, connect(server.url) as client:
        for _ in range(5):
            client.queues()
        assert (len(server.requests), server.connections) == (5, 1)


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (reply(502, b"<html>bad gateway</html>"), 2),
        (reply(404, b'{"detail":"no route"}'), 2),
        (refusal("queue_not_found", 404), 1),
        (refusal("internal_error", 500), 1),
    ],
)
def test_a_connection_on_which_a_proxy_answered_itself_is_not_used_again(
    connect, answer, connections
):
    with ScriptedServer(answer, QUEUED) as server, connect(server.url) as client:
        with pytest.raises(ZoldyQError):
            client.queue("a").enqueue(1)
        client.queue("a").enqueue(1)
        assert (len(server.requests), server.connections) == (2, connections)


def test_a_restarted_server_is_found_again(connect, start_server):
    first = start_server()
    client = connect(first.url)
    client.queue("a").enqueue(1)
    first.stop()
    start_server(port=first.port)
    wait_until(lambda: client.queue("a").enqueue(2, timeout=5).queue_size == 1)

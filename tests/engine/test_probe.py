"""What the start of a front end says of a server that cannot keep queues."""

from __future__ import annotations

import pytest

from tests.engine.fake import HELLO, SENTINEL_HELLO, Answer, FakeServer, bulk
from zoldyq.contract.errors import BackendUnavailable, InvalidSetting
from zoldyq.engine.address import parse_address
from zoldyq.engine.probe import await_server

CLUSTER_HELLO = HELLO.replace(b"$10\r\nstandalone", b"$7\r\ncluster")


def probe(url: str) -> None:
    """Look at the servers of a URL once."""
    await_server(parse_address(url), "p", tls=None, timeout=5, start_seconds=0)


def answers(**replies: bytes) -> Answer:
    """Answer each command by its name; OK where nothing is said."""
    return lambda command: replies.get(command[0].decode(), b"+OK\r\n")


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ({"HELLO": b"-ERR unknown command 'HELLO'\r\n"}, "too old, or hides HELLO"),
        (
            {"HELLO": HELLO, "INFO": bulk("redis_version:6.2.14\r\n")},
            "is Redis 6.2.14; use Redis",
        ),
        (
            {"HELLO": HELLO, "INFO": bulk("redis_version:7.2.4\r\nvalkey_version:7.0.0\r\n")},
            "is Valkey 7.0.0; use",
        ),
        ({"HELLO": b"-WRONGPASS no such user\r\n"}, "refuses the user or the password"),
        ({"HELLO": b"-NOAUTH Authentication required.\r\n"}, "refuses the user or the password"),
        ({"HELLO": CLUSTER_HELLO}, "is in cluster mode; write redis\\+cluster://"),
        ({"HELLO": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, "is no Redis or Valkey server"),
        ({"HELLO": SENTINEL_HELLO}, "is a sentinel; write redis\\+sentinel://"),
        (
            {
                "HELLO": HELLO,
                "INFO": bulk("redis_version:7.0.0\r\nmaxmemory_policy:allkeys-lru\r\n"),
            },
            "set maxmemory-policy to noeviction",
        ),
        (
            {"HELLO": HELLO, "INFO": bulk("redis_version:7.0.0\r\n"), "GET": bulk("2")},
            "another version of ZoldyQ .layout 2, this one has 1.; give another redis_prefix",
        ),
        (
            {
                "HELLO": HELLO,
                "INFO": bulk("redis_version:7.0.0\r\n"),
                "GET": bulk("1"),
                "SSUBSCRIBE": b"",
                "EVALSHA": b":0\r\n",
            },
            "without a proxy",
        ),
    ],
)
def test_what_waiting_cannot_cure_is_refused_with_what_to_do(
    replies: dict[str, bytes], said: str
) -> None:
    with FakeServer(answers(**replies)) as server, pytest.raises(InvalidSetting, match=said):
        probe(f"redis://127.0.0.1:{server.port}")


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ({"HELLO": HELLO, "INFO": b"-LOADING Redis is loading\r\n"}, "says LOADING"),
        ({"HELLO": HELLO, "INFO": b"-BUSY Redis is busy\r\n"}, "says BUSY"),
        ({"HELLO": b"-ERR max number of clients reached\r\n"}, "says ERR max number of clients"),
        ({"HELLO": HELLO.replace(b"$6\r\nmaster", b"$7\r\nreplica")}, "is a replica"),
    ],
)
def test_what_may_pass_is_waited_for_and_told_when_the_time_is_up(
    replies: dict[str, bytes], said: str
) -> None:
    with FakeServer(answers(**replies)) as server, pytest.raises(BackendUnavailable, match=said):
        probe(f"redis://127.0.0.1:{server.port}")


def test_every_server_that_was_tried_is_named() -> None:
    with pytest.raises(BackendUnavailable, match=r"0\.1:1 .*; cannot reach 127\.0\.0\.1:2 "):
        probe("redis+cluster://127.0.0.1:1,127.0.0.1:2")


def test_sentinels_that_do_not_know_the_name_are_told() -> None:
    with (
        FakeServer(answers(HELLO=SENTINEL_HELLO, SENTINEL=b"_\r\n")) as server,
        pytest.raises(InvalidSetting, match="knows no primary named main"),
    ):
        probe(f"redis+sentinel://127.0.0.1:{server.port}/main")

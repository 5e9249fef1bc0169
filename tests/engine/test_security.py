"""TLS, users and passwords between a front end and Redis, and prefixes that keep queues apart."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority, shared_authority
from tests.contract.raw import Api
from tests.contract.servers import start
from tests.engine.engines import EngineFrontEnd
from tests.engine.servers import PROGRAM, RedisConnection, RedisServer, free_port, needs_redis
from tests.helpers import wait_until
from zoldyq.contract.errors import BackendUnavailable, InvalidSetting
from zoldyq.engine.address import parse_address
from zoldyq.engine.probe import await_server
from zoldyq.engine.security import make_security, with_password

pytestmark = needs_redis

Make = Callable[..., EngineFrontEnd]

PAGE = Path(__file__).parents[2] / "contrib" / "docs" / "scaling.md"
PASSWORD = "correct-horse"


def acl_words() -> list[str]:
    """The user that the page on several servers shows, with a password."""
    line = re.search(r"^user (zoldyq on .*)$", PAGE.read_text(), re.MULTILINE)
    assert line is not None
    return line[1].replace("PASSWORD", PASSWORD).split()


class TlsRedis(RedisServer):
    """A Redis with a port for TLS, which asks for certificates, and one without."""

    def __init__(self, folder: Path) -> None:
        self.tls_port = free_port()
        self.authority = shared_authority()
        certificate = str(self.authority.issue("queues.example"))
        super().__init__(
            folder,
            *("--tls-port", str(self.tls_port), "--tls-ca-cert-file", str(self.authority.ca)),
            *("--tls-cert-file", certificate, "--tls-key-file", certificate),
        )


@pytest.fixture(scope="module")
def tls_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedis]:
    if b"SSL_CTX_new" not in Path(shutil.which(PROGRAM) or "").read_bytes():
        pytest.skip(f"{PROGRAM} was built without TLS")
    server = TlsRedis(tmp_path_factory.mktemp("tls-redis"))
    with server.connect() as ask:
        ask("ACL", "SETUSER", *acl_words())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def given(tls_redis: TlsRedis, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings of a front end that is let in."""
    file = tmp_path_factory.mktemp("secrets") / "password"
    file.write_text(f"{PASSWORD}\n")
    return {
        "backend": f"rediss://zoldyq@127.0.0.1:{tls_redis.tls_port}",
        "redis_password_file": str(file),
        "redis_tls_ca": str(tls_redis.authority.ca),
        "redis_tls_cert": str(tls_redis.authority.issue("front-end")),
    }


def probe(given: dict[str, Any], *, timeout: float = 5, **changed: Any) -> None:
    """Look at the server as the start of a front end does, and try only once."""
    settings = {"redis_tls_key": None, "redis_tls_name": "", **given, **changed}
    address = with_password(parse_address(settings["backend"]), settings["redis_password_file"])
    names = ("redis_tls_ca", "redis_tls_cert", "redis_tls_key", "redis_tls_name")
    tls = make_security(address, *(settings[name] for name in names))
    await_server(address, "zoldyq:t", tls=tls, timeout=timeout, start_seconds=0)


def test_the_user_of_the_page_does_all_over_tls_and_no_secret_is_told(
    given: dict[str, Any], tmp_path: Path
) -> None:
    server = start("native", tmp_path, log_level="debug", redis_prefix="zoldyq:a", **given)
    try:
        api = Api(server.address)
        assert api.put("/queues/q", {"capacity": 9, "ttl_seconds": 60}).status == 201
        for number in range(3):
            api.enqueue("q", f"{number}" * 100_000)
        assert api.get("/queues/q/peek").status == 200
        assert api.post("/queues/q/dequeue?count=2").status == 200
        assert api.post("/queues/q/purge").status == 200
        assert api.post("/queues/q/dequeue?timeout=0.01").status == 204
        assert api.delete("/queues/q").status == 200
        health, metrics = api.get("/health"), api.get("/metrics")
        assert health.json()["backend"]["up"] is True
        refused = api.post("/queues/q/dequeue?timeout=0.01")
        told = [health.body, metrics.body, refused.body, server.log.read_bytes()]
    finally:
        assert server.stop() == 0
    told.append(server.out.read_bytes())
    assert all(PASSWORD.encode() not in each for each in told)
    assert "NOPERM" not in server.log.read_text()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"redis_tls_ca": None}, "is not trusted"),
        ({"redis_tls_name": "other.example"}, "is not trusted"),
        ({"redis_tls_cert": None}, "certificate that it trusts"),
    ],
)
def test_tls_that_cannot_be_is_refused_with_what_to_set(
    given: dict[str, Any], changed: dict[str, Any], said: str
) -> None:
    with pytest.raises((InvalidSetting, BackendUnavailable), match=said):
        probe(given, **changed)


def test_the_certificate_may_be_for_another_name_than_the_host(given: dict[str, Any]) -> None:
    probe(given, redis_tls_name="queues.example")


def test_tls_on_one_side_alone_is_told(given: dict[str, Any], tls_redis: TlsRedis) -> None:
    with pytest.raises(BackendUnavailable, match="if it speaks none, write redis://"):
        probe(given, timeout=0.2, backend=f"rediss://127.0.0.1:{tls_redis.port}")
    plain = {"redis_tls_ca": None, "redis_tls_cert": None}
    with pytest.raises(BackendUnavailable, match="write rediss://"):
        probe(given, backend=f"redis://127.0.0.1:{tls_redis.tls_port}", **plain)
    with pytest.raises(InvalidSetting, match="redis_tls_ca is of no use without TLS"):
        probe(given, backend=f"redis://127.0.0.1:{tls_redis.port}")


def test_files_that_cannot_be_used_are_told(given: dict[str, Any], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for setting in ("redis_tls_ca", "redis_tls_cert", "redis_password_file"):
        with pytest.raises(InvalidSetting, match=setting):
            probe(given, **{setting: str(tmp_path / "none")})
        with pytest.raises(InvalidSetting, match=setting):
            probe(given, **{setting: str(empty)})
    with pytest.raises(InvalidSetting, match="leave one out"):
        probe(given, backend="rediss://a:b@127.0.0.1:1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["off"], "user or the password"),
        (["-evalsha"], "does not allow EVALSHA"),
        (["-script"], "does not allow SCRIPT"),
        (["-info"], "does not allow INFO"),
        (["resetkeys"], "does not allow SET"),
        (["resetchannels"], "does not reach|NOPERM|does not allow"),
    ],
)
def test_a_user_that_may_too_little_is_refused_with_what_it_lacks(
    given: dict[str, Any], tls_redis: TlsRedis, words: list[str], said: str
) -> None:
    with tls_redis.connect() as ask:
        ask("ACL", "SETUSER", "zoldyq", *words)
        try:
            with pytest.raises(InvalidSetting, match=said):
                probe(given)
        finally:
            ask("ACL", "SETUSER", "zoldyq", "reset")
            ask("ACL", "SETUSER", *acl_words())


def test_two_prefixes_in_one_redis_do_not_see_each_other(
    redis_server: RedisServer, engine: Make, redis: RedisConnection
) -> None:
    a, b = engine(redis_server.url, prefix="one"), engine(redis_server.url, prefix="two")
    a.enqueue("q", b"1")
    assert b.dequeue("q") == []
    b.enqueue("q", b"2")
    b.enqueue("r", b"3")
    assert [name for name, _ in a.queues.all_stats()] == ["q"]
    assert [name for name, _ in b.queues.all_stats()] == ["q", "r"]
    b.queues.delete("q")
    assert a.dequeue("q") == [b"1"]
    wait_until(lambda: a.engine.settled and b.engine.settled)
    keys = [key.decode() for key in redis("KEYS", "*")]
    assert all(key.startswith(("one:", "two:")) for key in keys)


def test_a_certificate_of_a_stranger_is_refused(given: dict[str, Any], tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    with pytest.raises((InvalidSetting, BackendUnavailable), match="certificate that it trusts"):
        probe(given, redis_tls_cert=str(stranger.issue("front-end")))

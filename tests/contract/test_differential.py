"""The native server and the Falcon application answer the same requests alike.

Each request of the corpus goes to the native server over the wire and to the application as a
WSGI call, each with a server and queues of its own, and the answers have to agree in status, in
the headers that matter, and in their bodies but for times.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.raw import Response, Wire, request_bytes
from zoldyq.config import Settings
from zoldyq.queue import QueueManager
from zoldyq.server.run import make_server
from zoldyq.server.wsgi.app import ZoldyQApp, create_app

SETTINGS = Settings(
    host="127.0.0.1",
    port=0,
    tokens=("secret",),
    cors_origins=("https://app.example.org",),
    max_bytes=100_000,
    max_body_bytes=2_000,
    max_queues=6,
    max_count=5,
    max_timeout=9,
    default_queue_capacity=4,
)

#: Headers that differ from server to server, and mean the same.
OWN_HEADERS = {"date", "connection", "keep-alive", "content-length", "server"}

_TIMES = re.compile(
    rb'("(?:enqueued_at|created_at|uptime_seconds|oldest_age_seconds)":)[0-9.e-]+'
    rb"|(?<=_seconds_sum)\{[^}]*\} [0-9.e-]+|(?<=_seconds_bucket)\{[^}]*\} [0-9.e-]+"
    rb"|(?<=age_seconds)\{[^}]*\} [0-9.e-]+"
)

Case = tuple[str, str, bytes | None, dict[str, str]]


class Native:
    """The native server, asked over one connection after the other."""

    def __init__(self) -> None:
        manager = QueueManager(
            SETTINGS.default_queue_capacity, SETTINGS.max_queues, SETTINGS.max_bytes
        )
        self._server = make_server(SETTINGS, create_app(SETTINGS, manager))
        address = self._server.listen("127.0.0.1", 0)[0]
        self._port = int(address.rpartition(":")[2])
        self._server.start()

    def ask(self, case: Case) -> Response:
        method, target, body, headers = case
        with Wire(("127.0.0.1", self._port)) as wire:
            return wire.request(method, target, body, **headers)

    def close(self) -> None:
        self._server.stop()


class Application:
    """The application, called as PEP 3333 has it."""

    def __init__(self) -> None:
        self._app: ZoldyQApp = create_app(SETTINGS)

    def ask(self, case: Case) -> Response:
        environ = _environ(*case)
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        chunks = self._app(environ, lambda status, headers, _=None: begun.append((status, headers)))
        body = b"".join(chunks)
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
        status, headers = begun[0]
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
        return Response("\r\n".join(lines).encode("latin-1"), body)


def _environ(
    method: str, target: str, body: bytes | None, headers: dict[str, str]
) -> dict[str, Any]:
    """The environment that a WSGI server would make of the same bytes."""
    head = request_bytes(method, target, body, **headers).partition(b"\r\n\r\n")[0]
    lines = head.decode("latin-1").split("\r\n")[1:]
    path, _, query = target.removeprefix("http://zoldyq").partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": re.sub("%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), path),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for line in lines:
        name, _, value = line.partition(":")
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value.strip()
    return environ


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Native, Application]]:
    """Both faces, with queues of their own that go through the same."""
    native = Native()
    yield native, Application()
    native.close()


def seen(response: Response) -> tuple[int, dict[str, str], bytes]:
    """What has to be the same."""
    headers = {name: value for name, value in response.headers.items() if name not in OWN_HEADERS}
    return response.status, headers, _TIMES.sub(rb"\1", response.body)


TOKEN = {"authorization": "Bearer secret"}
NDJSON = {"content_type": "application/x-ndjson"}
LINES = {"accept": "application/x-ndjson"}
CORS = {"origin": "https://app.example.org"}


def _bodies() -> Iterator[Case]:
    """Enqueue bodies, good and bad."""
    for body in (
        b'{"payload":1}',
        b'{"payload":12345678901234567890123, "payload": 1.10}',
        b' {\n"payloads" : [1, "\\u00e4", {"a":1,"a":2}]}\r\n',
        b'{"payload":"\xc3\xa4"}',
        b"",
        b" ",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b'{"payload":1}{',
        b'{"payload":}',
        b'{"payload":1,}',
        b"{'payload':1}",
        b'{"payload":NaN}',
        b'{"payload":"\xff"}',
        b'{"payload":"\x00"}',
        b'{"payloads":[]}',
        b'{"payloads":{}}',
        b'{"payloads":[1],"payload":1}',
        b'{"payloads":[1,2,3,4,5]}',
        b'{"payload":1,"x":2}',
        b'{"payload":1,"%b":2}' % (b"x" * 500),
        b"[" * 1500,
        b'{"payload":' + b"[" * 1500 + b"]" * 480,
        b"\xef\xbb\xbf{}",
        b"\x00",
    ):
        yield "POST", "/queues/bodies/enqueue", body, TOKEN
        yield "POST", "/queues/bodies/enqueue?timeout=0.01", body, TOKEN
        yield "GET", "/queues/bodies/dequeue?count=5", None, TOKEN
        yield "POST", "/queues/lines/enqueue", body, {**TOKEN, **NDJSON}
        yield "GET", "/queues/lines/dequeue?count=5", None, {**TOKEN, **LINES}
        yield "PUT", "/queues/put", body, TOKEN
    for body in (
        b"1\n2\n",
        b"1\r\n\r\n2",
        b"1 2",
        b'{"a":\n1}',
        b"\n",
        b"1\n{\n2",
        b"1\n2\n3\n4\n5",
    ):
        yield "POST", "/queues/lines/enqueue", body, {**TOKEN, **NDJSON}
        yield "GET", "/queues/lines/dequeue?count=2", None, {**TOKEN, **LINES}
        yield "POST", "/queues/lines/purge", b"", TOKEN
    for size in (1986, 1987, 5000):
        body = b'{"payload":"%b"}' % (b"x" * size)
        yield "POST", "/queues/bodies/enqueue", body, TOKEN
        yield "PUT", "/queues/bodies", body, TOKEN
    # Up to the limit: a server has to read the body of any request, an application only those
    # that mean something to it.
    yield "GET", "/queues/bodies/dequeue", b" " * 2000, TOKEN
    yield "GET", "/health", b" " * 2000, TOKEN
    for encoding in ("gzip", "identity", "Identity", " IDENTITY ", "br, gzip", ""):
        headers = {**TOKEN, "content_encoding": encoding}
        yield "POST", "/queues/bodies/enqueue", b'{"payload":1}', headers
        yield "PUT", "/queues/bodies", b'{"capacity":4}', headers
        yield "GET", "/queues/bodies/dequeue", None, headers
    for content_type in ("text/plain", "application/json", "application/x-ndjson;x", "", "a/b/c"):
        headers = {**TOKEN, "content_type": content_type}
        yield "POST", "/queues/bodies/enqueue", b"1\n2\n", headers
        yield "GET", "/queues/bodies/dequeue?count=5", None, headers


def _queries() -> Iterator[Case]:
    """Parameters, good and bad, on each path that takes them."""
    queries = [
        f"{name}={value}"
        for name in ("timeout", "count", "Timeout", "%63ount")
        for value in (
            *("0", "1", "-1", "5", "6", "9", "10", "1e0", "1e-9", "1e99", ".5", "5.", ".", "e1"),
            *("nan", "inf", "", "%31", "%2B1", "+1", " 1".replace(" ", "%20"), "1_0", "0x1"),
            *("%D9%A3", "%FF", "%", "%zz", "9" * 400, "0" * 400, "1;", "1,1", "'", "%00", "1%0A"),
        )
    ]
    queries += ["", "&", "=", "count", "count&timeout", "count=1&count=2", "count=2&count=x"]
    queries += ["count=1;timeout=x", "a=b&c=d", "count=1&", "?count=1", "count=1?", "timeout[]=1"]
    for query in queries:
        for method, path in (
            ("POST", "/queues/queries/enqueue"),
            ("GET", "/queues/queries/dequeue"),
            ("GET", "/queues/queries/peek"),
        ):
            # A consumer would wait, as is its right, if it found nothing.
            body = b'{"payload":1}' if method == "POST" else None
            yield "POST", "/queues/queries/enqueue", b'{"payloads":[1]}', TOKEN
            yield method, f"{path}?{query}", body, TOKEN
            yield "POST", "/queues/queries/purge", b"", TOKEN


def _paths() -> Iterator[Case]:
    """Names and paths, with each method."""
    names = ["a", "A.b_c:d-e", "%61", "-a", ".", "..", "", "a" * 128, "a" * 129, "%20", "a%20b"]
    names += ["%C3%A4", "%FF", "%2F", "a%2Fb", "%00", "a+b", "a%2Bb", "%25", "%", "%zz", "a;b"]
    names += ["a@b", "~", "a%3Fb", "%41%42", "*", "a$b", "%E2%82%AC"]
    for name in names:
        for verb in ("", "/", "/enqueue", "/dequeue", "/peek", "/purge", "/other", "/enqueue/"):
            for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
                yield method, f"/queues/{name}{verb}", b"{}" if method == "PUT" else None, TOKEN
    for path in (
        *("/", "/queues", "/queues/", "/health", "/health/", "/ready", "/metrics", "/nothing"),
        *("/openapi.json", "/ui/style.css", "/ui/nothing", "/ui/", "/ui/../x", "/%2e%2e/x", "//"),
        *("//queues", "/queues//enqueue", "/queues///", "/Queues", "/%71ueues", "/queues?x", "/?"),
        *("/queues/a/enqueue;x", "/queues/a/enqueue%20", "/queues/a/enqueue%2F", "/%F0%9F%98%80"),
    ):
        for method in (
            *("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"),
            *("LINK", "FOO", "VERSION-CONTROL", "WEBSOCKET", "QUERY"),
        ):
            yield method, path, None, TOKEN


#: Ways to write a path that some server or framework takes for the plain one.
SPELLINGS = (
    "/queues/spelt/{}",
    "//queues/spelt/{}",
    "///queues/spelt/{}",
    "/%2Fqueues/spelt/{}",
    "/%2f%2fqueues/spelt/{}",
    "/queues//spelt/{}",
    "/queues/spelt//{}",
    "/queues/spelt%2F{}",
    "/queues%2Fspelt%2F{}",
    "/queues/spelt/{}/",
    "/queues/spelt/{}%2F",
    "/queues/spelt/{}//",
    "/queues/spelt/./{}",
    "/queues/../queues/spelt/{}",
    "/x/../queues/spelt/{}",
    "/./queues/spelt/{}",
    "/queues/s%70elt/{}",
    "/%71ueues/spelt/{}",
    "/Queues/spelt/{}",
    "/queues/spelt/{};a=b",
    "/queues/spelt/{}%00",
    "/queues/spelt/{}%20",
    "/queues\\spelt\\{}",
    "/queues/spelt/%EF%BC%8F{}",
    "http://zoldyq/queues/spelt/{}",
    "http://zoldyq//queues/spelt/{}",
)


def _spellings() -> Iterator[Case]:
    """Each spelling of each path of a queue, with each method."""
    for spelling in SPELLINGS:
        for verb in ("enqueue", "dequeue", "peek", "purge", "Dequeue", "d%65queue"):
            for method in ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
                yield "POST", "/queues/spelt/enqueue", b'{"payload":1}', TOKEN
                yield method, spelling.format(verb), b'{"payload":2}', TOKEN
                yield "GET", "/queues/spelt/dequeue?count=5", None, TOKEN


def _access() -> Iterator[Case]:
    """Tokens, origins and preflights on paths that either face answers."""
    tokens: list[dict[str, str]] = [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer wrong"},
        {"authorization": "bearer secret"},
        {"authorization": "Bearer  secret"},
        {"authorization": "Bearer secret2"},
        {"authorization": "Basic c2VjcmV0"},
        {"authorization": "secret"},
        {"authorization": "Bearer s\xe9cret"},
        TOKEN,
    ]
    origins: list[dict[str, str]] = [
        {},
        CORS,
        {**CORS, "sec_fetch_site": "cross-site"},
        {"origin": "https://evil.example.org"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://zoldyq"},
        {"origin": "http://ZOLDYQ:80"},
        {"origin": "http://zoldyq", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-origin"},
        {"origin": "https://app.example.org "},
        {"origin": "HTTPS://APP.EXAMPLE.ORG"},
        {"host": "127.0.0.1:9000", "origin": "http://127.0.0.1:9000"},
    ]
    targets = [
        ("POST", "/queues/access/enqueue", b'{"payload":1}'),
        ("GET", "/queues/access/dequeue", None),
        ("GET", "/queues/-/dequeue", None),
        ("GET", "/queues/access/dequeue?count=0", None),
        ("HEAD", "/queues/access/dequeue", None),
        ("POST", "/queues/access/purge", None),
        ("GET", "/queues", None),
        ("GET", "/health", None),
        ("GET", "/", None),
        ("GET", "/ui/style.css", None),
        ("GET", "/nothing", None),
    ]
    for method, target, body in targets:
        for token in tokens:
            yield method, target, body, token
        for origin in origins:
            yield method, target, body, {**origin, **TOKEN}
            yield method, target, body, origin
    for origin in origins:
        for requested in ({"access_control_request_method": "POST"}, {}):
            for target in ("/queues/a/enqueue", "/queues/a/dequeue", "/queues", "/nothing"):
                yield "OPTIONS", target, None, {**origin, **requested}


def _story() -> Iterator[Case]:
    """A little life of some queues, to the limits."""
    for name in "abcdefgh":
        yield "PUT", f"/queues/{name}", b'{"capacity":2}', TOKEN
        yield "POST", f"/queues/{name}/enqueue", b'{"payload":1}', TOKEN
    yield "GET", "/queues", None, TOKEN
    yield "GET", "/health", None, TOKEN
    for _ in range(3):
        yield "POST", "/queues/a/enqueue", b'{"payload":{"n":1}}', TOKEN
        yield "POST", "/queues/a/enqueue?timeout=0.02", b'{"payloads":[1]}', {**TOKEN, **CORS}
    yield "GET", "/queues/a", None, TOKEN
    yield "GET", "/queues/a/peek?count=5", None, {**TOKEN, **LINES}
    for _ in range(3):
        yield "GET", "/queues/a/dequeue", None, {**TOKEN, **CORS}
        yield "GET", "/queues/a/dequeue?timeout=0.02", None, {**TOKEN, **CORS}
    yield "PUT", "/queues/a", b'{"capacity":3}', TOKEN
    for name in "abcdefgh":
        yield "DELETE", f"/queues/{name}", None, TOKEN
    yield "POST", "/queues/a/purge", None, TOKEN
    yield "PUT", "/queues/a", b'{"capacity":1000}', TOKEN
    for _ in range(60):
        yield "POST", "/queues/a/enqueue", b'{"payload":"%b"}' % (b"x" * 1900), TOKEN
        yield "GET", "/ready", None, TOKEN
    yield "GET", "/queues/a/dequeue?count=5", None, TOKEN
    yield "GET", "/queues/a/peek?count=5", None, TOKEN
    yield "GET", "/metrics", None, TOKEN
    yield "DELETE", "/queues/a", None, TOKEN


CORPUS = {
    "bodies": _bodies,
    "queries": _queries,
    "paths": _paths,
    "spellings": _spellings,
    "access": _access,
    "story": _story,
}


@pytest.mark.parametrize("chapter", CORPUS)
def test_both_faces_answer_alike(both: tuple[Native, Application], chapter: str) -> None:
    native, application = both
    different = []
    for name in "abcdefgh":
        for face in both:
            face.ask(("DELETE", f"/queues/{name}", None, TOKEN))
    for case in CORPUS[chapter]():
        theirs, ours = seen(native.ask(case)), seen(application.ask(case))
        if theirs != ours:
            different.append(f"{case}\n  native: {theirs}\n  falcon: {ours}")
    assert not different, f"{len(different)} differ:\n" + "\n".join(different[:20])

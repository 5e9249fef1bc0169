#!/usr/bin/env python3
"""Send the records of this machine's package databases through a queue, and see them all come out.

The records are the Debian packages and what they depend on, where there is dpkg, and then the
files of the installed Python distributions. Three producers send them at the same time, each in a
way of its own: one request for each message, batches of lines, and a WebSocket. Three consumers
take them out in the same three ways. In the end each record must have come exactly once,
unchanged to the byte, and every consumer must have seen those of each producer in their order.

    zoldyq --host 127.0.0.1 &
    python contrib/examples/records.py --url http://127.0.0.1:9000

With ``--url https://...`` it speaks TLS; ``--cacert`` names a certificate to trust, and the
variable ZOLDYQ_TOKEN a token to send.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPSConnection
from importlib.metadata import distributions
from itertools import chain, islice
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlsplit

from simple_websocket import Client

NDJSON = "application/x-ndjson"
BATCH = 200
#: What dpkg-query puts between fields and behind records; neither is in any field.
FIELD, RECORD = "\x1f", "\x1e"
FIELDS = ("Package", "Version", "Architecture", "Section", "Maintainer", "Description", "Depends")


# -- records ----------------------------------------------------------------------------------


def debian_records() -> Iterator[dict[str, object]]:
    """Every installed Debian package, and everything that it depends on."""
    if shutil.which("dpkg-query") is None:
        return
    pattern = FIELD.join(f"${{{field}}}" for field in FIELDS) + RECORD
    command = ["dpkg-query", "--show", f"--showformat={pattern}"]
    listing = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    for record in filter(None, listing.split(RECORD)):
        fields = record.split(FIELD)
        yield dict(zip(FIELDS, fields, strict=True))
        for dependency in filter(None, fields[FIELDS.index("Depends")].split(", ")):
            yield {"Package": fields[0], "Dependency": dependency}


def python_records() -> Iterator[dict[str, object]]:
    """Every file of the installed Python distributions."""
    for distribution in distributions():
        for file in distribution.files or ():
            yield {
                "Distribution": distribution.metadata["Name"],
                "Version": distribution.version,
                "File": str(file),
                "Size": file.size,
            }


def read_records(limit: int) -> list[str]:
    """Up to ``limit`` records as JSON texts."""
    records = islice(chain(debian_records(), python_records()), limit)
    return [json.dumps(record, ensure_ascii=False) for record in records]


# -- producers ----------------------------------------------------------------------------------


class Server(NamedTuple):
    """Where it is, what it is sent, and how it is spoken to if it speaks TLS."""

    url: str
    token: str | None
    context: ssl.SSLContext | None

    @property
    def headers(self) -> dict[str, str]:
        """What is sent with every request."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def connect(self) -> HTTPConnection:
        """Return a connection for HTTP."""
        netloc = urlsplit(self.url).netloc
        if self.context is None:
            return HTTPConnection(netloc, timeout=60)
        return HTTPSConnection(netloc, timeout=60, context=self.context)

    def stream(self, path: str) -> Client:
        """Return a WebSocket."""
        url = self.url.replace("http", "ws", 1) + path
        return Client(url, headers=self.headers, ssl_context=self.context)


class Http:
    """A connection that is kept, for one thread."""

    def __init__(self, server: Server) -> None:
        self._connection = server.connect()
        self._headers = server.headers

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
        """Return the body of the response, which is empty for a 204."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | self._headers
        self._connection.request(method, path, body, sent)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status not in (200, 204):
            raise RuntimeError(f"{method} {path} was answered {response.status}: {answer!r}")
        return answer

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


def send_one_by_one(server: Server, queue: str, texts: Sequence[str]) -> None:
    """One request for each message."""
    http = Http(server)
    for text in texts:
        http.ask("POST", f"/queues/{queue}/enqueue", f'{{"payload":{text}}}'.encode())
    http.close()


def send_lines(server: Server, queue: str, texts: Sequence[str]) -> None:
    """Batches with one message a line."""
    http = Http(server)
    for at in range(0, len(texts), BATCH):
        lines = "\n".join(texts[at : at + BATCH]).encode()
        http.ask("POST", f"/queues/{queue}/enqueue", lines, content_type=NDJSON)
    http.close()


def send_stream(server: Server, queue: str, texts: Sequence[str]) -> None:
    """A WebSocket, acknowledged in batches: many messages may be on their way at once."""
    stream = server.stream(f"/queues/{queue}/enqueue")
    for at in range(0, len(texts), BATCH):
        batch = texts[at : at + BATCH]
        for text in batch:
            stream.send(f'{{"payload":{text}}}')
        for _ in batch:
            answer = json.loads(stream.receive(timeout=60) or "{}")
            if not answer.get("queued"):
                raise RuntimeError(f"a message was refused: {answer}")
    stream.close()


PRODUCERS = {"one by one": send_one_by_one, "lines": send_lines, "stream": send_stream}


# -- consumers ----------------------------------------------------------------------------------


class Inbox:
    """How many messages are still to come, to all consumers together."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()  # guards _missing
        self._missing = count
        self.done = threading.Event()

    def note(self, count: int) -> None:
        """Take note of messages that have come."""
        with self._lock:
            self._missing -= count
            if self._missing <= 0:
                self.done.set()


def payload_of(document: str) -> str:
    """Cut the payload out of a document, as the bytes that were sent."""
    return document.removeprefix('{"payload":').rpartition(',"queue_name":')[0]


def take_one_by_one(server: Server, queue: str, inbox: Inbox) -> list[str]:
    """One request for each message, waiting for it."""
    http = Http(server)
    taken = []
    while not inbox.done.is_set():
        if document := http.ask("GET", f"/queues/{queue}/dequeue?timeout=1").decode():
            taken.append(payload_of(document))
            inbox.note(1)
    http.close()
    return taken


def take_lines(server: Server, queue: str, inbox: Inbox) -> list[str]:
    """Up to fifty messages a request, one a line."""
    http = Http(server)
    taken = []
    while not inbox.done.is_set():
        path = f"/queues/{queue}/dequeue?count=50&timeout=1"
        # Not splitlines(), which also splits at characters that a payload may hold.
        lines = http.ask("GET", path, accept=NDJSON).decode().split("\n")[:-1]
        taken += lines
        inbox.note(len(lines))
    http.close()
    return taken


def take_stream(server: Server, queue: str, inbox: Inbox) -> list[str]:
    """A WebSocket that has at most ten messages on their way."""
    stream = server.stream(f"/queues/{queue}/dequeue?credit=10")
    taken = []
    while not inbox.done.is_set():
        if (document := stream.receive(timeout=1)) is not None:
            taken.append(payload_of(document))
            inbox.note(1)
            stream.send('{"credit":1}')
    stream.close()
    return taken


CONSUMERS = (take_one_by_one, take_lines, take_stream)


# -- the whole ----------------------------------------------------------------------------------


def shares(records: Sequence[str]) -> dict[str, list[str]]:
    """Deal the records out to the producers, each with its producer and its number."""
    names = list(PRODUCERS)
    return {
        name: [
            f'{{"producer":"{name}","number":{number},"record":{record}}}'
            for number, record in enumerate(records[index :: len(names)])
        ]
        for index, name in enumerate(names)
    }


def send_and_take(server: Server, queue: str, sent: dict[str, list[str]]) -> list[list[str]]:
    """Send all, take all, and return what each consumer took."""
    inbox = Inbox(sum(map(len, sent.values())))

    def producing(name: str) -> Callable[[], None]:
        return lambda: PRODUCERS[name](server, queue, sent[name])

    with ThreadPoolExecutor(len(PRODUCERS) + len(CONSUMERS)) as pool:
        taking = [pool.submit(take, server, queue, inbox) for take in CONSUMERS]
        sending = [pool.submit(producing(name)) for name in sent]
        try:
            for future in sending:
                future.result()
            inbox.done.wait(60)
        finally:
            inbox.done.set()
        return [future.result() for future in taking]


def problems(sent: dict[str, list[str]], taken: Sequence[Sequence[str]]) -> list[str]:
    """What is wrong with what came out; nothing, if all is well."""
    found = []
    expected = [text for texts in sent.values() for text in texts]
    came = [text for texts in taken for text in texts]
    for what, texts in (
        ("never came, or not as it was sent", set(expected) - set(came)),
        ("came and was never sent", set(came) - set(expected)),
    ):
        found += [f"{what}: {text}" for text in sorted(texts)]
    if len(came) != len(set(came)):
        found.append(f"{len(came) - len(set(came))} came more than once")
    places = {text: (name, at) for name, texts in sent.items() for at, text in enumerate(texts)}
    for each in taken:
        seen = [places[text] for text in each if text in places]
        for name in sent:
            numbers = [number for producer, number in seen if producer == name]
            if numbers != sorted(numbers):
                found.append(f"those of {name!r} came out of order")
    return found


def server_of(options: argparse.Namespace) -> Server:
    """Return the server that the options name."""
    secure = options.url.startswith("https:")
    context = ssl.create_default_context(cafile=options.cacert) if secure else None
    return Server(options.url.rstrip("/"), os.environ.get("ZOLDYQ_TOKEN"), context)


def main() -> int:
    """Run the example; the exit code tells whether all came out well."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:9000", help="where ZoldyQ listens")
    parser.add_argument("--cacert", metavar="FILE", help="certificates to trust (PEM)")
    parser.add_argument("--queue", default="records", help="an empty queue, or a new one")
    parser.add_argument("--limit", type=int, default=3000, help="records to send at the most")
    parser.add_argument("--print", action="store_true", help="print the records and send nothing")
    options = parser.parse_args()
    records = read_records(options.limit)
    if options.print:
        print("\n".join(records))
        return 0
    sent = shares(records)
    began = perf_counter()
    taken = send_and_take(server_of(options), options.queue, sent)
    seconds = perf_counter() - began
    found = problems(sent, taken)
    print("\n".join(found[:20]), end="\n" if found else "")
    print(
        f"{len(records)} records went through {options.queue} in {seconds:.1f} s; "
        + (f"{len(found)} problems" if found else "each came once, unchanged and in order")
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

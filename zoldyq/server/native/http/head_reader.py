"""Reads heads fast, because most of what clients send has been sent before.

A client repeats its heads to the letter, so a whole head is found by its bytes. Behind a proxy or
under tracing heads differ in some lines (a request id, a trace id, a length), and the others
repeat: each line is checked once and from then on found by its bytes. A new line whose name does
not matter only has to be well-formed. What a request means is worked out once for all that are
alike in the lines that matter.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import filterfalse
from typing import Generic, TypeVar

import msgspec

from zoldyq.contract.errors import MalformedRequest
from zoldyq.server.native.http.head import (
    MATTERS,
    VALUE_BYTES,
    Head,
    RequestLine,
    read_head,
    read_length,
    split_header,
)

K = TypeVar("K")
V = TypeVar("V")

#: Heads that are remembered by their bytes, and meanings that are remembered by what matters.
_HEADS = 1024
_HEAD_BYTES = 1024
_MEANING_BYTES = 4096
#: Header lines that are remembered, and how many of each name: a header whose value is always new
#: is not worth remembering.
_LINES = 8192
_LINE_BYTES = 1024
_LINES_OF_A_NAME = 64
#: What is remembered of a line that matters and is no Content-Length.
_MATTERS = -1


class Known(msgspec.Struct, frozen=True, gc=False):
    """A head by its bytes, with the length of the body that it announces."""

    raw: bytes
    head: Head
    length: int
    size: int
    total: int
    """The length of the head, and of head and body."""
    epoch: object
    """That of the reader when the route was worked out."""


#: What no data is.
UNKNOWN = Known(b"", Head(RequestLine("", "", "", "", ""), []), 0, 0, -1, None)


class Recent(Generic[K, V]):
    """What was used last: up to twice ``size`` entries, in two generations.

    When the young generation is full it becomes the old one, and what was not used since the last
    time is forgotten. ``get_young`` looks into the young generation only.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self.get_young = self._young.get

    def get(self, key: K) -> V | None:
        """Return what was remembered, None if nothing was."""
        value = self._young.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self.put(key, value)
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._young.clear()
        self._old = {}

    def put(self, key: K, value: V) -> None:
        """Remember a value."""
        if len(self._young) >= self._size:
            self._old = dict(self._young)
            self._young.clear()
        self._young[key] = value


class HeadReader:
    """Reads the heads of all connections of one thread.

    ``prepare(head, length)`` works out the route of a head whose body has ``length`` bytes (0 for
    one in chunks) and tells whether all headers are wanted, and not only those that matter. It is
    called once for all requests that are alike in what matters. Bodies count as alike but for
    whether they are larger than ``max_body_bytes``.
    """

    def __init__(self, prepare: Callable[[Head, int], bool], max_body_bytes: int) -> None:
        self._prepare = prepare
        self._max_body = max_body_bytes
        #: Another object after :meth:`forget_routes`: what was worked out before holds no longer.
        self.epoch = object()
        self.heads: Recent[bytes, Known] = Recent(_HEADS)
        self._meanings: Recent[tuple[bytes, ...], tuple[Head, bool]] = Recent(_HEADS)
        # Well-formed lines: those that mean nothing here, and those that matter, with the length
        # that they announce or _MATTERS.
        self._silent: set[bytes] = {b""}
        self._is_silent = self._silent.__contains__
        self._meaning_of = self._meanings.get_young
        self._lines: dict[bytes, int] = {}
        self._found = self._lines.get
        # How many silent lines of each name there are, and the names, as they are written, of which
        # there were too many to remember more. Their lines only have to be well-formed.
        self._count_of: dict[bytes, int] = {}
        self._changing: set[bytes] = set()

    def forget_routes(self) -> None:
        """Have the routes of all heads worked out again, since what they allow has changed.

        Call it on the thread to which the reader belongs.
        """
        self.epoch = object()
        self.heads.clear()
        self._meanings.clear()

    # One piece: in the path of every request behind a proxy a call takes as long as its work.
    def read(self, raw: bytes) -> tuple[Head, int, Known | None]:  # noqa: C901
        """Read a head, given to its last byte.

        Return it with the length of its body, and with what is remembered of it if it is known by
        its bytes from now on.

        Raises:
            MalformedRequest, UnsupportedTransferEncoding, UnsupportedExpectation: as
                :func:`read_head`.
        """
        lines = raw.splitlines()
        # A carriage return or line feed by itself makes a line more than this has pairs.
        if raw.translate(None, VALUE_BYTES) != b"\r\n" * len(lines):
            raise MalformedRequest("the request head holds bytes that no header may hold")
        matter = [lines[0]]
        lines[0] = b""
        length = -1
        is_new = False
        for line in filterfalse(self._is_silent, lines):
            found = self._found(line)
            if found is None:
                is_new = True
                name, colon, _ = line.partition(b":")
                if colon and name in self._changing:
                    continue
                found = self._learn(line)
                if found is None:
                    continue
            if found == _MATTERS:
                matter.append(line)
            elif length < 0:
                length = found
            else:
                raise MalformedRequest("a request has one Content-Length header at the most")
        if length > self._max_body:
            matter.append(b"")  # as no line is: a body that is too large is refused
        key = tuple(matter)
        head, is_special = self._meaning_of(key) or self._understand(key, length, len(raw))
        if is_special:
            head = self._complete(head, lines, length)
        elif not is_new and len(raw) <= _HEAD_BYTES:
            return self._remember(raw, head, max(length, 0))
        return head, length if length > 0 else 0, None

    def _understand(self, key: tuple[bytes, ...], length: int, size: int) -> tuple[Head, bool]:
        """Work out what a head of ``size`` bytes means, of which these lines matter.

        Return it, and whether heads of this kind are read further each time.
        """
        meaning = self._meanings.get(key)
        if meaning is None:
            head = read_head(key[0], filter(None, key[1:]))
            head.wants_all = self._prepare(head, max(length, 0))
            meaning = head, head.wants_all or head.chunked or head.upgrade
            if size <= _MEANING_BYTES:
                self._meanings.put(key, meaning)
        return meaning

    def _complete(self, head: Head, lines: list[bytes], length: int) -> Head:
        """Read what the event loop does not need of other heads."""
        if head.chunked and length >= 0:
            raise MalformedRequest("a request has Content-Length or Transfer-Encoding, not both")
        return head.with_headers(filter(None, lines)) if head.wants_all else head

    def _remember(self, raw: bytes, head: Head, length: int) -> tuple[Head, int, Known]:
        known = Known(raw, head, length, len(raw), len(raw) + length, self.epoch)
        self.heads.put(raw, known)
        return head, length, known

    def _learn(self, line: bytes) -> int | None:
        """Check a line that was not seen before.

        Return the length that it announces, _MATTERS, or None if it means nothing here.
        """
        name, value = split_header(line)
        if len(self._silent) + len(self._lines) >= _LINES:
            self._forget()
        if name not in MATTERS:
            self._remember_silent(name, line)
            return None
        found = read_length(value) if name == b"content-length" else _MATTERS
        if len(line) <= _LINE_BYTES:
            self._lines[line] = found
        return found

    def _remember_silent(self, name: bytes, line: bytes) -> None:
        """Remember a line that means nothing, unless the values of its header always change."""
        count = self._count_of.get(name, 0)
        if count >= _LINES_OF_A_NAME:
            self._changing.add(line.partition(b":")[0])
        elif len(line) <= _LINE_BYTES:
            self._count_of[name] = count + 1
            self._silent.add(line)

    def _forget(self) -> None:
        """Begin anew to remember lines."""
        for memory in (self._silent, self._lines, self._changing, self._count_of):
            memory.clear()
        self._silent.add(b"")

"""A body with too many messages costs no more than its bytes do."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from zoldyq import wire
from zoldyq.contract.errors import BatchTooLarge, InvalidJson, MissingPayload, ZoldyQError
from zoldyq.wire.bounded import LONG_BYTES

MANY = 400_000
ONES = b",".join([b"1"] * MANY)
LONG = b'"%b"' % (b"x" * LONG_BYTES)


@pytest.mark.parametrize(
    ("parse", "body", "refusal"),
    [
        (wire.parse_enqueue, b'{"payloads":[%b]}' % ONES, BatchTooLarge),
        (wire.parse_enqueue, bytearray(b'{"payloads": [%b ] } ' % ONES), BatchTooLarge),
        (wire.parse_enqueue, b'{"payloads":[%b' % ONES, BatchTooLarge),
        (wire.parse_enqueue, b'{"payload":[],"payloads":[%b]}' % ONES, BatchTooLarge),
        (wire.parse_enqueue, b'{"payloads":[1],"payloads":[%b]}' % ONES, BatchTooLarge),
        (wire.parse_enqueue, b'{"payloads":[[],"]",%b,[]]}' % ONES, BatchTooLarge),
        (wire.parse_ndjson, b"1\n" * MANY, BatchTooLarge),
        (wire.parse_ndjson, b"1" + b"\n" * MANY, BatchTooLarge),
        (wire.parse_ndjson, b"1 " * MANY, InvalidJson),
    ],
    ids=[
        "array",
        "buffer",
        "array without an end",
        "behind a payload",
        "a second array",
        "beside nested ones",
        "lines",
        "blank lines",
        "one line",
    ],
)
def test_what_is_too_much_is_refused_before_it_becomes_objects(
    parse: Callable[[wire.Buffer], object], body: wire.Buffer, refusal: type[ZoldyQError]
) -> None:
    # Built once: the objects of the limit itself, and those of the interpreter.
    with pytest.raises(refusal):
        parse(body)
    tracemalloc.start()
    try:
        with pytest.raises(refusal):
            parse(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(body)  # an object for each message takes 60 bytes


@pytest.mark.parametrize("more", [b"", b"," + LONG], ids=["short", "long"])
def test_a_batch_has_as_many_messages_as_the_limit_and_not_one_more(more: bytes) -> None:
    count = 3 + bool(more)
    body = b'{"payloads":[[1,1,1],{"a":1,"b":[2,2]},"]"%b]}' % more
    payloads, _ = wire.parse_enqueue(body, count)
    assert payloads[:3] == [b"[1,1,1]", b'{"a":1,"b":[2,2]}', b'"]"']
    with pytest.raises(BatchTooLarge) as refused:
        wire.parse_enqueue(body, count - 1)
    assert refused.value.details == {"max_batch": count - 1}


@pytest.mark.parametrize("more", [b"", b"\n" + LONG], ids=["short", "long"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_so_has_a_body_of_lines(more: bytes, end: bytes) -> None:
    count = 2 + bool(more)
    payloads, batch = wire.parse_ndjson(b'[1,1]\n"a"%b%b' % (more, end), count)
    assert (payloads[:2], len(payloads), batch) == ([b"[1,1]", b'"a"'], count, True)
    with pytest.raises(BatchTooLarge):
        wire.parse_ndjson(b'[1,1]\n"a"%b%b' % (more, end), count - 1)


def test_one_payload_may_have_any_number_of_parts() -> None:
    payload = b"[%b]" % ONES
    assert wire.parse_enqueue(b'{"payload":%b}' % payload, 1) == ((payload,), False)
    assert wire.parse_enqueue(b'{"payloads":[%b]}' % payload, 1) == ([payload], True)
    assert wire.parse_ndjson(payload + b"\n", 1) == ([payload], True)


@pytest.mark.parametrize(
    ("line", "offset"), [(b"1 2", 0), (b"[2,", 0), (b"1\n\n2 3\n4", 3), (b"1\r2", 0)]
)
def test_a_long_body_has_one_payload_a_line_as_well(line: bytes, offset: int) -> None:
    with pytest.raises(InvalidJson) as refused:
        wire.parse_ndjson(line + b"\n" + LONG)
    assert refused.value.details == {"offset": offset}


def test_a_long_body_of_blank_lines_has_no_payload() -> None:
    with pytest.raises(MissingPayload):
        wire.parse_ndjson(b" " * LONG_BYTES + b"\n\r\n")


@pytest.mark.parametrize("begin", [b"[", b'{"payload":[', b'{"payloads":[1,2,'])
def test_deep_nesting_in_a_long_body_is_refused(begin: bytes) -> None:
    body = begin + b"[" * LONG_BYTES + b"1,1,1,1,1"
    for parse in (wire.parse_enqueue, wire.parse_ndjson):
        with pytest.raises(ZoldyQError):
            parse(body, 4)


def test_documents_of_a_few_fields_are_short() -> None:
    numbers = b'{"capacity":[%b]}' % ONES
    with pytest.raises(ZoldyQError, match="at most 65536 bytes"):
        wire.parse_policy(numbers)
    with pytest.raises(ZoldyQError, match="send"):
        wire.parse_flow_control(b'{%b"credit":1}' % (b'"credit":1,' * MANY), 10)

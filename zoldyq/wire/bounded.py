"""Bodies with too many messages, refused before each of their messages becomes an object.

The decoder makes an object of each message, and no other thread runs meanwhile: four million
messages of one byte each took it half a second. What is here looks at a long body by calls that
take some nanoseconds a byte, and stops where the limit is passed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from zoldyq.contract.errors import BatchTooLarge, InvalidJson

Buffer = bytes | bytearray

#: A shorter body is decoded first and its messages are counted then: that takes some milliseconds
#: at the most, and a batch as most clients send it pays nothing for the limit.
LONG_BYTES = 128 << 10

_decode_line = msgspec.json.Decoder(msgspec.Raw).decode


def batch_too_large(most: int) -> BatchTooLarge:
    """Return what a batch of more than ``most`` messages is refused with."""
    return BatchTooLarge(
        f"a request takes at most {most} messages: send smaller batches, or raise max_batch",
        max_batch=most,
    )


def goes_on(body: Buffer, most: int) -> bool:
    """Tell whether the array of payloads in an envelope has more than ``most`` of them.

    It is true as well for some bodies with two arrays, which are refused in any case.
    """
    if body.count(b",") < most:
        return False
    # The end of the array is cut off. So the decoder finds that it has too many elements, or it
    # comes to the end of the text; it cannot find that there are too few.
    end = body.rfind(b"]")
    try:
        _decoder_of_some(most)(memoryview(body)[: end if end >= 0 else None])
    except msgspec.ValidationError as error:
        return str(error).startswith("Expected `array` of length")
    except (msgspec.DecodeError, RecursionError):
        return False
    return False


@lru_cache(4)
def _decoder_of_some(count: int) -> Any:
    """Return what decodes an envelope with ``count`` payloads, and stops at one more."""
    absent = msgspec.UnsetType
    envelope = msgspec.defstruct(
        "_Some",
        [
            ("payload", msgspec.Raw | absent, msgspec.UNSET),
            ("payloads", tuple[(msgspec.Raw,) * count] | absent, msgspec.UNSET),  # type: ignore[misc]
        ],
        forbid_unknown_fields=True,
        gc=False,
    )
    return msgspec.json.Decoder(envelope).decode


def parse_long_lines(body: Buffer, most: int) -> list[bytes]:
    """Return the payloads of a body with one JSON text a line.

    Lines are counted first, and blank ones count.

    Raises:
        BatchTooLarge: there are more than ``most`` lines.
        InvalidJson: a line holds more or less than one JSON text.
    """
    ends = body.count(b"\n")
    if ends > most or (ends == most and not body.endswith(b"\n")):
        raise batch_too_large(most)
    payloads = []
    offset = 0
    for line in body.split(b"\n"):
        try:
            if line and not line.isspace():
                payloads.append(bytes(_decode_line(line)))
        except (msgspec.DecodeError, RecursionError):
            text = "send exactly one JSON payload a line"
            raise InvalidJson(text, offset=offset) from None
        offset += len(line) + 1
    return payloads

"""Bytes to meaning and back: requests, replies, and the documents that both are made of.

Pure functions without I/O. Field names are written in :mod:`zoldyq.wire.documents` and
:mod:`zoldyq.wire.requests` alone.
"""

from zoldyq.wire.media import (
    JSON,
    NDJSON,
    accepted_lines,
    check_content_encoding,
    is_ndjson,
    members_of,
)
from zoldyq.wire.replies import (
    NO_STORE,
    NOTHING_CAME,
    Headers,
    Reply,
    delivery_reply,
    document_reply,
    encode_document,
    enqueue_reply,
    enqueued,
    error_document,
    error_reply,
    not_enqueued,
    peek_reply,
    put_back_document,
    streamed,
    streamed_one_by_one,
    with_headers,
)
from zoldyq.wire.requests import (
    Buffer,
    FlowControl,
    parse_capacity,
    parse_count,
    parse_enqueue,
    parse_flow_control,
    parse_ndjson,
    parse_query,
    parse_timeout,
)

__all__ = [
    "JSON",
    "NDJSON",
    "NOTHING_CAME",
    "NO_STORE",
    "Buffer",
    "FlowControl",
    "Headers",
    "Reply",
    "accepted_lines",
    "check_content_encoding",
    "delivery_reply",
    "document_reply",
    "encode_document",
    "enqueue_reply",
    "enqueued",
    "error_document",
    "error_reply",
    "is_ndjson",
    "members_of",
    "not_enqueued",
    "parse_capacity",
    "parse_count",
    "parse_enqueue",
    "parse_flow_control",
    "parse_ndjson",
    "parse_query",
    "parse_timeout",
    "peek_reply",
    "put_back_document",
    "streamed",
    "streamed_one_by_one",
    "with_headers",
]

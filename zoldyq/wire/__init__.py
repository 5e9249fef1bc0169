"""Bytes to meaning and back: requests, replies, and the documents that both are made of.

Pure functions without I/O. Field names are written in :mod:`zoldyq.wire.documents` and
:mod:`zoldyq.wire.requests` alone.
"""

from zoldyq.wire.bounded import Buffer
from zoldyq.wire.media import (
    JSON,
    JSONL,
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
    FlowControl,
    parse_count,
    parse_enqueue,
    parse_flow_control,
    parse_ndjson,
    parse_policy,
    parse_query,
    parse_timeout,
    parse_ttl,
)

__all__ = [
    "JSON",
    "JSONL",
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
    "parse_count",
    "parse_enqueue",
    "parse_flow_control",
    "parse_ndjson",
    "parse_policy",
    "parse_query",
    "parse_timeout",
    "parse_ttl",
    "peek_reply",
    "put_back_document",
    "streamed",
    "streamed_one_by_one",
    "with_headers",
]

"""The Python client: ``from zoldyq import Client``.

Everything here is synchronous and may be shared between threads, except that one
:class:`Consumer` is iterated by one thread at a time.
"""

from zoldyq.client.buffer import ProducerStats
from zoldyq.client.client import Client
from zoldyq.client.consumer import Consumer
from zoldyq.client.documents import (
    Declared,
    Health,
    Message,
    Policy,
    QueueStats,
    Receipt,
    Updated,
)
from zoldyq.client.errors import (
    BufferFull,
    ClientClosed,
    ClientError,
    ConnectionFailed,
    ConnectionLost,
    GatewayReply,
    InvalidOption,
    InvalidPayload,
    InvalidUrl,
    MessagesUnsent,
    NotAcknowledged,
    ServerUnreachable,
    UnexpectedReply,
    UnreadablePayload,
)
from zoldyq.client.producer import Producer
from zoldyq.client.queue import RemoteQueue

__all__ = [
    "BufferFull",
    "Client",
    "ClientClosed",
    "ClientError",
    "ConnectionFailed",
    "ConnectionLost",
    "Consumer",
    "Declared",
    "GatewayReply",
    "Health",
    "InvalidOption",
    "InvalidPayload",
    "InvalidUrl",
    "Message",
    "MessagesUnsent",
    "NotAcknowledged",
    "Policy",
    "Producer",
    "ProducerStats",
    "QueueStats",
    "Receipt",
    "RemoteQueue",
    "ServerUnreachable",
    "UnexpectedReply",
    "UnreadablePayload",
    "Updated",
]

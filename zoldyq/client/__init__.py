"""The Python client: ``from zoldyq import Client``.

Everything here is synchronous and may be shared between threads, except that one
:class:`Consumer` is iterated by one thread at a time.
"""

from zoldyq.client.client import Client
from zoldyq.client.consumer import Consumer
from zoldyq.client.documents import Health, Message, QueueStats, Receipt
from zoldyq.client.errors import (
    ClientError,
    ConnectionFailed,
    ConnectionLost,
    InvalidUrl,
    MessagesUnsent,
    ServerUnreachable,
    UnexpectedReply,
)
from zoldyq.client.producer import Producer
from zoldyq.client.queue import RemoteQueue

__all__ = [
    "Client",
    "ClientError",
    "ConnectionFailed",
    "ConnectionLost",
    "Consumer",
    "Health",
    "InvalidUrl",
    "Message",
    "MessagesUnsent",
    "Producer",
    "QueueStats",
    "Receipt",
    "RemoteQueue",
    "ServerUnreachable",
    "UnexpectedReply",
]

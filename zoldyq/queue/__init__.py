"""The queues themselves: no I/O, usable by any Python program.

::

    queue = MessageQueue("emails", capacity=1000)
    queue.enqueue(b'{"to": "user@example.com"}')
    message = queue.dequeue(timeout=5)
"""

from zoldyq.contract.names import check_queue_name
from zoldyq.contract.statistics import QueueStats
from zoldyq.queue.line import Bell, ConsumerPlace, Place, ProducerPlace, Wake, deadline_after
from zoldyq.queue.manager import QueueManager
from zoldyq.queue.memory import MemoryBudget
from zoldyq.queue.message import (
    MESSAGE_OVERHEAD,
    Delivery,
    Message,
    Moved,
    PolicyChange,
    Receipt,
    now_us,
)
from zoldyq.queue.message_queue import MessageQueue
from zoldyq.queue.protocol import Queues, QueueSet

__all__ = [
    "MESSAGE_OVERHEAD",
    "Bell",
    "ConsumerPlace",
    "Delivery",
    "MemoryBudget",
    "Message",
    "MessageQueue",
    "Moved",
    "Place",
    "PolicyChange",
    "ProducerPlace",
    "QueueManager",
    "QueueSet",
    "QueueStats",
    "Queues",
    "Receipt",
    "Wake",
    "check_queue_name",
    "deadline_after",
    "now_us",
]

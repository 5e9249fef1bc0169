"""ZoldyQ: an in-memory FIFO message server with named, bounded queues."""

__version__ = "0.1.0"

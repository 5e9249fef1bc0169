"""ZoldyQ's own HTTP/1.1 server: an event loop that answers the hot path itself."""

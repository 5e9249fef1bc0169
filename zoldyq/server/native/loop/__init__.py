"""The event loop. It knows sockets and deadlines, and nothing of HTTP."""

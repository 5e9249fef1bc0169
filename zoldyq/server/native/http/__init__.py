"""HTTP/1.1: bytes in, bytes out. No sockets here."""

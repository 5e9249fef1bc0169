"""What the tests of the client share."""

from tests.client.fixtures import client, queue, server, start_server

__all__ = ["client", "queue", "server", "start_server"]

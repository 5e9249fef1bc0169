"""What the tests of contrib share: servers, and a client of one."""

from tests.client.fixtures import client, server, start_server

__all__ = ["client", "server", "start_server"]

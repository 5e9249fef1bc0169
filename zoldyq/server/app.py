"""Where :func:`create_app` was in version 0.1, for what still names it so."""

from zoldyq.server.wsgi.app import create_app

__all__ = ["create_app"]

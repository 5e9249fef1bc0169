"""The faces of ZoldyQ: a Falcon WSGI application, WebSocket sessions and the native server."""

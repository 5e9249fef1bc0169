"""The WSGI application, for waitress, gunicorn and the native server's workers."""

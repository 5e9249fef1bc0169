"""The clients that Python programs use, each with the server it belongs to."""

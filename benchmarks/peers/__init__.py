"""What people use today, as Debian packages it, started on loopback with nothing kept on disk."""

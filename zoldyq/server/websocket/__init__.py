"""WebSocket sessions, on the socket of whichever server accepted it."""

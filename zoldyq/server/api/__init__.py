"""What each request means, whichever server receives it, and who may send it."""

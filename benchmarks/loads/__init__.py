"""What makes the load."""

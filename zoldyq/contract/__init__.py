"""What ZoldyQ promises, told once. Nothing else of ZoldyQ is imported here."""

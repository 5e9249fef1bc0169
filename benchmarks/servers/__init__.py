"""Servers that the suite starts on loopback and stops again."""

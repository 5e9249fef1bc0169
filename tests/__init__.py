"""Tests of ZoldyQ; the folders mirror those of the package."""

"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# No deadline an example: how long one takes depends on what else the machine does.
settings.register_profile("zoldyq", deadline=None, print_blob=True)
settings.load_profile("zoldyq")

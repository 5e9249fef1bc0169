"""What all tests share."""

from __future__ import annotations

import signal

from hypothesis import settings

# No deadline an example: how long one takes depends on what else the machine does.
settings.register_profile("zoldyq", deadline=None, print_blob=True)
settings.load_profile("zoldyq")

# A shell or nohup switches them off for what runs in the background, and so for each process that a
# test starts: what a test interrupts would go on.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

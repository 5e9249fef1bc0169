"""The errors of ZoldyQ, for programs that catch them: :mod:`zoldyq.contract.errors` explains them.

::

    from zoldyq.errors import QueueFull
"""

from zoldyq.contract.errors import *  # noqa: F403

"""Who holds which messages of a stream: the server, the way, or the program. No input or output.

The server sends no more than it was granted (``credit``). Messages that are here and that the
program has not been handed are *held*. At the end they return to the queue::

    client: {"put_back": 5, "stop": true}     the last five that the server has sent; and no more
    server: {"messages": [...]}               two that were on their way: these were among the five
    server: {"put_back": 5}                   so the first two of seven are left here
    client: {"put_back": 2, "stop": true}
    server: {"put_back": 2}

``k`` counts from the last message that the server sent, so what is on its way is put back first,
and what is left here is the beginning of what was held. The second round is the last, as nothing
is sent after a stop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from zoldyq.client.documents import Message, decode
from zoldyq.client.errors import error_of
from zoldyq.contract.errors import InvalidCount


class _Frame(msgspec.Struct):
    """Any text that a server sends to a consumer."""

    messages: Sequence[Message] | None = None
    put_back: int | None = None


class Ledger:
    """The messages of one stream, over all its connections. Not safe between threads.

    ``limit`` is how many messages may be handed out in all, infinity for no limit.
    """

    def __init__(self, credit: int, limit: float, url: str) -> None:
        self._credit = credit
        self._url = url
        self.left = limit  # messages still to hand out
        self._granted = 0  # messages that the server may still send
        self.kept = 0  # messages that were handed out last, and may still be handed back
        self._held: deque[Message] = deque()
        self._asked: int | None = None  # how many it was asked to put back, until it answers
        self._returnable: int | None = None  # how many it keeps for that, if it has told
        self._stopped = False  # whether it sends nothing more

    # -- while messages come -------------------------------------------------------------------

    def open(self) -> int:
        """Begin a connection: return the credit for it."""
        self._granted = 0
        self._granted = self._room
        return self._granted

    def lost(self) -> None:
        """The connection has ended: nothing is on its way any more."""
        self._granted = 0
        self._asked = None

    def take(self, text: str) -> int:
        """Take in what the server sent, and return how many messages that were.

        Raises:
            ZoldyQError: the server reports an error.
            UnexpectedReply: it is no text of a ZoldyQ server.
        """
        frame = decode(text, _Frame)
        if frame.messages is not None:
            self._held.extend(frame.messages)
            self._granted -= len(frame.messages)
            return len(frame.messages)
        if frame.put_back is not None and self._asked is not None:
            self._answered(frame.put_back)
        else:
            self._refused(text)
        return 0

    def next(self) -> Message | None:
        """Hand out the next message; None if none is held."""
        if not self._held:
            return None
        self.left -= 1
        return self._held.popleft()

    def hand_back(self, messages: Sequence[Message]) -> None:
        """Hold again what was handed out last, so that it is put back at the end."""
        self._held.extendleft(reversed(messages))
        self.left += len(messages)
        self.kept = 0

    def grant(self) -> str | None:
        """Return what grants the server as many messages as were used, several at once."""
        room = self._room
        if room <= 0 or (room < self._credit // 2 and (self._granted or self._held)):
            return None
        self._granted += room
        return f'{{"credit":{room}}}'

    @property
    def _room(self) -> int:
        """How many more messages may be on their way."""
        used = self._granted + len(self._held) + self.kept
        return int(min(self._credit, self.left + self.kept)) - used

    # -- at the end ------------------------------------------------------------------------------

    @property
    def held(self) -> Sequence[Message]:
        """What is here and was not handed out."""
        return tuple(self._held)

    @property
    def awaits_answer(self) -> bool:
        """Whether the server has not answered yet to what it was asked to put back."""
        return self._asked is not None

    def put_back(self) -> str | None:
        """Return what puts back all that is held; None if nothing is, and nothing can come."""
        count = len(self._held)
        if self._returnable is not None:
            count = min(count, self._returnable)
        if not count and (self._stopped or not self._granted):
            return None
        self._asked = count
        return f'{{"put_back":{count},"stop":true}}'

    def _answered(self, count: int) -> None:
        for _ in range(count):
            self._held.pop()
        if self._returnable is not None:
            self._returnable -= count
        self._asked = None
        self._stopped = True
        self._granted = 0

    def _refused(self, text: str) -> None:
        """Learn how many messages the server would take back, or raise what it says."""
        error = error_of(200, text.encode(), self._url)
        outstanding = error.details.get("outstanding")
        asked, self._asked = self._asked, None
        understood = isinstance(error, InvalidCount) and isinstance(outstanding, int)
        if asked is None or not understood or outstanding >= asked:  # type: ignore[operator]
            raise error
        self._returnable = outstanding  # type: ignore[assignment]  # an int, as was checked

"""Tokens, what each of them may do, and the file that lists them.

The file holds digests, never secrets: who reads it cannot use the server. A secret has 256 random
bits, so its SHA-256 cannot be turned back, and needs neither salt nor many rounds.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from zoldyq.contract.errors import Forbidden, InvalidSetting
from zoldyq.contract.names import NAME_PATTERN
from zoldyq.contract.patterns import InvalidPattern, NamePattern
from zoldyq.contract.routes import Right
from zoldyq.toml_file import read_toml

_log = logging.getLogger(__name__)

EVERY_QUEUE = NamePattern("*")
_ALL_RIGHTS = frozenset(Right)
_FIELDS = {"name", "sha256", "rights", "queues"}

_NAME = re.compile(NAME_PATTERN)
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


class Token(msgspec.Struct, frozen=True):
    """Somebody who may use the server.

    ``name`` is for people and no secret. ``digest`` is the SHA-256 of the secret. The rights hold
    for the queues that any of ``queues`` matches.
    """

    name: str
    digest: bytes = b""
    rights: frozenset[Right] = _ALL_RIGHTS
    queues: tuple[NamePattern, ...] = (EVERY_QUEUE,)

    def may(self, right: Right, queue: str) -> bool:
        """Tell whether the token has a right on a queue."""
        return right in self.rights and any(each.matches(queue) for each in self.queues)

    def may_on_all(self, right: Right) -> bool:
        """Tell whether the token has a right on every queue, by the pattern ``*`` itself."""
        return right in self.rights and EVERY_QUEUE in self.queues


#: Who uses a server that asks for no token.
ANYBODY = Token("")
#: Who uses one that asks for tokens, without one, where none is needed.
STRANGER = Token("", rights=frozenset(), queues=())


def check_right(token: Token, right: Right, queue: str) -> None:
    """Raise Forbidden unless a token has a right on a queue."""
    if not token.may(right, queue):
        raise lacks_right(token, right, f"queue {queue[:128]!r}", queue_name=queue[:128])


def lacks_right(token: Token, right: Right, where: str, **details: object) -> Forbidden:
    """Return what the owner of a token is told who asks for more than it allows."""
    return Forbidden(
        f"the token {token.name!r} lacks the right {right.value!r} on {where}: "
        "ask for it, or use another token",
        token=token.name,
        right=right.value,
        **details,
    )


def digest_of(secret: bytes) -> bytes:
    """Return what the server keeps of a secret."""
    return hashlib.sha256(secret).digest()


def find_token(tokens: Iterable[Token], secrets: Iterable[bytes]) -> Token | None:
    """Return the first token that has one of the secrets.

    Every digest is compared with every token, each in constant time: how long it takes tells
    nothing about which of them is nearly right.
    """
    found = None
    for secret in secrets:
        digest = digest_of(secret)
        for token in tokens:
            if hmac.compare_digest(digest, token.digest) and found is None:
                found = token
    return found


# -- the file --------------------------------------------------------------------------------------


def read_tokens(file: Path) -> tuple[Token, ...]:
    """Read a tokens file. A warning is logged if every user of this machine can read it, too.

    Raises:
        InvalidSetting: it cannot be read, or it holds a mistake.
    """
    document = read_toml(file, "the tokens file")
    if file.stat().st_mode & stat.S_IROTH:
        _log.warning("the tokens file %s can be read by every user: chmod o-r %s", file, file)
    try:
        return tokens_of(document)
    except InvalidSetting as error:
        raise InvalidSetting(f"the tokens file {file}: {error.message}") from None


def tokens_of(document: Mapping[str, object]) -> tuple[Token, ...]:
    """Return the tokens that a document lists, one ``[[token]]`` for each.

    Raises:
        InvalidSetting: it lists none, or one of them has a mistake.
    """
    unknown = sorted(document.keys() - {"token"})
    entries = document.get("token", [])
    if unknown:
        raise InvalidSetting(f"{unknown[0]!r} means nothing here: write [[token]]")
    if not isinstance(entries, list) or not entries:
        raise InvalidSetting("it has no token: write [[token]] with name, sha256 and rights")
    tokens = tuple(_token_of(entry, number) for number, entry in enumerate(entries, 1))
    _check_distinct([token.name for token in tokens], "name")
    _check_distinct([token.digest.hex() for token in tokens], "sha256")
    return tokens


def _token_of(entry: object, number: int) -> Token:
    if not isinstance(entry, dict):
        raise InvalidSetting("token has to be a list of tables: write [[token]]")
    name = entry.get("name")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise InvalidSetting(
            f"token {number}: name has to be 1 to 128 of A-Z a-z 0-9 . _ : -, "
            "and begin with a letter or digit"
        )
    where = f"token {name!r}"
    unknown = sorted(entry.keys() - _FIELDS)
    if unknown:
        raise InvalidSetting(f"{where}: {unknown[0]!r} means nothing; known are {_and(_FIELDS)}")
    digest = entry.get("sha256")
    if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
        # The value is not shown: somebody may have written the secret itself there.
        raise InvalidSetting(
            f"{where}: sha256 has to be 64 hexadecimal digits: zoldyq token new writes them"
        )
    return Token(name, bytes.fromhex(digest), _rights_of(entry, where), _queues_of(entry, where))


def _rights_of(entry: Mapping[str, object], where: str) -> frozenset[Right]:
    words = entry.get("rights")
    if not isinstance(words, list) or not words or not all(map(_is_right, words)):
        raise InvalidSetting(f"{where}: rights has to be a list of {_and(_ALL_RIGHTS)}")
    return frozenset(map(Right, words))


def _is_right(word: object) -> bool:
    return isinstance(word, str) and word in _ALL_RIGHTS


def _queues_of(entry: Mapping[str, object], where: str) -> tuple[NamePattern, ...]:
    texts = entry.get("queues", [EVERY_QUEUE.text])
    if not isinstance(texts, list) or not texts or not all(isinstance(each, str) for each in texts):
        raise InvalidSetting(f"{where}: queues has to be a list of names and patterns")
    try:
        return tuple(map(NamePattern, texts))
    except InvalidPattern as error:
        raise InvalidSetting(f"{where}: queues: {error}") from None


def _check_distinct(values: list[str], field: str) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            raise InvalidSetting(f"two tokens have the {field} {value!r}")


def _and(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))

"""Tokens, and the file that lists them."""

from __future__ import annotations

import hashlib
import logging
import tomllib
from pathlib import Path

import pytest

from zoldyq.contract.errors import InvalidSetting
from zoldyq.contract.routes import Right
from zoldyq.server.api.tokens import Token, digest_of, find_token, read_tokens, tokens_of

DIGEST = hashlib.sha256(b"secret").hexdigest()
BILLING = f"""
[[token]]
name = "billing"
sha256 = "{DIGEST}"
rights = ["produce", "consume"]
queues = ["invoices", "mail.*"]
"""
OTHER = f"""
[[token]]
name = "other"
sha256 = "{hashlib.sha256(b"other").hexdigest().upper()}"
rights = ["observe"]
"""


def entry(**fields: str) -> str:
    """A token with some fields written otherwise, or left out with an empty text."""
    lines = {
        "name": '"billing"',
        "sha256": f'"{DIGEST}"',
        "rights": '["produce"]',
        "queues": '["*"]',
        **fields,
    }
    return "[[token]]\n" + "\n".join(f"{key} = {text}" for key, text in lines.items() if text)


class TestFile:
    def test_each_token_has_its_rights_and_queues(self) -> None:
        billing, other = tokens_of(tomllib.loads(BILLING + OTHER))
        assert (billing.name, billing.digest) == ("billing", digest_of(b"secret"))
        assert billing.rights == {Right.PRODUCE, Right.CONSUME}
        assert [each.text for each in billing.queues] == ["invoices", "mail.*"]
        assert (other.rights, [each.text for each in other.queues]) == ({Right.OBSERVE}, ["*"])

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "has no token"),
            ("token = []", "has no token"),
            ("token = 1", "has no token"),
            (entry(rights='[["produce"]]'), "rights has to be"),
            ("token = [1]", "list of tables"),
            ("[token]\nname = 'a'", "has no token"),
            ("tokens = 1\n" + BILLING, "'tokens' means nothing"),
            (entry(name=""), "name has to be"),
            (entry(name='""'), "name has to be"),
            (entry(name='"a b"'), "name has to be"),
            (entry(name="1"), "name has to be"),
            (entry(sha256=""), "64 hexadecimal digits"),
            (entry(sha256='"secret"'), "64 hexadecimal digits"),
            (entry(sha256=f'"{DIGEST}0"'), "64 hexadecimal digits"),
            (entry(rights=""), "rights has to be"),
            (entry(rights="[]"), "rights has to be"),
            (entry(rights='["produce", "write"]'), "rights has to be"),
            (entry(rights='"produce"'), "rights has to be"),
            (entry(rights="[1, {}]"), "rights has to be"),
            (entry(queues="[]"), "queues has to be"),
            (entry(queues='"*"'), "queues has to be"),
            (entry(queues="[1]"), "queues has to be"),
            (entry(queues='["a b"]'), "matches no queue name"),
            (entry(queues='["-*"]'), "matches no queue name"),
            (entry(queues='[""]'), "matches no queue name"),
            (entry(queues=f'["{"a" * 129}"]'), "matches no queue name"),
            (entry(queues='["[ab]"]'), "matches no queue name"),
            (entry(right='["produce"]'), "'right' means nothing"),
            (BILLING + BILLING.replace(DIGEST, "0" * 64), "two tokens have the name 'billing'"),
            (BILLING + BILLING.replace("billing", "b"), "two tokens have the sha256"),
        ],
    )
    def test_a_mistake_is_named(self, text: str, reason: str) -> None:
        with pytest.raises(InvalidSetting, match=reason):
            tokens_of(tomllib.loads(text))

    def test_a_secret_that_was_written_for_its_digest_is_not_shown(self) -> None:
        with pytest.raises(InvalidSetting) as refusal:
            tokens_of(tomllib.loads(entry(sha256='"open-sesame"')))
        assert "sesame" not in str(refusal.value)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [(b"[[token", "is not TOML"), (b"\xff", "is not UTF-8 text"), (b"", "has no token")],
    )
    def test_a_mistake_names_the_file(self, tmp_path: Path, content: bytes, reason: str) -> None:
        file = tmp_path / "tokens.toml"
        file.write_bytes(content)
        with pytest.raises(InvalidSetting, match=f"{file}.*{reason}"):
            read_tokens(file)

    def test_a_file_that_is_not_there_is_a_mistake(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidSetting, match="cannot read the tokens file"):
            read_tokens(tmp_path / "none.toml")

    @pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
    def test_a_file_that_every_user_can_read_is_warned_of(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warned: bool
    ) -> None:
        file = tmp_path / "tokens.toml"
        file.write_text(BILLING)
        file.chmod(mode)
        with caplog.at_level(logging.WARNING):
            read_tokens(file)
        assert ("can be read by every user" in caplog.text) is warned


class TestLookUp:
    TOKENS = tokens_of(tomllib.loads(BILLING + OTHER))

    @pytest.mark.parametrize(
        ("secrets", "name"),
        [
            ([b"secret"], "billing"),
            ([b"other"], "other"),
            ([b"wrong", b"other"], "other"),
            ([b"secre"], None),
            ([DIGEST.encode()], None),
            ([b""], None),
            ([], None),
        ],
    )
    def test_a_token_is_found_by_its_secret(self, secrets: list[bytes], name: str | None) -> None:
        found = find_token(self.TOKENS, secrets)
        assert (found.name if found else None) == name

    def test_every_token_is_compared_whichever_fits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compared: list[bytes] = []

        def compare(given: bytes, known: bytes) -> bool:
            compared.append(known)
            return given == known

        monkeypatch.setattr("hmac.compare_digest", compare)
        for secret in (b"secret", b"other", b"wrong"):
            compared.clear()
            find_token(self.TOKENS, [secret])
            assert compared == [token.digest for token in self.TOKENS]


def test_patterns_decide_for_each_queue() -> None:
    billing: Token = tokens_of(tomllib.loads(BILLING))[0]
    assert billing.may(Right.CONSUME, "mail.in")
    assert not billing.may(Right.CONSUME, "mails")
    assert not billing.may(Right.MANAGE, "mail.in")
    assert not billing.may_on_all(Right.CONSUME)

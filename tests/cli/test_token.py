"""``zoldyq token new``."""

from __future__ import annotations

import re
import tomllib

import pytest
from click.testing import CliRunner

from zoldyq.cli.main import cli
from zoldyq.contract.routes import Right
from zoldyq.server.api.tokens import find_token, tokens_of


def new(*options: str) -> tuple[str, str]:
    """The lines for the file, and the secret."""
    done = CliRunner().invoke(cli, ["token", "new", *options])
    assert done.exit_code == 0, done.output
    found = re.search(r"not shown again: (\S+)", done.stderr)
    assert found is not None
    return done.stdout, found[1]


def test_the_lines_are_a_tokens_file_that_knows_the_secret() -> None:
    lines, secret = new("--name", "billing", "--rights", "produce, consume", "--queues", "a,mail.*")
    tokens = tokens_of(tomllib.loads(lines))
    token = find_token(tokens, [secret.encode()])
    assert token is tokens[0]
    assert (token.name, token.rights) == ("billing", {Right.PRODUCE, Right.CONSUME})
    assert [each.text for each in token.queues] == ["a", "mail.*"]


def test_a_token_is_for_all_queues_unless_some_are_named() -> None:
    lines, _ = new("--name", "a", "--rights", "observe")
    assert tokens_of(tomllib.loads(lines))[0].may_on_all(Right.OBSERVE)


def test_the_secret_has_256_bits_is_never_the_same_and_not_in_the_file() -> None:
    made = [new("--name", "a", "--rights", "observe") for _ in range(3)]
    secrets = {secret for _, secret in made}
    assert len(secrets) == 3
    assert all(len(secret) == 43 for secret in secrets)  # base64 of 32 bytes
    assert not any(secret in lines for lines, secret in made)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--name", "a b", "--rights", "produce"], "--name"),
        (["--name", "a", "--rights", "write"], "'write' is no right"),
        (["--name", "a", "--rights", ""], "is no right"),
        (["--name", "a", "--rights", "produce", "--queues", "-"], "matches no queue name"),
        (["--rights", "produce"], "--name"),
    ],
)
def test_a_mistake_is_named(options: list[str], reason: str) -> None:
    done = CliRunner().invoke(cli, ["token", "new", *options])
    assert done.exit_code == 2
    assert reason in done.stderr
    assert done.stdout == ""

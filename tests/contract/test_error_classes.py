"""What the classes of errors promise; test_errors.py asks whether servers keep it."""

from __future__ import annotations

import inspect

import pytest

from zoldyq.contract import errors
from zoldyq.contract.errors import ERRORS, ZoldyQError

# What a program meets that embeds the queues, a person who starts a server, and what is counted.
UNSENT = {errors.QueueClosed.code, errors.InvalidSetting.code, errors.TlsHandshakeFailed.code}


def test_every_error_but_those_that_no_server_sends_has_a_status() -> None:
    codes = {
        error.code
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, ZoldyQError) and error is not ZoldyQError and "code" in vars(error)
    }
    assert set(ERRORS) == codes - UNSENT


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_code_belongs_to_one_class_and_its_status_is_that_of_an_error(
    error: type[ZoldyQError],
) -> None:
    assert [each for each in ERRORS.values() if each.code == error.code] == [error]
    assert error.status is not None
    assert 400 <= error.status < 600


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_what_may_succeed_later_says_when_to_try_again(error: type[ZoldyQError]) -> None:
    assert ("Retry-After" in dict(error.headers)) == issubclass(error, errors.Overloaded)


def test_every_error_is_public() -> None:
    assert {error.__name__ for error in ERRORS.values()} <= set(errors.__all__)

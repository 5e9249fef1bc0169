"""``zoldyq declare`` and ``zoldyq update``: the policy of a queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click
import msgspec

from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.options import KindType
from zoldyq.cli.output import echo, echo_document
from zoldyq.config.policies import POLICY_KINDS
from zoldyq.contract.errors import QueueExists
from zoldyq.contract.policy import FIELDS

if TYPE_CHECKING:
    from zoldyq.client import Client


def _policy_options(function: Callable[..., None]) -> Callable[..., None]:
    meanings = {each.name: each.meaning for each in FIELDS}
    for field, kind in reversed(list(POLICY_KINDS.items())):
        flag = "--ttl" if field == "ttl_seconds" else f"--{field.replace('_', '-')}"
        function = click.option(
            flag.removesuffix("-seconds"), field, type=KindType(kind), default=None,
            help=f"{meanings[field]} ({kind.bounds}).",
        )(function)  # fmt: skip
    return function


@click.command(short_help="Create a queue with a policy.")
@queue_argument
@_policy_options
@json_option
@with_client
def declare(client: Client, queue_name: str, as_json: bool, **fields: Any) -> None:
    """Create QUEUE, or see that it is as the options say. What they do not say is the default.

    Fails if the queue exists and differs.

    \b
    zoldyq declare emails --capacity 5000
    zoldyq declare metrics --capacity 100000 --ttl 60s --overflow drop_oldest
    """
    try:
        answer = client.queue(queue_name).declare(**_given(fields))
    except QueueExists as error:
        raise QueueExists(
            f"{queue_name} exists, with {_present(error.details)}: zoldyq update changes it",
            **error.details,
        ) from error
    if as_json:
        echo_document({"queue_name": queue_name, **msgspec.to_builtins(answer)})
    else:
        state = "created" if answer.created else "there already"
        echo(f"{queue_name} {state}: {_sentence(answer)}")


@click.command(short_help="Change the policy of a queue.")
@queue_argument
@_policy_options
@json_option
@with_client
def update(client: Client, queue_name: str, as_json: bool, **fields: Any) -> None:
    """Change the policy of QUEUE. It holds at once, also for what is queued.

    \b
    zoldyq update emails --capacity 10000
    zoldyq update metrics --ttl none
    """
    given = _given(fields)
    if not given:
        raise click.UsageError("say what to change, for example --capacity 10000")
    answer = client.queue(queue_name).update(**given)
    if as_json:
        echo_document({"queue_name": queue_name, **msgspec.to_builtins(answer)})
    else:
        state = "changed" if answer.changed else "unchanged"
        echo(f"{queue_name} {state}: {_sentence(answer)}")


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that were given; ``none`` is given as None."""
    source = click.get_current_context().get_parameter_source
    default = click.core.ParameterSource.DEFAULT
    return {name: value for name, value in fields.items() if source(name) is not default}


def _present(details: Mapping[str, Any]) -> str:
    """Return the fields in which a queue differs, with what they are now."""
    differs = details.get("differs", ())
    return (
        ", ".join(
            f"{field} {kind.show(details[field]) or 'none'}"
            for field, kind in POLICY_KINDS.items()
            if field in differs and field in details
        )
        or "another policy"
    )


def _sentence(answer: object) -> str:
    return ", ".join(
        f"{field} {kind.show(getattr(answer, field)) or 'none'}"
        for field, kind in POLICY_KINDS.items()
    )

"""A running server answers as the OpenAPI document says, whatever the document lets one send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess, start
from tests.server.wsgi.client import call
from zoldyq.config import Settings
from zoldyq.server.wsgi.app import create_app

AnyCase = Case[Any]

#: No request may wait for long, so that the test does not.
pytestmark = pytest.mark.slow

SECONDS = 0.01
DOCUMENT = call(create_app(Settings(max_timeout=SECONDS)), "GET", "/openapi.json").document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)

OPERATIONS = {
    f"{method.upper()} {path}": SCHEMA[path][method.upper()]
    for path, item in DOCUMENT["paths"].items()
    for method in item
    if method != "parameters"
}
WITH_NAME = [label for label in OPERATIONS if "{name}" in label]

# The same requests in each run, and few enough for one among other tests.
repeatable = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the limits of the document."""
    running = start(
        "native", tmp_path_factory.mktemp("server"), max_timeout=SECONDS, drain_seconds=0
    )
    yield running
    running.stop()
    assert "Traceback" not in running.log.read_text()


def check(
    cases: SearchStrategy[AnyCase], server: ServerProcess, prepare: Callable[[], None]
) -> None:
    """Send requests; fail where a reply is none of those in the document."""

    @repeatable
    @given(cases)
    def send(case: AnyCase) -> None:
        assume(not has_fraction(case.body))
        prepare()
        case.call_and_validate(base_url=server.url)

    send()


def has_fraction(body: object) -> bool:
    """Whether a bound is written as 216.0, a whole number to JSON Schema but not to ZoldyQ."""
    return isinstance(body, dict) and any(
        isinstance(body.get(name), float) for name in ("capacity", "max_bytes")
    )


def refill(server: ServerProcess) -> None:
    """Have a queue with two messages, whatever became of it and of its policy."""
    api = Api(server.address)
    api.delete("/queues/emails")
    api.enqueue("emails", {"to": "you"}, None)


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_the_document_allows_is_answered_as_it_says(label: str, server: ServerProcess) -> None:
    check(OPERATIONS[label].as_strategy(), server, lambda: None)


@pytest.mark.parametrize("label", WITH_NAME)
def test_so_it_is_with_a_queue_that_holds_messages(label: str, server: ServerProcess) -> None:
    cases = OPERATIONS[label].as_strategy(path_parameters={"name": "emails"})
    check(cases, server, lambda: refill(server))


@pytest.mark.parametrize("label", WITH_NAME)
def test_what_the_document_forbids_is_refused(label: str, server: ServerProcess) -> None:
    cases = OPERATIONS[label].as_strategy(generation_mode=GenerationMode.NEGATIVE)
    check(cases, server, lambda: None)

"""Setups of a foreign server that would split the queues or starve those who wait."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Start
from tests.contract.raw import Api


@pytest.mark.parametrize(
    "flags", [("--workers", "2"), ("--worker-class", "sync", "--threads", "1")]
)
@pytest.mark.parametrize("target", ["/queues/a/dequeue", "/health", "/ready"])
def test_gunicorn_set_up_unsafely_refuses_to_serve(
    run_server: Start, flags: tuple[str, ...], target: str
) -> None:
    server = run_server("gunicorn", *flags)
    response = Api(server.address).get(target)
    assert (response.status, response.code) == (500, "unsafe_server")
    assert "--workers 1 --threads" in response.json()["message"]

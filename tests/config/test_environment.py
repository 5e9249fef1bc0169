"""Environment variables: settings, mistakes, and those that others set."""

from __future__ import annotations

import pytest

from zoldyq.config import Settings
from zoldyq.contract.errors import InvalidSetting

#: What Kubernetes sets in a pod beside Services named zoldyq and zoldyq-metrics.
SERVICE_LINKS = {
    "ZOLDYQ_SERVICE_HOST": "10.0.0.1",
    "ZOLDYQ_SERVICE_PORT": "9000",
    "ZOLDYQ_SERVICE_PORT_HTTP": "9000",
    "ZOLDYQ_PORT": "tcp://10.0.0.1:9000",
    "ZOLDYQ_PORT_9000_TCP": "tcp://10.0.0.1:9000",
    "ZOLDYQ_PORT_9000_TCP_PROTO": "tcp",
    "ZOLDYQ_PORT_9000_TCP_PORT": "9000",
    "ZOLDYQ_PORT_9000_TCP_ADDR": "10.0.0.1",
    "ZOLDYQ_METRICS_SERVICE_HOST": "10.0.0.2",
    "ZOLDYQ_METRICS_PORT": "tcp://10.0.0.2:80",
    "ZOLDYQ_METRICS_PORT_80_TCP": "tcp://10.0.0.2:80",
}


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("ZOLDYQ_PROT", "ZOLDYQ_PORT"),
        ("ZOLDYQ_CAPACITY", "ZOLDYQ_DEFAULT_QUEUE_CAPACITY"),
        ("ZOLDYQ_TOKENS", "ZOLDYQ_TOKEN"),
        ("ZOLDYQ_CORS_ORIGIN", "ZOLDYQ_CORS_ORIGINS"),
    ],
)
def test_a_mistyped_variable_is_an_error_that_names_the_right_one(variable, meant):
    with pytest.raises(InvalidSetting) as caught:
        Settings.load(environ={variable: "hunter2"})
    assert str(caught.value) == f"{variable}: no such setting; did you mean {meant}?"


def test_a_variable_like_no_setting_is_an_error_as_well():
    with pytest.raises(InvalidSetting, match=r"^ZOLDYQ_WEATHER: no such setting; unset it"):
        Settings.load(environ={"ZOLDYQ_WEATHER": "rain"})


def test_a_mistyped_variable_is_an_error_even_if_it_is_empty():
    with pytest.raises(InvalidSetting, match=r"^ZOLDYQ_TOKENS: "):
        Settings.load(environ={"ZOLDYQ_TOKENS": ""})


def test_variables_of_the_client_and_of_other_programs_are_let_alone():
    environ = {"ZOLDYQ_URL": "x", "ZOLDYQ_PROFILE": "x", "PORT": "x", "MY_ZOLDYQ_PORT": "x"}
    assert Settings.load(environ=environ) == Settings()
    assert Settings.environment_warnings(environ) == ()


@pytest.mark.parametrize("name", SERVICE_LINKS)
def test_each_link_that_kubernetes_sets_is_ignored_with_a_warning(name):
    environ = {name: SERVICE_LINKS[name]}
    assert Settings.load(environ=environ) == Settings()
    (warning,) = Settings.environment_warnings(environ)
    assert warning.startswith(f"{name}: ignored, because Kubernetes")


def test_all_links_together_are_one_warning():
    assert Settings.load(environ=SERVICE_LINKS) == Settings()
    (warning,) = Settings.environment_warnings(SERVICE_LINKS)
    assert f" and {len(SERVICE_LINKS) - 2} more: ignored" in warning


def test_a_port_beside_the_links_is_a_setting():
    environ = SERVICE_LINKS | {"ZOLDYQ_PORT": "9001"}
    assert Settings.load(environ=environ).port == 9001

"""The command line's entry: which options start the server with which settings, and failures."""

from __future__ import annotations

import os
import subprocess
import sys
import types

import pytest
from click.testing import CliRunner, Result

from zoldyq import __version__
from zoldyq.cli.main import cli
from zoldyq.config import SETTINGS, Settings
from zoldyq.contract.errors import UnsafeServer


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for variable in list(os.environ):
        if variable.startswith("ZOLDYQ_"):
            monkeypatch.delenv(variable)


@pytest.fixture
def served(monkeypatch):
    """The settings that a server in place of the real one was started with."""
    started: list[Settings] = []
    run = types.ModuleType("zoldyq.server.run")
    run.serve = lambda settings, _load: started.append(settings) or 0
    monkeypatch.setitem(sys.modules, "zoldyq.server.run", run)
    return started


def zoldyq(*args: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, args, env=env, prog_name="zoldyq")


def run_zoldyq(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zoldyq", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("args", [(), ("serve",)])
def test_no_option_starts_the_server_with_the_defaults(args, served):
    result = zoldyq(*args)
    assert (result.exit_code, result.output) == (0, "")
    assert served == [Settings()]


@pytest.mark.parametrize("command", [(), ("serve",)])
def test_options_need_no_command(command, served):
    result = zoldyq(*command, "--port", "9001", "--capacity=5", "--log-level", "WARN")
    assert result.exit_code == 0
    assert served == [Settings(port=9001, default_queue_capacity=5, log_level="warn")]


@pytest.mark.parametrize(
    "args",
    [
        ("--token", "t"),
        ("--token", "t", "--port", "9001"),
        ("--token=t", "serve"),
        ("--token", "t", "serve", "--port", "9001"),
        ("serve", "--token", "t"),
    ],
)
def test_a_token_never_gets_lost_on_its_way_to_the_server(args, served):
    assert zoldyq(*args).exit_code == 0
    assert [settings.tokens for settings in served] == [("t",)]


def test_a_switch_has_a_flag_for_yes_and_one_for_no(served):
    zoldyq("--auto-create")
    zoldyq("--no-auto-create", env={"ZOLDYQ_AUTO_CREATE": "true"})
    zoldyq(env={"ZOLDYQ_AUTO_CREATE": "no"})
    assert [settings.auto_create for settings in served] == [True, False, False]


def test_repeated_flags_make_a_list(served):
    zoldyq("--token", "a", "--token", "b", "--cors-origin", "http://x")
    assert served == [Settings(tokens=("a", "b"), cors_origins=("http://x",))]


def test_flags_win_over_environment_over_file(served, tmp_path):
    file = tmp_path / "zoldyq.toml"
    file.write_text("port = 1\nmax_queues = 1\nthreads = 1\n")
    env = {"ZOLDYQ_PORT": "2", "ZOLDYQ_MAX_QUEUES": "2"}
    assert zoldyq("--config", str(file), "--port", "3", env=env).exit_code == 0
    assert served == [Settings(port=3, max_queues=2, threads=1)]


def test_the_exit_code_is_the_servers(served, monkeypatch):
    monkeypatch.setattr(sys.modules["zoldyq.server.run"], "serve", lambda settings, _load: 7)
    assert zoldyq().exit_code == 7


def test_the_links_of_kubernetes_are_told_and_the_server_starts(served):
    result = zoldyq(env={"ZOLDYQ_PORT": "tcp://10.0.0.1:9000"})
    assert result.stderr.startswith("zoldyq: ZOLDYQ_PORT: ignored, because Kubernetes")
    assert served == [Settings()]


@pytest.mark.parametrize(
    ("args", "env", "line"),
    [
        (("--port", "-1"), {}, "zoldyq: --port: '-1' is not allowed"),
        (("serve", "--port", "x"), {}, "zoldyq: --port: 'x' is not allowed"),
        ((), {"ZOLDYQ_MAX_QUEUES": "many"}, "zoldyq: ZOLDYQ_MAX_QUEUES: 'many' is not allowed"),
        ((), {"ZOLDYQ_PROT": "1"}, "zoldyq: ZOLDYQ_PROT: no such setting; did you mean"),
        (("--config", "/nowhere.toml"), {}, "zoldyq: cannot read the settings file /nowhere.toml"),
        (("--token", ""), {}, "zoldyq: --token: this value is empty"),
        (("--threads=4", "--server=waitress"), {}, "zoldyq: max_waiting (8) must be below threads"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(args, env, line, served):
    result = zoldyq(*args, env=env)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1
    assert served == []


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--prot", "1"), "No such option"),
        (("--port",), "requires an argument"),
        (("--port", "1", "extra"), "unexpected extra argument"),
        (("sevre",), "No such command 'sevre'"),
        (("--po", "1"), "No such option"),
        (("--url", "http://x"), "No such option"),
        (("--url", "http://x", "serve"), "No such option"),
    ],
)
def test_usage_errors_exit_with_2(args, told, served):
    result = zoldyq(*args)
    assert result.exit_code == 2
    assert told in result.stderr
    assert served == []


def test_another_error_of_zoldyq_is_one_line_and_exit_code_1(served, monkeypatch):
    def refuse(settings: Settings, _load: object) -> int:
        raise UnsafeServer("use one worker")

    monkeypatch.setattr(sys.modules["zoldyq.server.run"], "serve", refuse)
    result = zoldyq()
    assert (result.exit_code, result.stderr) == (1, "zoldyq: use one worker\n")


def test_help_lists_every_setting_with_variable_and_default(served):
    text = " ".join(zoldyq("serve", "--help").output.split())
    for each in SETTINGS:
        flag = f"{each.flag} / --no-" if each.kind.switch else f"{each.flag} {each.kind.metavar} "
        assert flag in text
        default = f"; default: {each.default_text}" if each.default_text else ""
        assert f"[env: {each.variable}{default}]" in text
    assert "--config FILE" in text
    assert served == []


def test_help_after_an_option_is_that_of_serve(served):
    assert zoldyq("--port", "1", "--help").output == zoldyq("serve", "--help").output


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_the_group_lists_the_commands(flag, served):
    result = zoldyq(flag)
    assert result.exit_code == 0
    assert "serve Start the server." in " ".join(result.output.split())


def test_version():
    assert run_zoldyq("--version").stdout == f"zoldyq {__version__}\n"


def test_a_wrong_flag_of_a_real_process_is_one_line_and_exit_code_2():
    done = run_zoldyq("--port", "banana")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "zoldyq: --port: 'banana' is not allowed; give a whole number from 0 to 65535\n"
    )


def test_the_command_line_loads_no_server():
    code = "import sys, zoldyq.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    ).stdout.split()
    assert not {"falcon", "httptools", "waitress", "prometheus_client"} & set(loaded)

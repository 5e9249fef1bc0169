"""What is shipped: the wheel, the container image, and the files of contrib that run ZoldyQ."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import EntryPoint
from pathlib import Path

import hatchling.build
import pytest
import yaml

import zoldyq
from zoldyq.config import Settings

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
# In the README's words: what installs and runs it, and what installs and runs its tests.
RUN = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/zoldyq"
TEST = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel that `pip install .` would install."""
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        name = hatchling.build.build_wheel(str(folder))
    with zipfile.ZipFile(folder / name) as archive:
        yield archive


def text_of(wheel: zipfile.ZipFile, ending: str) -> str:
    """The text of the one file in the wheel whose name ends so."""
    (name,) = [name for name in wheel.namelist() if name.endswith(ending)]
    return wheel.read(name).decode()


def test_the_wheel_has_the_version_of_the_package(wheel: zipfile.ZipFile) -> None:
    metadata = message_from_string(text_of(wheel, ".dist-info/METADATA"))
    assert metadata["Version"] == zoldyq.__version__
    assert metadata["License-Expression"] == "Apache-2.0 OR MIT"


def test_the_wheel_holds_every_file_of_the_package_and_both_licences(
    wheel: zipfile.ZipFile,
) -> None:
    shipped = set(wheel.namelist())
    names = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "zoldyq").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    # Tools leave their caches in hidden folders.
    expected = {name for name in names if "/." not in name}
    assert {name for name in shipped if ".dist-info/" not in name} == expected
    assert "zoldyq/py.typed" in shipped
    assert text_of(wheel, "licenses/LICENSE-APACHE").lstrip().startswith("Apache License")
    assert text_of(wheel, "licenses/LICENSE-MIT").startswith("MIT License")


def test_the_command_of_the_wheel_is_there(wheel: zipfile.ZipFile) -> None:
    declared = text_of(wheel, "entry_points.txt")
    ((name, value),) = re.findall(r"^(\w+) = (\S+)$", declared, re.MULTILINE)
    assert name == "zoldyq"
    assert callable(EntryPoint(name, value, "console_scripts").load())


def test_every_package_that_is_imported_is_a_dependency() -> None:
    extras = PROJECT["optional-dependencies"]
    requirements = [*PROJECT["dependencies"], *extras["async"], *extras["redis"]]
    declared = {
        re.split(r"[^\w-]", requirement)[0].replace("-", "_") for requirement in requirements
    }
    assert foreign_imports(ROOT / "zoldyq") <= declared


def test_the_readme_names_every_package_that_is_installed_with_it() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    needs = text.partition("**What it needs.**")[2].partition("\n\n")[0].lower()
    names = [re.split(r"[<>=;]", requirement)[0] for requirement in PROJECT["dependencies"]]
    assert [name for name in names if name not in needs] == []


def foreign_imports(folder: Path) -> set[str]:
    """The top names of what the modules of a folder import from neither Python nor ZoldyQ."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").split(".")[0])
    # _typeshed is known to type checkers alone.
    return names - sys.stdlib_module_names - {"zoldyq", "_typeshed"}


def test_the_readme_and_the_checks_use_the_same_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert RUN in readme
    assert TEST in readme
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert script[-1] == TEST


def test_the_image_takes_only_files_that_are_there_and_not_ignored() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert "zoldyq" in sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if f"!{source}" not in ignore] == []


def test_the_image_runs_zoldyq_itself_and_not_as_root() -> None:
    assert json.loads(instruction("ENTRYPOINT")) == list(PROJECT["scripts"])
    assert int(instruction("USER")) > 0
    assert int(instruction("EXPOSE")) == Settings().port


def instruction(name: str) -> str:
    """The argument of the last such instruction of the Dockerfile."""
    return str(re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)[-1])


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 4)])
def test_the_health_check_tells_what_the_server_answers(status: int, code: int) -> None:
    with health_server(status) as (port, asked):
        assert health_check(port) == code
    assert asked == ["/live"]


def test_the_health_check_fails_where_nothing_listens() -> None:
    with health_server(200) as (port, _):
        pass
    assert health_check(port) == 4


def health_check(port: int) -> int:
    """Run the image's health check as Docker would, and return its exit code."""
    (text,) = re.findall(r"^HEALTHCHECK .*\\\n\s+CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    program, *arguments = json.loads(text)
    assert program == "zoldyq"
    # A proxy that is not there: the check has to go past it.
    environ = {**os.environ, "ZOLDYQ_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "zoldyq", *arguments]
    return subprocess.run(
        command, env=environ, check=False, timeout=30, capture_output=True
    ).returncode


@contextmanager
def health_server(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server on a free port that answers every GET so; yields the port and the paths asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing on standard error."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join(timeout=10)
    assert not thread.is_alive()


def test_the_compose_service_fits_the_settings() -> None:
    text = (ROOT / "contrib" / "docker-compose.yml").read_text(encoding="utf-8")
    service = yaml.safe_load(text)["services"]["zoldyq"]
    given = {name: value for name, value in service["environment"].items() if value is not None}
    settings = Settings.load(environ=given)
    assert Settings.environment_warnings(service["environment"]) == ()
    assert [port.split(":")[-1] for port in service["ports"]] == [str(settings.port)]
    assert service["ulimits"]["nofile"] > settings.max_connections
    assert int(service["stop_grace_period"].removesuffix("s")) > settings.drain_seconds
    context = (ROOT / "contrib" / service["build"]["context"]).resolve()
    assert context == ROOT


@pytest.mark.parametrize(("waiting", "threads"), [("8", 16), ("40", 48)])
def test_gunicorn_takes_the_safe_setup(waiting: str, threads: int) -> None:
    shown = gunicorn_config({"ZOLDYQ_MAX_WAITING": waiting, "WEB_CONCURRENCY": "4"})
    assert shown["workers"] == "1"
    assert shown["worker_class"] == "gthread"
    assert shown["threads"] == str(threads)
    assert shown["max_requests"] == "0"
    assert shown["timeout"] == "0"
    assert shown["preload_app"] == shown["reload"] == "False"
    assert shown["control_socket_disable"] == "True"


def test_gunicorn_listens_where_the_settings_say() -> None:
    assert gunicorn_config({"ZOLDYQ_HOST": "::1", "ZOLDYQ_PORT": "9001"})["bind"] == (
        "['[::1]:9001']"
    )


def gunicorn_config(environ: dict[str, str]) -> dict[str, str]:
    """The settings that gunicorn, which loads the app to check it, shows for the file."""
    command = [sys.executable, "-m", "gunicorn", "--print-config", "-c", "contrib/gunicorn.conf.py"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^(\w+) += (.*)$", done.stdout, re.MULTILINE))

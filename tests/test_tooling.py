"""The commands of the repository: every one of them is there, and all documents agree on them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")
SESSIONS = set(re.findall(r"^@nox\.session\ndef (\w+)\(", NOXFILE, re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_sessions_of_nox_are_those_that_people_expect() -> None:
    expected = {
        "lint",
        "types",
        "test",
        "fast",
        "bench",
        "soak",
        "docs",
        "coverage",
        "reactors",
        "outages",
        "policies",
        "tls_scan",
        "engine",
        "manifests",
    }
    assert expected <= SESSIONS


def test_the_fast_session_names_paths_that_exist() -> None:
    paths = re.findall(r'"(tests/[\w/.]+)"', NOXFILE.partition("FAST = ")[2].partition("\n)")[0])
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    "document",
    [
        ".ci/run",
        ".github/workflows/tests.yml",
        ".github/PULL_REQUEST_TEMPLATE.md",
        "CONTRIBUTING.md",
    ],
)
def test_a_document_names_only_sessions_that_nox_has(document: str) -> None:
    text = text_of(document)
    named = set(re.findall(r"^session (\w+)$", text, re.MULTILINE))
    for names in re.findall(r"nox -s ((?:[a-z_]+ ?)+)", text):
        named.update(names.split())
    assert named
    assert named <= SESSIONS


def test_the_recipes_name_files_that_exist() -> None:
    recipes = text_of("CONTRIBUTING.md").partition("## Recipes")[2]
    named = re.findall(r"`((?:zoldyq|tests|contrib)/[\w/.]+)", recipes)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_checks_run_lint_types_two_reactors_and_the_floor_of_coverage() -> None:
    script = text_of(".ci/run")
    assert re.findall(r"^session (\w+)$", script, re.MULTILINE) == ["lint", "types", "reactors"]
    assert "coverage report" in script
    assert PROJECT["tool"]["coverage"]["report"]["fail_under"] >= 97


def test_coverage_measures_subprocesses() -> None:
    assert PROJECT["tool"]["coverage"]["run"]["patch"] == ["subprocess"]


def test_the_workflow_tests_every_python_that_the_package_claims() -> None:
    claimed = {
        name.rpartition(" ")[2]
        for name in PROJECT["project"]["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", name)
    }
    matrix = load(ROOT / ".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert set(matrix["python"]) == claimed | {"3.14t"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_and_its_jobs_end(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())


def test_a_hook_before_each_commit_runs_what_the_checks_run() -> None:
    ((hooks),) = [repo["hooks"] for repo in load(ROOT / ".pre-commit-config.yaml")["repos"]]
    assert [hook["id"] for hook in hooks] == ["ruff-check", "ruff-format", "mypy"]
    # Tools of the environment, so that no second list of versions exists.
    assert {hook["language"] for hook in hooks} == {"system"}


def test_the_issue_forms_ask_for_something() -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    for form in forms:
        if form.stem != "config":
            document = load(form)
            assert document["name"]
            assert any(field["type"] != "markdown" for field in document["body"])
    assert len(forms) == 3

"""No block of a document escapes its test without a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import Role, UnusableBlock, read_blocks
from tests.docs.outputs import same
from tests.docs.reader import Reader


def _document(folder: Path, text: str) -> Path:
    file = folder / "page.md"
    file.write_text(text)
    return file


def _roles(folder: Path, text: str) -> list[Role]:
    return [block.role for block in read_blocks(_document(folder, text))]


def test_what_can_be_run_is_run_and_what_follows_it_is_compared(tmp_path: Path) -> None:
    text = "```sh\ncurl x\n```\n\nIt answers:\n\n```json\n{}\n```\n\n```python\npass\n```\n"
    assert _roles(tmp_path, text) == [Role.RUN, Role.COMPARE, Role.RUN]


def test_marked_blocks_are_passed_over_or_started(tmp_path: Path) -> None:
    text = (
        "<!-- not run: needs a cluster -->\n```sh\nkubectl\n```\n<!-- server -->\n```sh\nx\n```\n"
    )
    assert _roles(tmp_path, text) == [Role.PASS_OVER, Role.SERVE]


@pytest.mark.parametrize(
    "text",
    [
        "<!-- not run: -->\n```sh\nkubectl\n```\n",
        "<!-- not run -->\n```sh\nkubectl\n```\n",
        "<!-- not run: a reason -->\n\nSome text.\n\n```yaml\na: 1\n```\n",
        "```yaml\na: 1\n```\n",
        "```\nplain\n```\n",
        "```json\n{}\n```\n",
        "<!-- not run: a reason -->\n```sh\nx\n```\n```json\n{}\n```\n",
        "```sh\nx\n```\n```json\n{}\n```\n```json\n{}\n```\n",
        "- a list\n  ```sh\n  x\n  ```\n",
        "```sh\nno end\n",
    ],
)
def test_blocks_without_a_use_or_a_reason_are_found(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnusableBlock, match=r"page\.md:\d+"):
        read_blocks(_document(tmp_path, text))


@pytest.mark.parametrize(
    ("language", "shown", "printed"),
    [
        ("json", '{"a":1.10,"enqueued_at":1}', '{"a": 1.10, "enqueued_at": 2}\n'),
        ("json", '{"a":1}\n{"b":2}', '{"a":1}{"b":2}'),
        ("text", "at localhost:9000, 0.1s old", "at 127.0.0.1:4711, 2.0s old  \n"),
    ],
)
def test_what_varies_is_no_difference(language: str, shown: str, printed: str) -> None:
    assert same(language, shown, printed)


@pytest.mark.parametrize(
    ("language", "shown", "printed"),
    [
        ("json", '{"a":1.10}', '{"a":1.1}'),
        ("json", '{"a":1}', '{"a":1,"enqueued_at":2}'),
        ("json", '{"a":1}', '{"a":1}{"a":1}'),
        ("text", "queued 1", "queued 2"),
    ],
)
def test_everything_else_is_one(language: str, shown: str, printed: str) -> None:
    assert not same(language, shown, printed)


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nfalse\n```\n",
        "```sh\ncurl -s http://localhost:9000/ready\n```\n```json\n{}\n```\n",
        "```python\nassert False\n```\n",
        "<!-- server -->\n```sh\nzoldyq --port none\n```\n",
    ],
)
def test_whatever_does_not_do_as_shown_is_found(tmp_path: Path, text: str) -> None:
    with Reader(tmp_path) as reader, pytest.raises(AssertionError):
        reader.follow_all(read_blocks(_document(tmp_path, text)))

"""Files in TOML: a document or one clear error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zoldyq.contract.errors import InvalidSetting
from zoldyq.toml_file import MAX_BYTES, read_toml

DOCUMENT = {"a": 1, "b": "ä"}
TEXT = 'a = 1\nb = "ä"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.toml"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.encode().ljust(MAX_BYTES),
    ],
    ids=["as Unix writes it", "with a byte order mark", "as Windows writes it", "the largest"],
)
def test_a_document_is_read(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    assert read_toml(file, "the file") == DOCUMENT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (TEXT.encode("latin-1"), "is not UTF-8 text"),
        (TEXT.encode("utf-16"), "is not UTF-8 text"),
        (b"a = ", "is not TOML: Invalid value"),
        (b"a = 1\na = 2", "is not TOML: Cannot overwrite"),
        (b"a = " + b"[" * 100_000, "is nested too deeply"),
        (TEXT.encode().ljust(MAX_BYTES + 1), "is larger than 1 MiB"),
    ],
)
def test_what_is_no_document_is_told(file: Path, data: bytes, reason: str) -> None:
    file.write_bytes(data)
    with pytest.raises(InvalidSetting) as error:
        read_toml(file, "the tokens file")
    assert error.value.message.startswith(f"the tokens file {file} {reason}")


def test_what_is_no_file_is_told_at_once(file: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"cannot read the file .*: No such file"):
        read_toml(file, "the file")
    os.mkfifo(file)  # nobody ever writes to it
    for path in (file, file.parent):
        with pytest.raises(InvalidSetting, match="is a folder, a pipe or a device"):
            read_toml(path, "the file")

"""The pipeline that shrinks pictures."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from tests.contrib.examples.conftest import Run
from tests.helpers import wait_until
from zoldyq.client import Client

COUNT = 6


def test_every_picture_comes_out_small(
    own_client: Client, run_example: Run, tmp_path: Path
) -> None:
    pipeline = run_example("image_pipeline.py", "--count", COUNT, "--folder", tmp_path)
    assert pipeline.exit_code() == 0, pipeline.log.read_text()
    check_pictures(tmp_path)
    for stats in own_client.queues().values():
        assert (stats.enqueued_total, stats.size, stats.queue_full_total) == (COUNT, 0, 0)
        assert stats.capacity < COUNT
    assert set(own_client.queues()) == {"images", "thumbnails"}


def test_its_stages_can_be_processes(run_example: Run, tmp_path: Path, own_client: Client) -> None:
    paint = run_example("image_pipeline.py", "--stage", "paint", "--count", COUNT)
    # Nobody takes anything yet: it has to wait for room, and is not refused.
    wait_until(lambda: sum(each.waiting_producers for each in own_client.queues().values()) == 1)
    shrinks = [run_example("image_pipeline.py", "--stage", "shrink") for _ in range(2)]
    options = ("--count", COUNT, "--folder", tmp_path)
    store = run_example("image_pipeline.py", "--stage", "store", *options)
    assert [paint.exit_code(), store.exit_code()] == [0, 0]
    assert [shrink.stop() for shrink in shrinks] == [0, 0]
    check_pictures(tmp_path)


def check_pictures(folder: Path) -> None:
    """See whether all are there, and are what they should be."""
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == [f"julia-{number:03}.png" for number in range(COUNT)]
    pictures = {pixels_of(path.read_bytes()) for path in paths}
    assert len(pictures) == COUNT


def pixels_of(png: bytes) -> bytes:
    """The rows of a picture of 40 by 30 pixels, with a filter byte before each."""
    signature, head = png[:8], png[16:29]
    assert signature == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">IIBBBBB", head) == (40, 30, 8, 2, 0, 0, 0)
    (length,) = struct.unpack(">I", png[33:37])
    assert png[37:41] == b"IDAT"
    rows = zlib.decompress(png[41 : 41 + length])
    assert len(rows) == 30 * (1 + 3 * 40)
    return rows

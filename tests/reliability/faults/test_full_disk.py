"""An export for which the disk has no room: one sentence, the old file as it was, and nothing half written."""

from __future__ import annotations

import resource
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import ConfigurationError
from include.exports import save_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOM = 64 * 1024
"""Bytes that a file may have: the kernel refuses more, as a full disk does."""


class Local:
    """A local path, as Airflow's ObjectStoragePath shows it."""

    protocol = "file"
    fs = None

    def __init__(self, path: Path) -> None:
        self.path = str(path)


@contextmanager
def little_room() -> Iterator[None]:
    """Let the kernel refuse to write files larger than `ROOM`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("fmt", ["jsonl", "parquet"])
def test_export_without_room_leaves_the_old_file(tmp_path: Path, fmt: Any) -> None:
    file = tmp_path / f"rows.{fmt}"
    file.write_bytes(b"the last export")
    rows = ({"ID": str(number), "Name": f"Voorbeeld {number} " * 20} for number in range(5_000))
    with little_room(), pytest.raises(ConfigurationError) as caught:
        save_rows(rows, Local(file), fmt)
    assert caught.value.way_out
    assert "Voorbeeld" not in str(caught.value)
    assert file.read_bytes() == b"the last export"
    assert [found.name for found in tmp_path.iterdir()] == [file.name]

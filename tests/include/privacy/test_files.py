"""Rows about a person leave the exports, and nothing else does."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from include.privacy.files import in_exports

if TYPE_CHECKING:
    from pathlib import Path

VERA = "d3b07384-0000-4000-8000-000000000001"
MAIL = "vera@example.org"
ROWS: list[dict[str, Any]] = [
    {"ID": VERA.upper(), "Name": "Vera"},
    {"ID": "x", "Contact": f"{{{VERA}}}"},
    {"ID": "y", "Notes": f"ask Vera <{MAIL.title()}>"},
    {"ID": "z", "Email": f"a{MAIL}"},
    {"ID": "w", "Email": None},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "exports" / "dag" / "run"
    made.mkdir(parents=True)
    return made


def written(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    else:
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(
            pa.Table.from_pylist([{**dict.fromkeys(("Name", "Contact", "Notes")), **row} for row in ROWS]), path
        )
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def ids(path: Path) -> list[str]:
    if path.suffix == ".jsonl":
        return [json.loads(line)["ID"] for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["ID"] for row in pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()]


@pytest.mark.parametrize("name", ["task.jsonl", "task.parquet"])
def test_rows_about_the_person_are_taken_out(folder: Path, name: str) -> None:
    """By any of their ids and addresses, whole ones; the file keeps its age and is for its owner alone."""
    path = written(folder, name)
    [told] = in_exports([VERA], [MAIL], folder=folder.parents[1])
    assert (told.path, told.count, len(told.rows)) == (str(path), 3, 3)
    assert len(ids(path)) == 5
    [done] = in_exports([VERA], [MAIL], remove=True, folder=folder.parents[1])
    assert done.problem == ""
    assert ids(path) == ["z", "w"]
    found = path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_mtime == 1_700_000_000
    assert [entry.name for entry in folder.iterdir()] == [name]
    assert in_exports([VERA], [MAIL], remove=True, folder=folder.parents[1]) == []


def test_what_is_not_finished_or_broken_is_named(folder: Path) -> None:
    (folder / ".task.jsonl.abc_1.part").write_text(json.dumps(ROWS[0]) + "\n", encoding="utf-8")
    (folder / "broken.parquet").write_bytes(b"no parquet")
    (folder / "cut.jsonl").write_text(json.dumps(ROWS[0])[:-3], encoding="utf-8")
    found = in_exports([VERA], [MAIL], remove=True, folder=folder.parents[1])
    assert [bool(file.problem) for file in found] == [True, True, False]
    assert (folder / "cut.jsonl").read_bytes() == b""


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = written(tmp_path, "own.jsonl")
    (folder / "link.jsonl").symlink_to(outside)
    (folder.parent / "linked").symlink_to(tmp_path, target_is_directory=True)
    assert in_exports([VERA], [MAIL], remove=True, folder=folder.parents[1]) == []
    assert len(ids(outside)) == 5


def test_no_folder_holds_nothing(tmp_path: Path) -> None:
    assert in_exports([VERA], [MAIL], folder=tmp_path / "none") == []

"""Old exports go, and nothing else does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.exports import default_path
from include.old_exports import exports_folder, remove_old_exports

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BORDER = NOW - timedelta(days=180)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def written(path: Path, *, days_ago: float = 200) -> Path:
    """Write a file, and let it and the folders above it be so old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}\n", encoding="utf-8")
    return aged(path, days_ago)


def aged(path: Path, days_ago: float = 200) -> Path:
    at = (NOW - timedelta(days=days_ago)).timestamp()
    for entry in (path, *path.parents[:2]):
        os.utime(entry, (at, at), follow_symlinks=False)
    return path


def export(dag_id: str, run_id: str, fmt: str = "jsonl") -> Path:
    return Path(default_path(dag_id, run_id, "rows", fmt).removeprefix("file://"))


def test_old_exports_go_with_their_folders(home: Path) -> None:
    """What an operator writes by itself is found again, whatever the run is called."""
    old = [
        written(export("dag", "manual__2026-01-01T00:00:00+00:00")),
        written(export("dag", "run/with ünusual name", "parquet")),
    ]
    young = written(export("dag", "young"), days_ago=179)
    assert exports_folder() == home / "exports"
    assert remove_old_exports(BORDER) == {"removed": 2, "kept": 0}
    assert [path.exists() for path in (*old, young)] == [False, False, True]
    assert [path.parent.exists() for path in (*old, young)] == [False, False, True]
    assert remove_old_exports(BORDER) == {"removed": 0, "kept": 0}


@pytest.mark.parametrize(
    "place",
    [
        "rows.jsonl",
        "dag/rows.jsonl",
        "dag/run/sub/rows.jsonl",
        "dag/run/notes.txt",
        "dag/run/.notes.txt.abcd1234.part",
        "dag/run/rows.jsonl.part",
        "dag/.rows.jsonl.abcd1234.part",
    ],
)
def test_other_files_stay(home: Path, place: str) -> None:
    """Not ours: another depth, another ending."""
    path = written(home / "exports" / place)
    assert remove_old_exports(BORDER) == {"removed": 0, "kept": 0}
    assert path.exists()


@pytest.mark.parametrize("task", ["rows", "t" * 59, "t" * 100])
def test_half_an_export_goes_too(home: Path, task: str) -> None:
    """A killed task leaves its rows under the name that they were written to; one at work is younger."""
    place = home / "exports" / "dag" / "run" / f"{task}.jsonl"
    code = (
        "import os, signal, sys; from pathlib import Path; from types import SimpleNamespace as Target\n"
        "from include.exports import save_rows\n"
        "def rows():\n"
        "    yield {'Email': 'sanne@example.org'}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "save_rows(rows(), Target(path=sys.argv[1], protocol='file', fs=None), 'jsonl')"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(place)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (part,) = place.parent.iterdir()
    aged(part, 179)
    assert remove_old_exports(BORDER) == {"removed": 0, "kept": 0}
    aged(part)
    assert remove_old_exports(BORDER) == {"removed": 1, "kept": 0}
    assert not place.parent.exists()


def test_links_are_not_followed(home: Path, tmp_path: Path) -> None:
    """Neither to a file nor to a folder, at any depth; the link itself stays too."""
    target = written(tmp_path / "elsewhere" / "run" / "rows.jsonl")
    exports = home / "exports"
    (exports / "dag" / "run").mkdir(parents=True)
    links = {
        exports / "other": target.parents[1],
        exports / "dag" / "linked": target.parent,
        exports / "dag" / "run" / "rows.jsonl": target,
    }
    for link, to in links.items():
        link.symlink_to(to)
        aged(link)
    assert remove_old_exports(BORDER) == {"removed": 0, "kept": 0}
    assert target.exists()
    assert all(link.is_symlink() for link in links)


def test_exports_that_are_a_link_are_left_alone(home: Path, tmp_path: Path) -> None:
    target = written(tmp_path / "elsewhere" / "dag" / "run" / "rows.jsonl")
    home.mkdir()
    (home / "exports").symlink_to(target.parents[2])
    assert remove_old_exports(BORDER) == {"removed": 0, "kept": 0}
    assert target.exists()


def test_no_exports_yet(home: Path) -> None:
    assert remove_old_exports(BORDER, home / "nowhere") == {"removed": 0, "kept": 0}


def test_what_cannot_be_removed_is_counted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file of somebody else does not keep the others from going."""
    mine, theirs = written(export("dag", "a")), written(export("dag", "b"))
    unlink = os.unlink
    refused: list[str] = []

    def refuse_once(name: str, **options: int) -> None:
        if not refused:
            refused.append(name)
            raise PermissionError(name)
        unlink(name, **options)

    monkeypatch.setattr("include.old_exports.os.unlink", refuse_once)
    assert remove_old_exports(BORDER) == {"removed": 1, "kept": 1}
    assert home.exists()
    assert sorted([mine.exists(), theirs.exists()]) == [False, True]

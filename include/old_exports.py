"""Removes old exports below ``AIRFLOW_HOME``: rows may be about people, and their time is over at some point."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.exports import FORMATS, default_path

if TYPE_CHECKING:
    from datetime import datetime

_DEPTH: Final = 2
"""Exports are in ``<dag_id>/<run_id>/``, and nowhere else."""
_PART: Final = re.compile(rf"\.(.{{60}}|.{{0,58}}\.(?:{'|'.join(FORMATS)}))\.[a-z0-9_]+\.part", re.DOTALL)
"""What an export is called while it is written: a dot, the first 60 characters of its name, something random."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def exports_folder() -> Path:
    """Return the folder below which exports go when nobody says where."""
    return Path(default_path("dag", "run", "task", FORMATS[0]).removeprefix("file://")).parents[2]


def remove_old_exports(older_than: datetime, folder: Path | None = None) -> dict[str, int]:
    """Remove exports that were written before a time, and the folders that are empty then; return counts.

    Only files that our operators write are removed: ``<dag_id>/<run_id>/<name>.jsonl`` or ``.parquet``, and the
    ``.part`` of such a file that a killed task left there. Links are neither followed nor removed, wherever they
    stand. Paths that somebody chose are their own.

    :param older_than: aware.
    :param folder: used instead of :func:`exports_folder`.
    :return: ``removed``, and ``kept`` for what could not be removed.
    """
    counts = {"removed": 0, "kept": 0}
    try:
        root = os.open(folder or exports_folder(), _FOLDER)
    except OSError:
        # None yet, or a link.
        return counts
    try:
        _sweep(root, _DEPTH, older_than.timestamp(), counts)
    finally:
        os.close(root)
    return counts


def _sweep(folder: int, depth: int, before: float, counts: dict[str, int]) -> None:
    """Go down to where the files are; by open folders, so that nobody can put a link in the way meanwhile."""
    for entry in sorted(os.listdir(folder)):
        try:
            found = os.stat(entry, dir_fd=folder, follow_symlinks=False)
            if depth and stat.S_ISDIR(found.st_mode):
                _sweep_inside(folder, entry, depth, before, counts)
                if found.st_mtime < before:
                    _remove_empty(folder, entry)
            elif not depth and _is_old_export(entry, found, before):
                os.unlink(entry, dir_fd=folder)
                counts["removed"] += 1
        except OSError:
            # Of somebody else, or gone meanwhile.
            counts["kept"] += 1


def _sweep_inside(folder: int, entry: str, depth: int, before: float, counts: dict[str, int]) -> None:
    inner = os.open(entry, _FOLDER, dir_fd=folder)
    try:
        _sweep(inner, depth - 1, before, counts)
    finally:
        os.close(inner)


def _is_old_export(name: str, found: os.stat_result, before: float) -> bool:
    whole = name.rpartition(".")[2] in FORMATS and not name.startswith(".")
    ours = whole or _PART.fullmatch(name) is not None
    return ours and stat.S_ISREG(found.st_mode) and found.st_mtime < before


def _remove_empty(folder: int, entry: str) -> None:
    try:
        os.rmdir(entry, dir_fd=folder)
    except OSError:
        # Not empty.
        return

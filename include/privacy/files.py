"""Rows about a person in the files that operators exported below ``AIRFLOW_HOME``: told, handed out, taken out.

Files that somebody wrote elsewhere are their own: nobody here knows of them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from include.ledger.tombstones import addresses_in
from include.old_exports import exports_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from include.records import Row

_ENDS: Final = (".jsonl", ".parquet", ".part")


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file that holds rows about a person, or may.

    :param count: rows about them.
    :param problem: why the rows were not taken out, or could not be looked for; empty: there was none.
    :param rows: the rows. Personal data, so they do not show.
    """

    path: str
    count: int
    problem: str = ""
    rows: tuple[Row, ...] = dataclasses.field(repr=False, default=())


def in_exports(
    ids: Collection[str], emails: Collection[str], *, remove: bool = False, folder: Path | None = None
) -> list[ExportFile]:
    """Return the exports with rows about a person.

    :param ids: of the person's records at Exact.
    :param emails: the person's addresses.
    :param remove: take the rows out; the file is replaced at once, with its time and for its owner alone.
    :param folder: used instead of `include.old_exports.exports_folder`.
    """
    about = _About(frozenset(text.casefold() for text in ids), frozenset(text.casefold() for text in emails))
    found = []
    for path in _files(folder or exports_folder()):
        try:
            file = _looked_at(path, about, remove=remove)
        except (OSError, ValueError) as error:
            file = ExportFile(str(path), 0, f"it could not be read or written ({type(error).__name__})")
        if file is not None:
            found.append(file)
    return found


def rows_of_exports(folder: Path | None = None) -> Iterator[Row]:
    """Yield every row of the exports that can be read; what cannot be is told by `in_exports`.

    :param folder: used instead of `include.old_exports.exports_folder`.
    """
    for path in _files(folder or exports_folder()):
        try:
            if path.suffix == ".parquet":
                yield from _parquet_rows(path)
            elif path.suffix != ".part":
                with _opened(path) as file:
                    yield from (row for line in file if isinstance(row := json.loads(line), dict))
        except (OSError, ValueError, ImportError):
            continue


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415 - optional, and heavy

    with _opened(path) as stream:
        for batch in pq.ParquetFile(stream).iter_batches():
            yield from batch.to_pylist()


@dataclass(frozen=True, slots=True)
class _About:
    """What makes a row one about the person."""

    ids: frozenset[str]
    emails: frozenset[str] = dataclasses.field(repr=False)

    def hints_in(self, text: bytes) -> bool:
        """Say whether a text may be about the person, at little cost."""
        folded = text.decode(errors="replace").casefold()
        return any(word in folded for word in chain(self.ids, self.emails))

    def is_in(self, content: Any) -> bool:
        """Say whether a row is about the person."""
        return bool(addresses_in(content) & self.emails) or bool(self.ids & set(texts_in(content)))


def texts_in(content: Any) -> Iterator[str]:
    """Yield all texts in a JSON value as an id is compared: folded, without braces."""
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        for value in content:
            yield from texts_in(value)
    elif isinstance(content, str):
        yield content.strip().strip("{}").casefold()


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if name.endswith(_ENDS) and not path.is_symlink():
                yield path


def _opened(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def _looked_at(path: Path, about: _About, *, remove: bool) -> ExportFile | None:
    if path.suffix == ".part":
        # Maybe whole, maybe under way, maybe left by a task that was killed.
        with _opened(path) as file:
            hit = any(about.hints_in(line) for line in file)
        return ExportFile(str(path), 1, "it is not finished: look again later, or delete it") if hit else None
    return (_parquet if path.suffix == ".parquet" else _jsonl)(path, about, remove=remove)


def _jsonl(path: Path, about: _About, *, remove: bool) -> ExportFile | None:
    with _opened(path) as file:
        rows = tuple(row for line in file if (row := _row_about(line, about)) is not None)
    if not rows:
        return None
    if remove:
        with _opened(path) as file, _replacing(path) as out:
            out.writelines(line for line in file if _row_about(line, about) is None)
    return ExportFile(str(path), len(rows), rows=rows)


def _row_about(line: bytes, about: _About) -> Row | None:
    """Return a line's row if it is about the person."""
    if not about.hints_in(line) and b"\\u" not in line:
        return None
    try:
        row = json.loads(line)
    except ValueError:
        # A line that was cut: better taken out than left.
        return {"line": line.decode(errors="replace")} if about.hints_in(line) else None
    if not about.is_in(row):
        return None
    return row if isinstance(row, dict) else {"line": row}


def _parquet(path: Path, about: _About, *, remove: bool) -> ExportFile | None:
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and heavy
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        return ExportFile(str(path), 0, "pyarrow is not installed, so nobody can look into it")
    with _opened(path) as stream:
        file = pq.ParquetFile(stream)
        rows = tuple(row for batch in file.iter_batches() for row in batch.to_pylist() if about.is_in(row))
    if not rows:
        return None
    if remove:
        with _opened(path) as stream, _replacing(path) as out:
            file = pq.ParquetFile(stream)
            with pq.ParquetWriter(out, file.schema_arrow) as writer:
                for batch in file.iter_batches():
                    keep = pa.array([not about.is_in(row) for row in batch.to_pylist()], pa.bool_())
                    writer.write_table(pa.Table.from_batches([batch.filter(keep)], schema=file.schema_arrow))
    return ExportFile(str(path), len(rows), rows=rows)


class _replacing:  # noqa: N801 - reads as a sentence where it is used
    """A file that takes another's place at the end of the block, if that ends well."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> BinaryIO:
        handle, name = tempfile.mkstemp(prefix=f".{self._place.name[:60]}.", suffix=".part", dir=self._place.parent)
        self._part = Path(name)
        self._file = os.fdopen(handle, "wb")
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        try:
            if kind is None:
                # Retention goes by the file's time: it is not new.
                was = self._place.stat()
                os.utime(self._part, ns=(was.st_atime_ns, was.st_mtime_ns))
                self._part.replace(self._place)
        finally:
            self._part.unlink(missing_ok=True)

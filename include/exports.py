"""Rows into a file: JSON Lines or Parquet, in bounded memory, and under its final name only once it is whole.

Values stay as the service sent them. One exception: Exact's ``/Date(ms)/`` becomes ISO 8601 without a zone, which
is what it means, the wall clock of the site. Integers that arrive as text (Exact's Int64) stay text.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tempfile
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, Protocol, cast

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from include.records import Row

ExportFormat = Literal["jsonl", "parquet"]
FORMATS: Final[tuple[str, ...]] = ("jsonl", "parquet")

_ROWS_AT_ONCE: Final = 10_000
_DATE: Final = re.compile(r"/Date\((-?\d{1,16})(?:[+-]\d{4})?\)/")
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the site's wall clock has no zone
_INT64: Final = 2**63
_LONGEST_NAME: Final = 120
_HALVES: Final = re.compile("[\ud800-\udfff]")
Kind = Literal["null", "bool", "int", "float", "date", "text"]


class Target(Protocol):
    """Where a file goes; Airflow's ``ObjectStoragePath`` is one."""

    @property
    def fs(self) -> Any:
        """The fsspec file system."""

    @property
    def path(self) -> str:
        """The path within it."""

    @property
    def protocol(self) -> str:
        """``file``, ``s3`` and so on."""


def default_path(dag_id: str, run_id: str, task_id: str, fmt: str, *, map_index: int = -1) -> str:
    """Return where an export goes when nobody says: one file per task of a run, below ``AIRFLOW_HOME``.

    :param fmt: ``jsonl`` or ``parquet``.
    :param map_index: of a mapped task, else -1.
    """
    home = os.environ.get("AIRFLOW_HOME", "").strip()
    folder = Path(home).expanduser() if home else Path.home() / "airflow"
    task = task_id if map_index < 0 else f"{task_id}-{map_index}"
    return f"file://{folder.absolute()}/exports/{_safe(dag_id)}/{_safe(run_id)}/{_safe(task)}.{fmt}"


def checked_format(fmt: str, path: str) -> ExportFormat:
    """Return the format if it is one, fits the path's end, and can be written here.

    A path must end in its format, so that a slip of the pen cannot overwrite a settings file or a DAG.

    :param fmt: ``jsonl`` or ``parquet``.
    :param path: where the file goes.
    :raises ConfigurationError: before anything is read from a service.
    """
    if fmt not in FORMATS:
        raise ConfigurationError(
            "`format` is neither jsonl nor parquet.",
            reason_code="export.format.unknown",
            way_out="Choose one of the two.",
        )
    if not path.endswith(f".{fmt}"):
        raise ConfigurationError(
            f"`path` does not end in .{fmt}.",
            reason_code="export.path.wrong_ending",
            way_out=f"Let it end in .{fmt}, or leave it empty for a file below $AIRFLOW_HOME/exports.",
        )
    if fmt == "parquet":
        _pyarrow()
    return cast("ExportFormat", fmt)


def save_rows(rows: Iterable[Row], target: Target, fmt: ExportFormat, *, columns: Sequence[str] = ()) -> int:
    """Write the rows to a file, replacing it, and return how many there were.

    A local file is written beside its place and renamed; another is put there whole at the end. It is readable
    by its owner only, because rows may be about people.

    :param rows: taken one by one, never all at once.
    :param columns: known names; they give an empty Parquet file its columns.
    :raises ConfigurationError: the file cannot be written, or Parquet cannot.
    """
    checked_format(fmt, target.path)
    with _whole_file(target) as file:
        return write_jsonl(rows, file) if fmt == "jsonl" else write_parquet(rows, file, columns=columns)


def write_jsonl(rows: Iterable[Row], file: BinaryIO) -> int:
    """Write one JSON object per line, in UTF-8; return how many."""
    count = 0
    for row in rows:
        file.write(_line(row))
        count += 1
    return count


def write_parquet(rows: Iterable[Row], file: BinaryIO, *, columns: Sequence[str] = ()) -> int:
    """Write a Parquet file whose column types hold for all rows; return how many.

    The rows pass through a file of their own first: a type is known only when the last row was seen. Dates of
    Exact become timestamps without a zone; lists, objects and columns of mixed types become text.

    :param columns: names that are known beforehand.
    :raises ConfigurationError: pyarrow is not installed.
    """
    pa, pq = _pyarrow()
    kinds: dict[str, Kind] = dict.fromkeys(columns, "null")
    types = {"null": pa.string(), "bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
    types |= {"date": pa.timestamp("ms"), "text": pa.string()}
    with tempfile.TemporaryFile() as staged:
        count = write_jsonl(_watched(rows, kinds), staged)
        staged.seek(0)
        schema = pa.schema([(name, types[kind]) for name, kind in kinds.items()])
        with pq.ParquetWriter(file, schema) as writer:
            while lines := list(islice(staged, _ROWS_AT_ONCE)):
                made = [_cells(json.loads(line), kinds) for line in lines]
                arrays = [pa.array([row[name] for row in made], types[kind]) for name, kind in kinds.items()]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return count


@contextmanager
def _whole_file(target: Target) -> Iterator[BinaryIO]:
    """Yield a file that appears at its place when the block ends well, and not at all otherwise."""
    local = target.protocol in ("", "file", "local")
    place = Path(target.path)
    try:
        if local:
            place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{place.name[:60]}.", suffix=".part", dir=place.parent if local else None
        )
    except OSError as error:
        raise _unwritable(error) from None
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        if local:
            part.replace(place)
        else:
            target.fs.put(str(part), target.path)
    except OSError as error:
        raise _unwritable(error) from None
    finally:
        part.unlink(missing_ok=True)


def _unwritable(error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The export cannot be written ({type(error).__name__}).",
        reason_code="export.path.unwritable",
        way_out="Check that the worker may write to the folder of `path` and that there is room.",
    )


def _line(row: Mapping[str, Any]) -> bytes:
    plain = {name: _plain(value) for name, value in row.items()}
    # Half a character has no UTF-8; as `\\ud800` any reader of JSON takes it.
    text = json.dumps(plain, ensure_ascii=False)
    return (json.dumps(plain) if _HALVES.search(text) else text).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _iso(value) or value
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no word for it
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _iso(value: str) -> str | None:
    """Return Exact's time as ISO 8601 without a zone; None for any other text."""
    match = _DATE.fullmatch(value)
    if match is None:
        return None
    try:
        moment = _EPOCH + timedelta(milliseconds=int(match[1]))
    except OverflowError:
        return None  # outside the years 1 to 9999: kept as it came
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def _watched(rows: Iterable[Row], kinds: dict[str, Kind]) -> Iterator[Row]:
    """Pass the rows on, and learn on the way what each column holds."""
    for row in rows:
        for name, value in row.items():
            kinds[name] = _joined(kinds.get(name, "null"), _kind(value))
        yield row


def _kind(value: Any) -> Kind:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_INT64 <= value < _INT64 else "text"
    if isinstance(value, float):
        return "float"
    return "date" if isinstance(value, str) and _iso(value) else "text"


def _joined(one: Kind, other: Kind) -> Kind:
    if other in {one, "null"}:
        return one
    if one == "null":
        return other
    return "float" if {one, other} == {"int", "float"} else "text"


def _cells(row: Row, kinds: Mapping[str, Kind]) -> Row:
    return {name: _cell(row.get(name), kind) for name, kind in kinds.items()}


def _cell(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind == "date":
        return datetime.fromisoformat(value)
    if kind == "text":
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return _HALVES.sub("\N{REPLACEMENT CHARACTER}", text)
    return float(value) if kind == "float" else value


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - optional, and heavy
        import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "Parquet needs pyarrow, which is not installed.",
            reason_code="export.format.no_pyarrow",
            way_out="Install it: pip install '.[parquet]', or choose jsonl.",
        ) from None
    return pa, pq


def _safe(name: str) -> str:
    """Return a file name that is nobody else's: what had to be changed is told apart by a hash."""
    safe = re.sub(r"[^A-Za-z0-9_.+-]", "_", name).lstrip(".")[:_LONGEST_NAME]
    if safe == name:
        return safe
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"

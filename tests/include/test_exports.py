"""Exports: what is in the file, that it is whole or not there, and that memory stays bounded."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from include.errors import ConfigurationError
from include.exports import checked_format, default_path, save_rows, write_jsonl, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS: list[dict[str, Any]] = [
    {
        "ID": "790fc424-dc9f-405d-ab09-22d4ee00f653",
        "Name": "Voorbeeld \u00e9\u20ac\u2028",
        "Modified": "/Date(1782404052403)/",
        "StartDate": "/Date(1782345600000)/",
        "Timestamp": "4711",
        "Amount": 3,
        "Blocked": False,
        "Lines": {"results": [{"Created": "/Date(0)/"}]},
        "Nothing": None,
    },
    {"ID": "b", "Name": None, "Modified": None, "Timestamp": "9", "Amount": 1.5, "Blocked": True, "Extra": 2**70},
]


class Local:
    """A local path, as Airflow's ObjectStoragePath shows it."""

    protocol = "file"
    fs = None

    def __init__(self, path: Path) -> None:
        self.path = str(path)


class Bucket:
    """A store that takes whole files only."""

    protocol = "s3"
    path = "bucket/rows.jsonl"

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.fs = self

    def put(self, local: str, path: str) -> None:
        self.held[path] = Path(local).read_bytes()


def test_jsonl_keeps_values_and_writes_dates_as_the_sites_clock() -> None:
    """The ms are the site's wall clock written as UTC (facts 2.5): 16:14:12.403 here."""
    file = io.BytesIO()
    assert write_jsonl(ROWS, file) == 2
    first, second = (json.loads(line) for line in file.getvalue().decode().split("\n")[:-1])
    assert first["Modified"] == "2026-06-25T16:14:12.403"
    assert first["StartDate"] == "2026-06-25T00:00:00"
    assert first["Timestamp"] == "4711"
    assert first["Name"] == ROWS[0]["Name"]
    assert first["Lines"] == {"results": [{"Created": "1970-01-01T00:00:00"}]}
    assert {name: first[name] for name in ("ID", "Amount", "Blocked", "Nothing")} == {
        "ID": ROWS[0]["ID"],
        "Amount": 3,
        "Blocked": False,
        "Nothing": None,
    }
    assert second == ROWS[1]


def test_parquet_has_types_that_hold_for_all_rows() -> None:
    file = io.BytesIO()
    assert write_parquet(ROWS, file) == 2
    table = pq.read_table(io.BytesIO(file.getvalue()))
    assert {field.name: str(field.type) for field in table.schema} == {
        "ID": "string",
        "Name": "string",
        "Modified": "timestamp[ms]",
        "StartDate": "timestamp[ms]",
        "Timestamp": "string",
        "Amount": "double",
        "Blocked": "bool",
        "Lines": "string",
        "Nothing": "string",
        "Extra": "string",
    }
    first, second = table.to_pylist()
    assert first["Modified"] == datetime(2026, 6, 25, 16, 14, 12, 403000)  # noqa: DTZ001 - a wall clock
    assert json.loads(first["Lines"]) == {"results": [{"Created": "1970-01-01T00:00:00"}]}
    assert (second["Amount"], second["Timestamp"], second["Extra"]) == (1.5, "9", str(2**70))
    assert second["StartDate"] is None


def test_parquet_type_is_known_only_at_the_last_row() -> None:
    """A column that is whole numbers in the first chunk and text in the last row is text throughout."""
    file = io.BytesIO()
    rows = ({"n": number if number < 25_000 else "x"} for number in range(25_001))
    assert write_parquet(rows, file) == 25_001
    column = pq.read_table(io.BytesIO(file.getvalue())).column("n").to_pylist()
    assert column == [str(number) for number in range(25_000)] + ["x"]


def test_empty_parquet_has_the_columns_that_were_asked_for() -> None:
    file = io.BytesIO()
    assert write_parquet([], file, columns=("ID", "Name")) == 0
    assert pq.read_table(io.BytesIO(file.getvalue())).column_names == ["ID", "Name"]


def test_time_outside_of_the_calendar_stays_as_it_came() -> None:
    file = io.BytesIO()
    write_jsonl([{"d": "/Date(-99999999999999)/"}], file)
    assert json.loads(file.getvalue()) == {"d": "/Date(-99999999999999)/"}


@pytest.mark.parametrize("fmt", ["jsonl", "parquet"])
def test_file_is_whole_or_not_there(tmp_path: Path, fmt: Any) -> None:
    """A failure in the middle leaves neither a half file nor a part of one; the old file stays."""
    place = tmp_path / "sub" / f"rows.{fmt}"
    assert save_rows(ROWS, Local(place), fmt) == 2
    before = place.read_bytes()

    def broken() -> Iterator[dict[str, Any]]:
        yield ROWS[0]
        raise ConfigurationError("no more", reason_code="x.y.z")

    with pytest.raises(ConfigurationError, match="no more"):
        save_rows(broken(), Local(place), fmt)
    assert place.read_bytes() == before
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert place.stat().st_mode & 0o077 == 0


def test_killed_writer_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom include.exports import save_rows\n"
        "class T:\n    protocol, fs, path = 'file', None, sys.argv[1]\n"
        "def rows():\n    for n in range(50_000):\n        yield {'n': n}\n    os.kill(os.getpid(), 9)\n"
        "save_rows(rows(), T(), 'jsonl')\n"
    )
    place = tmp_path / "rows.jsonl"
    ran = subprocess.run([sys.executable, "-c", code, str(place)], check=False, cwd=Path(__file__).parents[2])
    assert ran.returncode == -9
    assert not place.exists()
    assert save_rows(ROWS, Local(place), "jsonl") == 2


def test_another_store_gets_the_file_in_one_piece() -> None:
    bucket = Bucket()
    assert save_rows(ROWS, bucket, "jsonl") == 2
    assert len(bucket.held["bucket/rows.jsonl"].splitlines()) >= 2


@pytest.mark.parametrize(
    ("fmt", "path", "code"),
    [
        ("csv", "rows.csv", "export.format.unknown"),
        ("jsonl", "/opt/airflow/airflow.cfg", "export.path.wrong_ending"),
        ("parquet", "rows.jsonl", "export.path.wrong_ending"),
    ],
    ids=["format", "no export", "other format"],
)
def test_wrong_place_is_refused_before_anything_is_read(fmt: str, path: str, code: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        checked_format(fmt, path)
    assert refused.value.reason_code == code


def test_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError) as refused:
        save_rows(ROWS, Local(tmp_path / "file" / "rows.jsonl"), "jsonl")
    assert refused.value.reason_code == "export.path.unwritable"


def test_without_pyarrow_the_way_out_is_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"pip install '\.\[parquet\]'"):
        checked_format("parquet", "rows.parquet")


def test_default_path_is_safe_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    paths = [
        default_path("dag", run_id, "call", "jsonl")
        for run_id in ("manual__2026-01-01T00:00:00+00:00", "manual__2026-01-01T00_00_00+00_00", "../../etc/x", "..")
    ]
    assert len(set(paths)) == 4
    for path in paths:
        assert path.startswith("file:///srv/airflow/exports/dag/")
        assert path.endswith("/call.jsonl")
        assert "/.." not in path
        assert ":" not in path.removeprefix("file:")
    assert default_path("dag", "r", "call", "jsonl", map_index=3).endswith("/r/call-3.jsonl")


@pytest.mark.parametrize("fmt", ["jsonl", "parquet"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, fmt: str) -> None:
    """120,000 rows of some 300 bytes grow the process by less than 40 MB; as a list they take twice that."""
    code = (
        "import resource, sys\nfrom include.exports import save_rows, checked_format\n"
        "class T:\n    protocol, fs, path = 'file', None, sys.argv[1]\n"
        "checked_format(sys.argv[2], sys.argv[1])\n"
        "rows = lambda count: ({'ID': str(n) * 20, 'n': n, 'd': '/Date(1782404052403)/', 't': 'x' * 80}"
        " for n in range(count))\n"
        "save_rows(rows(20_000), T(), sys.argv[2])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(save_rows(rows(120_000), T(), sys.argv[2]),"
        " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / f"rows.{fmt}"), fmt]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    count, grown = (int(word) for word in ran.stdout.split())
    assert count == 120_000
    assert grown < 40 * 1024


HALVES: list[dict[str, Any]] = [
    {"ID": "a", "Name": "half \ud800 of one", "Amount": float("nan"), "Parts": {"x": ["\udfff", float("inf")]}},
    {"ID": "b", "Name": "=1+1", "Amount": 2.5, "Parts": 9**400},
]
"""What JSON can carry and UTF-8, or a table, cannot."""


def test_rows_that_no_text_can_hold_are_written_all_the_same() -> None:
    """Strict JSON, in UTF-8; half a character comes back as it was, what is no number as nothing."""
    file = io.BytesIO()
    assert write_jsonl(HALVES, file) == 2

    def refuse(word: str) -> None:
        raise AssertionError(word)

    first, second = (json.loads(line, parse_constant=refuse) for line in file.getvalue().decode().splitlines())
    assert first == {"ID": "a", "Name": "half \ud800 of one", "Amount": None, "Parts": {"x": ["\udfff", None]}}
    assert second == HALVES[1]


def test_parquet_takes_them_too() -> None:
    file = io.BytesIO()
    assert write_parquet(HALVES, file) == 2
    first, second = pq.read_table(io.BytesIO(file.getvalue())).to_pylist()
    assert (first["Name"], first["Amount"]) == ("half \N{REPLACEMENT CHARACTER} of one", None)
    assert (second["Name"], second["Amount"], second["Parts"]) == ("=1+1", 2.5, str(9**400))

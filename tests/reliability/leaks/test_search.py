"""The search itself: what it cannot find, it cannot say to be absent."""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
import subprocess
import sys
import urllib.parse
from typing import TYPE_CHECKING

import pytest

from leak_search import Leak, ProcessWatch, Search

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = 'Zoë "Kanarie" O\'Neill'
SEARCH = {"name": NAME}
WRITTEN: dict[str, Callable[[str], bytes]] = {
    "clear": str.encode,
    "upper case": lambda text: text.upper().encode(),
    "json": lambda text: json.dumps({"a": text}).encode(),
    "json in json": lambda text: json.dumps(json.dumps([text])).encode(),
    "repr": lambda text: ascii([text.replace("'", "")]).encode() + ascii(text).encode(),
    "url": lambda text: urllib.parse.urlencode({"q": text}).encode(),
    "path": lambda text: urllib.parse.quote(text).encode(),
    "hex": lambda text: text.encode().hex().upper().encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 of a header": lambda text: base64.b64encode(f"user:{text}".encode()),
    "base64 in the middle": lambda text: base64.b64encode(f"a{text} and more".encode()),
    "url-safe base64": lambda text: base64.urlsafe_b64encode(f"ab{text}\xff\xfe".encode()),
    "gzip": lambda text: gzip.compress(json.dumps(text).encode()),
}


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_finds_what_is_disguised(write: Callable[[str], bytes]) -> None:
    content = write(NAME)
    plain = content if content[:2] == b"\x1f\x8b" else b"before " + content + b" after"
    assert {leak.what for leak in Search(SEARCH).in_bytes(plain, "here")} == {"name"}
    assert Search(SEARCH).in_bytes(write("Somebody Else Altogether"), "here") == set()


def test_finds_files_by_name_and_content_but_not_where_it_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "task.log").write_text(f"got {NAME}")
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "rows.jsonl").write_text(NAME)
    (tmp_path / "kanarie-file").touch()
    search = Search({"name": NAME, "short": "kanarie"})
    found = search.in_files(tmp_path, allowed=[tmp_path / "exports"])
    assert {(leak.what, leak.place) for leak in found} == {
        ("name", "logs/task.log"),
        ("short", "logs/task.log"),
        ("short", "name of kanarie-file"),
    }


def test_finds_text_and_blobs_in_any_table(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE one (a INTEGER, b BLOB, c JSON, d TIMESTAMP)")
    connection.execute("INSERT INTO one VALUES (1, ?, ?, ?)", (NAME.encode("utf-16"), json.dumps({"x": NAME}), NAME))
    connection.commit()
    places = {leak.place for leak in Search(SEARCH).in_database(f"sqlite:///{file}")}
    assert places == {"one.b", "one.c", "one.d"}
    connection.close()
    assert Search(SEARCH).in_files(tmp_path)


def test_finds_arguments_and_environments_of_processes() -> None:
    command = [sys.executable, "-c", "input()", NAME]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, env={"HIDDEN": f"x={NAME}"})
    watch = ProcessWatch(Search(SEARCH))
    try:
        watch.look()
        watch.look()
    finally:
        child.communicate(b"\n")
    assert child.pid in watch.seen
    assert Leak("name", "clear", "arguments of a process") in watch.found
    assert Leak("name", "clear", "environment HIDDEN") in watch.found

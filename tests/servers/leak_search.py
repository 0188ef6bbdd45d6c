"""Looks for secrets and personal data in whatever is left lying about: in clear, and in every usual disguise."""

from __future__ import annotations

import base64
import codecs
import gzip
import html
import json
import threading
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, quote_plus

import psutil
from sqlalchemy import create_engine, inspect, text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

SHORTEST = 6
"""Characters: what is shorter is found by chance."""
_PACKED = (b"\x1f\x8b", b"\x78\x9c", b"\x78\x01", b"\x78\xda")


def disguises(value: str) -> dict[str, bytes]:
    """Return the ways in which a text may be written, by name.

    :param value: a secret, or a piece of a person's data.
    """
    raw = value.encode()
    found = {
        "clear": raw,
        "upper case": value.upper().encode(),
        "lower case": value.lower().encode(),
        "json": json.dumps(value)[1:-1].encode(),
        "json in json": json.dumps(json.dumps(value)[1:-1])[1:-1].encode(),
        "repr": ascii(value)[1:-1].encode(),
        "url": quote(value, safe="").encode(),
        "form": quote_plus(value).encode(),
        "percent": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "html": html.escape(value).encode(),
        "hex": raw.hex().encode(),
        "utf-16-le": value.encode("utf-16-le"),
        "utf-16-be": value.encode("utf-16-be"),
        "reversed": value[::-1].encode(),
        "rot13": codecs.encode(value, "rot13").encode(),
    }
    # Within a longer text it begins at one of three places of a group; the edges depend on the neighbours.
    for shift in range(3):
        cut = base64.b64encode(b"\0" * shift + raw)[(0, 2, 3)[shift] :]
        kept = cut[: (len(raw) + shift) // 3 * 4 - (0, 2, 3)[shift]]
        found[f"base64 {shift}"] = kept
        found[f"base64url {shift}"] = kept.replace(b"+", b"-").replace(b"/", b"_")
    return {name: form for name, form in found.items() if len(form) >= SHORTEST}


@dataclass(frozen=True, order=True)
class Leak:
    """Where something was found that must not be there.

    :param what: its name, never its value.
    :param disguise: how it was written.
    :param place: file, column or process.
    """

    what: str
    disguise: str
    place: str


@dataclass
class Search:
    """Looks for values, whatever case they are written in.

    :param values: by name.
    """

    values: Mapping[str, str]
    bytes_searched: int = 0
    places: int = 0
    _forms: dict[bytes, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            for disguise, form in disguises(value).items():
                self._forms.setdefault(form.lower(), (name, disguise))

    def in_bytes(self, content: bytes, place: str) -> set[Leak]:
        """Return what is found in some bytes, and in what they are a packed form of."""
        self.bytes_searched, self.places = self.bytes_searched + len(content), self.places + 1
        lower = content.lower()
        found = {Leak(*names, place) for form, names in self._forms.items() if form in lower}
        return found | (self.in_bytes(inner, f"{place} (packed)") if (inner := _unpacked(content)) else set())

    def in_text(self, content: str, place: str) -> set[Leak]:
        """Return what is found in a text."""
        return self.in_bytes(content.encode(errors="surrogatepass"), place)

    def in_files(self, folder: Path, *, allowed: Collection[Path] = ()) -> set[Leak]:
        """Return what is found in the names and contents of all files below a folder.

        :param allowed: files, or folders of files, in which it may be.
        """
        found: set[Leak] = set()
        for path in sorted(folder.rglob("*")):
            if any(path == one or one in path.parents for one in allowed):
                continue
            name = str(path.relative_to(folder))
            found |= self.in_text(name, f"name of {name}")
            if path.is_file():
                found |= self.in_bytes(path.read_bytes(), name)
        return found

    def in_database(self, url: str) -> set[Leak]:
        """Return what is found in the columns of all tables, whatever their type."""
        engine = create_engine(url)
        found: set[Leak] = set()
        with engine.connect() as connection:
            for table in inspect(engine).get_table_names():
                # As it is stored: the types of Airflow and of the ledger would unpack it.
                for row in connection.execute(text(f'SELECT * FROM "{table}"')).mappings():  # noqa: S608 - its own
                    for column, value in row.items():
                        found |= self._in_value(value, f"{table}.{column}")
        engine.dispose()
        return found

    def _in_value(self, value: Any, place: str) -> set[Leak]:
        if isinstance(value, bytes | memoryview):
            return self.in_bytes(bytes(value), place)
        return self.in_text(value if isinstance(value, str) else repr(value), place)


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(_PACKED):
        return b""
    with suppress(OSError, EOFError, zlib.error):
        return gzip.decompress(content) if content.startswith(_PACKED[0]) else zlib.decompress(content)
    return b""


class ProcessWatch:
    """Looks again and again at all processes that this one has started, while the block lasts.

    :param search: what for.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.found: set[Leak] = set()
        self.seen: set[int] = set()
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._over.wait(0.2):
            self.look()

    def look(self) -> None:
        """Look once, at arguments and environments."""
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error, ProcessLookupError, PermissionError):
                for place, content in _shown(process):
                    self.found |= self._search.in_text(content, place)
                self.seen.add(process.pid)
                self.looks += 1


def _shown(process: psutil.Process) -> Iterator[tuple[str, str]]:
    yield "arguments of a process", "\0".join(process.cmdline())
    environment: Iterable[tuple[str, str]] = process.environ().items()
    for name, value in environment:
        yield f"environment {name}", value

"""Pages of Exact's sync feed from a server that does nothing else: python -m benchmarks.recorded_pages ROWS.

The sandbox answers a page of a thousand rows in 15 ms, which is more than a bare loop takes to read it. Here the
pages of invented contacts are made once, kept in files, and sent as they are.
"""

from __future__ import annotations

import hashlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DIVISION, PAGE = 124132, 1000
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of its own is made in it
PATH = f"/api/v1/{DIVISION}/sync/CRM/Contacts"
_FIRST = datetime(2018, 1, 1, tzinfo=UTC)
_ROW = (
    '{"__metadata":{"uri":"%s(guid\'%s\')","type":"Exact.Web.Api.Models.CRM.Contact"},"Timestamp":"%d","ID":"%s",'
    '"BirthDate":null,"BusinessEmail":null,"BusinessMobile":null,"BusinessPhone":"+3120%07d","City":"Utrecht",'
    '"Created":"/Date(%d)/","Email":"sanne%d@example.org","EndDate":null,"FirstName":"%s","Gender":"V",'
    '"IsAnonymised":0,"LastName":"Proef%d","MiddleName":null,"Mobile":"+3161%07d","Modified":"/Date(%d)/",'
    '"Phone":null}'
)
# What Exact says of its limits with each answer; the ledger keeps it.
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-RateLimit-Minutely-Limit: 1000000\r\n"
    b"X-RateLimit-Minutely-Remaining: 999999\r\nX-RateLimit-Minutely-Reset: %d\r\nContent-Length: %d\r\n\r\n"
)


def guid(number: int) -> str:
    """Return the ID of an invented contact; IDs are in no order, as Exact's are."""
    text = hashlib.sha256(b"contact %d" % number).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"


def page_of(number: int, rows: int, site: str) -> bytes:
    """Return an answer of the sync feed.

    :param number: of the page, from 0.
    :param rows: of the whole feed.
    """
    begin = int(_FIRST.timestamp() * 1000)
    found = []
    for n in range(number * PAGE, min((number + 1) * PAGE, rows)):
        created, phone, key = begin + n * 251_003, n % 10_000_000, guid(n)
        # One name in eight is not ASCII.
        name = "Zoë" if n % 8 == 0 else "Sanne"
        found.append(_ROW % (f"{site}{PATH}", key, n + 2, key, phone, created, n, name, n, phone, created + 60_000))
    more = f',"__next":"{site}{PATH}?$skiptoken={number + 1}"' if (number + 1) * PAGE < rows else ""
    return f'{{"d":{{"results":[{",".join(found)}]{more}}}}}'.encode()


def serve(rows: int) -> None:
    """Record the pages, tell the site on standard output, and answer until ended."""
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        site = f"http://127.0.0.1:{server.getsockname()[1]}"
        for number in range(-(-rows // PAGE)):
            Path(folder, str(number)).write_bytes(page_of(number, rows, site))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        print(site, flush=True)  # noqa: T201 - for whoever started this process
        while True:
            connection, _ = server.accept()
            threading.Thread(target=answer, args=(connection, Path(folder)), daemon=True).start()


def answer(connection: socket.socket, folder: Path) -> None:
    """Answer the requests of one connection."""
    with connection, connection.makefile("rb") as stream:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while asked := stream.readline():
            while stream.readline().strip():
                pass
            found = re.search(rb"skiptoken=(\d+)", asked)
            body = (folder / (found[1].decode() if found else "0")).read_bytes()
            connection.sendall(_HEAD % (time.time() * 1000 + 60_000, len(body)) + body)


@contextmanager
def serving(rows: int) -> Iterator[str]:
    """Serve so many rows from a process of its own; the site."""
    command = [sys.executable, "-m", "benchmarks.recorded_pages", str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as server:
        try:
            yield server.stdout.readline().strip() if server.stdout else ""
        finally:
            server.terminate()


if __name__ == "__main__":
    serve(int(sys.argv[1]))

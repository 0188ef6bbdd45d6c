"""Reading: from the first byte of a page to durable and encrypted: python benchmarks/reading.py [rows].

Recorded pages of invented contacts come from a small server in a process of its own, so that the sandbox is not what
is measured. The floor is a loop of httpx and orjson that stores nothing (msgspec where orjson is not installed). Ours
is the extract of a live run: client, limits, error budget, meter and vault as in a task, and the ledger in SQLite.
Each measurement runs in a fresh process; CPU seconds are the reader's own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable

DIVISION, PAGE = 124132, 1000
PATH = f"/api/v1/{DIVISION}/sync/CRM/Contacts"
ROUNDS = 3
GOAL = 0.25
MEMORY_MIB = 150
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
    """Answer one reader after the other, and tell the port on standard output."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        site = f"http://127.0.0.1:{server.getsockname()[1]}"
        print(site, flush=True)  # noqa: T201 - for whoever started this process
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as stream:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while asked := stream.readline():
                    while stream.readline().strip():
                        pass
                    found = re.search(rb"skiptoken=(\d+)", asked)
                    body = page_of(int(found[1]) if found else 0, rows, site)
                    connection.sendall(_HEAD % (time.time() * 1000 + 60_000, len(body)) + body)


def bare_loop(site: str) -> dict[str, float]:
    """Read every page and store nothing."""
    import httpx  # noqa: PLC0415 - each measurement is a process that has only what it needs

    try:
        from orjson import loads  # type: ignore[import-not-found, unused-ignore] # noqa: PLC0415
    except ImportError:
        from msgspec.json import decode as loads  # noqa: PLC0415

    def work() -> int:
        count, link = 0, f"{site}{PATH}"
        while link:
            data = loads(http.get(link, headers={"Accept": "application/json"}).content)["d"]
            count += len(data["results"])
            link = data.get("__next")
        return count

    with httpx.Client() as http:
        return measured(work)


def into_ledger(site: str, folder: str) -> dict[str, float]:
    """Read every page into a new ledger, as the extract of a live run does."""
    from include.clients.exact import ExactClient, ExactConfig  # noqa: PLC0415
    from include.clients.tokens import ExactTokens  # noqa: PLC0415
    from include.ledger import open_ledger  # noqa: PLC0415
    from include.records import StreamKey, Window  # noqa: PLC0415
    from include.sync.extract import extract  # noqa: PLC0415
    from include.transform import load_mapping  # noqa: PLC0415
    from include.transport import build_http  # noqa: PLC0415

    zone, now = ZoneInfo("Europe/Amsterdam"), datetime.now(UTC)
    stream = StreamKey("exact_contacts_to_personio_applications", DIVISION, "Contacts")
    select = load_mapping("Contacts", "application", overrides={"job_position_id": 1001}).select
    with open_ledger(f"sqlite:///{folder}/ledger.db") as ledger, build_http(base_url=site) as http:
        with ledger.vault("exact").locked() as chain:
            chain.replace("access", "refresh", now, now + timedelta(days=1))
        client = ExactClient(
            # Limits that are never reached: what is measured is the work, not the waiting.
            ExactConfig(base_url=site, division=DIVISION, zone=zone, calls_per_minute=1_000_000),
            http,
            ExactTokens(
                http=http,
                client_id="client",
                client_secret="none",  # noqa: S106 - of nobody
                vault=ledger.vault("exact"),
                now=lambda: now,
            ),
            pacer=ledger.pacer,
            budget=ledger.error_budget(f"client:{DIVISION}"),
            meter=ledger.meter("r1"),
        )
        window = Window("live", after=1)
        found = measured(lambda: extract(ledger, client, stream, "r1", window, select=select, zone=zone)["new"])
        if ledger.staging.source_at(stream, int(found["rows"]) + 1) != guid(int(found["rows"]) - 1):
            raise SystemExit("the last row is not in the ledger")
    return found


def measured(work: Callable[[], int]) -> dict[str, float]:
    """Return what some work took; imports, and the making of a ledger, come before it.

    :param work: returns how many rows it read.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    rows = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "rows": rows,
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "rows_per_cpu_second": rows / cpu,
        "peak_mib": peak,
    }


def run_one(what: str, rows: int, site: str) -> dict[str, float]:
    """Return one measurement, made in this process."""
    logging.disable()
    if what == "loop":
        found = bare_loop(site)
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = into_ledger(site, folder)
    if found["rows"] != rows:
        raise SystemExit("not every row was read")
    return found


def compare(rows: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return the medians of both, measured in turns against one server."""
    here = [sys.executable, __file__]
    with subprocess.Popen([*here, str(rows), "--serve"], stdout=subprocess.PIPE, text=True) as server:
        try:
            site = server.stdout.readline().strip() if server.stdout else ""
            took: dict[str, list[dict[str, float]]] = {"loop": [], "ledger": []}
            for _ in range(rounds):
                for what, found in took.items():
                    asked = [*here, str(rows), "--one", what, "--site", site]
                    told = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True).stdout
                    found.append(json.loads(told))
        finally:
            server.terminate()
    return {what: {name: median(one[name] for one in found) for name in found[0]} for what, found in took.items()}


def main() -> int:
    """Print the table and the JSON; return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--one", choices=("loop", "ledger"), help=argparse.SUPPRESS)
    parser.add_argument("--site", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.rows)
    if asked.one:
        print(json.dumps(run_one(asked.one, asked.rows, asked.site)))  # noqa: T201
        return 0
    found: dict[str, Any] = {"rows": asked.rows, **compare(asked.rows, asked.rounds)}
    ratio = found["ledger"]["rows_per_cpu_second"] / found["loop"]["rows_per_cpu_second"]
    print("| | rows per CPU second | CPU s | wall s | peak MiB |\n|---|---|---|---|---|")  # noqa: T201
    for what, name in (("loop", "bare loop, stores nothing"), ("ledger", "into the ledger")):
        one = found[what]
        figures = f"{one['rows_per_cpu_second']:,.0f} | {one['cpu_seconds']:.1f} | {one['wall_seconds']:.1f}"
        print(f"| {name} | {figures} | {one['peak_mib']:.0f} |")  # noqa: T201
    print(f"\nratio {ratio:.3f} (goal {GOAL})\n")  # noqa: T201
    print(json.dumps({**found, "ratio": round(ratio, 3)}))  # noqa: T201
    return int(ratio < GOAL or found["ledger"]["peak_mib"] > MEMORY_MIB)


if __name__ == "__main__":
    sys.exit(main())

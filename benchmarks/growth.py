"""Whether a live run grows with the ledger: python -m benchmarks.growth [--scale small].

Runs with nothing new and runs with fifty new contacts, in a ledger of 1,000 records and then in the same one with
more and more, up to a million, all of them staged and sent long ago. The sandbox holds the few contacts that are
read: what grows is the ledger alone.
"""

from __future__ import annotations

import itertools
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet
from sqlalchemy import event, text

from benchmarks.recorded_pages import MEMORY
from benchmarks.results import Cell, Goal, Plot, Result, Table, publish, scale_asked, surroundings
from benchmarks.simulated_line import SimulatedLine, Together
from benchmarks.usage import medians
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger import Ledger

SIZES = {"small": (1_000, 10_000), "full": (1_000, 10_000, 100_000, 1_000_000)}
GOAL = 1.3
SCANS = "indexes get deeper, and a bigger file has colder pages"
NEWS = 50
ROUNDS = 3
SLICE = 50_000

STAGED = """
INSERT INTO ledger_staged (dag_id, division, entity, source_id, row_version, created, run_id, staged_at, content_hash,
  sealed)
WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {end})
SELECT '{dag}', 124132, 'Contacts', {guid}, n, {at}, 'r', {at}, {digest}, {sealed} FROM numbers
"""
DELIVERED = """
INSERT INTO ledger_deliveries (key, company, destination, job, dag_id, division, entity, source_id, state,
  decided_version, fingerprint, content_hash, sealed, email_hash, reason_code, field, attempt, was_in_doubt, run_id,
  decided_at, updated_at)
SELECT {digest}, 4242, 'application', 1001, dag_id, division, entity, source_id, 'created', row_version, 'f',
  content_hash, {sealed}, {digest}, '', '', 1, {false}, 'r', {at}, {at}
FROM ledger_staged WHERE row_version >= {first} AND row_version < {end} AND dag_id = '{dag}'
"""
_SQLITE = {
    "guid": "lower(hex(randomblob(16)))",
    "digest": "lower(hex(randomblob(32)))",
    "sealed": "randomblob(700)",
    "false": "0",
    "at": "datetime('now', '-90 days')",
}
_POSTGRESQL = {
    "guid": "gen_random_uuid()::text",
    "digest": "md5(random()::text) || md5(random()::text)",
    "sealed": "decode(repeat(md5(random()::text), 44), 'hex')",
    "false": "false",
    "at": "now() - interval '90 days'",
}


def fill(ledger: Ledger, dag: str, first: int, end: int, *, sealed: bytes = b"") -> None:
    """Put in records that were read and sent long ago, under GUIDs in no order.

    :param sealed: content of each; empty: nothing that could be opened.
    """
    sqlite = ledger._database.is_sqlite  # noqa: SLF001 - rows that no run has made
    dialect = dict(_SQLITE if sqlite else _POSTGRESQL)
    if sealed:
        dialect["sealed"] = f"X'{sealed.hex()}'" if sqlite else f"decode('{sealed.hex()}', 'hex')"
    for begin in range(first, end, SLICE):
        span = {"first": begin, "end": min(begin + SLICE, end), "dag": dag}
        with ledger._database.write() as connection:  # noqa: SLF001
            for statement in (STAGED, DELIVERED):
                connection.execute(text(statement.format(**dialect, **span)))
    if not sqlite:  # as its own autovacuum would have done by then
        with ledger._database.write() as connection:  # noqa: SLF001
            connection.execute(text("ANALYZE"))


def measure(line: SimulatedLine, name: str) -> dict[str, dict[str, float]]:
    """Return the medians of runs with nothing new and of runs with fifty new contacts."""
    idle = [timed(line, f"{name} idle {number}") for number in range(ROUNDS)]
    busy = []
    with build_http(base_url=line.running.url) as http:
        for number in range(ROUNDS):
            for person in range(NEWS):
                who = {"FirstName": "Noor", "LastName": "Nieuw", "Email": f"{name}.{number}.{person}@example.org"}
                http.post("/_sandbox/exact/124132/Contacts", json=who).raise_for_status()
            busy.append(timed(line, f"{name} busy {number}"))
    return {"nothing new": medians(idle), f"{NEWS} new": medians(busy)}


def timed(line: SimulatedLine, run_id: str) -> dict[str, float]:
    """Run live; the sandbox answers in the same process, and its CPU is counted as well."""
    line.running.sandbox.log.clear()
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    engine = line.ledger._database.engine  # noqa: SLF001 - to count what is asked of it
    event.listen(engine, "before_cursor_execute", count)
    wall, cpu = time.perf_counter(), time.process_time()
    line.live(run_id)
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    event.remove(engine, "before_cursor_execute", count)
    return {**took, "statements": statements, "calls": len(line.running.sandbox.log.entries())}


def grow(url: str, sizes: Sequence[int]) -> dict[int, dict[str, dict[str, float]]]:
    """Measure at each size of one ledger."""
    clock, found = Together(), {}
    with (
        RunningSandbox(clock=clock.exact_clock) as running,
        open_ledger(url, Fernet.generate_key().decode(), clock=clock.now) as ledger,
    ):
        line = SimulatedLine(ledger, running, clock)
        line.fill(accounts=10, contacts=60)
        line.log_in()
        line.live("first")
        dag = line.job.stream.dag_id.removesuffix("/history")
        for smaller, rows in itertools.pairwise((1, *sizes)):
            fill(ledger, dag, smaller, rows)
            found[rows] = measure(line, f"of{rows}")
    return found


def table(kind: str, found: dict[int, dict[str, dict[str, float]]]) -> Table:
    """Return the figures of one kind of run."""
    first = found[next(iter(found))][kind]
    rows: list[list[Cell]] = [
        [
            *(f"{size:,}", round(one[kind]["calls"]), round(one[kind]["statements"])),
            *(one[kind]["cpu"], one[kind]["wall"], one[kind]["cpu"] / first["cpu"]),
        ]
        for size, one in found.items()
    ]
    columns = ["ledger rows", "calls", "SQL statements", "CPU s, sandbox included", "wall s", "CPU of the smallest"]
    return Table(f"Live run, {kind}, median of {ROUNDS}", columns, rows)


def main(scale: str) -> int:
    """Measure every size."""
    logging.disable()
    about = surroundings(scale)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        found = grow(f"sqlite:///{Path(folder, 'ledger.db')}", SIZES[scale])
    small, large = found[SIZES[scale][0]], found[SIZES[scale][-1]]
    kinds = list(small)
    worst = max(large[kind]["cpu"] / small[kind]["cpu"] for kind in kinds)
    counts = [large[kind][what] / small[kind][what] for kind in kinds for what in ("calls", "statements")]
    series: dict[str, list[float | None]] = {kind: [one[kind]["cpu"] for one in found.values()] for kind in kinds}
    return publish(
        Result(
            *("growth", "Growth of a live run with the company"),
            tables=[table(kind, found) for kind in kinds],
            goals=[
                Goal(
                    f"a live run does not grow: within {GOAL} from {min(found):,} to {max(found):,} ledger rows",
                    f"CPU {worst:.2f} times, calls and statements {max(counts):.2f} times, at most",
                    max(worst, *counts) <= GOAL,
                    f"{max(worst, *counts):.1f} times instead of {GOAL}: {SCANS}",
                )
            ],
            plots=[Plot("growth", "Growth of a live run", "lines", list(found), series, "CPU seconds", log=True)],
            about=about,
        )
    )


if __name__ == "__main__":
    sys.exit(main(scale_asked(__doc__)))

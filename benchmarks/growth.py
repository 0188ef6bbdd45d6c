"""Whether a live run grows with the ledger: python benchmarks/growth.py [rows] [ledger URL, of an empty one].

Runs with nothing new and runs with fifty new contacts, in a ledger of 1,000 records and then in the same one with a
million, all of them staged and sent long ago. The sandbox holds the few contacts that are read, so that what grows is
the ledger alone.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet
from sqlalchemy import text

from benchmarks.simulated_line import SimulatedLine, Together
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger

FEW, MANY = 1_000, 1_000_000
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


def fill(ledger: Ledger, dag: str, first: int, end: int) -> None:
    """Put in records that were read and sent long ago, under GUIDs in no order."""
    dialect = _SQLITE if ledger._database.is_sqlite else _POSTGRESQL  # noqa: SLF001 - rows that no run has made
    for begin in range(first, end, SLICE):
        span = {"first": begin, "end": min(begin + SLICE, end), "dag": dag}
        with ledger._database.write() as connection:  # noqa: SLF001
            for statement in (STAGED, DELIVERED):
                connection.execute(text(statement.format(**dialect, **span)))
    if not ledger._database.is_sqlite:  # noqa: SLF001 - as its own autovacuum would have done by then
        with ledger._database.write() as connection:  # noqa: SLF001
            connection.execute(text("ANALYZE"))


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Return wall and CPU seconds; the sandbox answers in the same process and is counted as well."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(line: SimulatedLine, name: str) -> dict[str, tuple[float, float]]:
    """Return the medians of runs with nothing new and of runs with fifty new contacts."""
    idle = [timed(lambda number=number: line.live(f"{name} idle {number}")) for number in range(ROUNDS)]  # type: ignore[misc]
    busy = []
    with build_http(base_url=line.running.url) as http:
        for number in range(ROUNDS):
            for person in range(NEWS):
                who = {"FirstName": "Noor", "LastName": "Nieuw", "Email": f"{name}.{number}.{person}@example.org"}
                http.post("/_sandbox/exact/124132/Contacts", json=who).raise_for_status()
            busy.append(timed(lambda number=number: line.live(f"{name} busy {number}")))  # type: ignore[misc]
    return {
        kind: (median(wall for wall, _ in took), median(cpu for _, cpu in took))
        for kind, took in (("nothing new", idle), (f"{NEWS} new", busy))
    }


def main(rows: int, url: str) -> int:
    """Measure both; return 1 if a run in the large ledger takes more than 1.3 times as long."""
    logging.disable()
    clock = Together()
    with (
        RunningSandbox(clock=clock.exact_clock) as running,
        open_ledger(url, Fernet.generate_key().decode(), clock=clock.now) as ledger,
    ):
        line = SimulatedLine(ledger, running, clock)
        line.fill(accounts=10, contacts=60)
        line.log_in()
        line.live("first")
        dag = line.job.stream.dag_id.removesuffix("/history")
        fill(ledger, dag, 1, FEW)
        few = measure(line, "few")
        fill(ledger, dag, FEW, rows)
        many = measure(line, "many")
    worst = 0.0
    for kind, (wall, cpu) in few.items():
        times = (many[kind][0] / wall, many[kind][1] / cpu)
        worst = max(worst, *times)
        told = f"{FEW:,}: {wall:.2f} s wall, {cpu:.2f} s CPU; {rows:,}: {many[kind][0]:.2f} s, {many[kind][1]:.2f} s"
        print(f"{kind:12} {told}; ratios {times[0]:.2f} and {times[1]:.2f}")  # noqa: T201
    return int(worst > 1.3)  # noqa: PLR2004 - the goal


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(
            main(
                int(sys.argv[1]) if len(sys.argv) > 1 else MANY,
                sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{Path(folder, 'ledger.db')}",  # noqa: PLR2004
            )
        )

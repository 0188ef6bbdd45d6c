"""How long a scrape takes at a thousand records and at a million: python benchmarks/metrics.py [ledger URL] [rows].

A million records that are done, 3,000 of them waiting, 50,000 decided in the last week; then all of them decided in
the last week, as after a backfill. The ledger has to be an empty one, of SQLite or of PostgreSQL.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet
from sqlalchemy import text

from include.ledger import open_ledger
from include.metrics.exposition import exposition
from include.metrics.gauges import gauges

if TYPE_CHECKING:
    from include.ledger import Ledger

MILLION = 1_000_000
WAITING, LATELY = 3_000, 50_000
SCRAPES = 7

FILL = """
INSERT INTO ledger_deliveries (key, company, destination, job, dag_id, division, entity, source_id, state,
  decided_version, fingerprint, sealed, reason_code, field, attempt, was_in_doubt, run_id, decided_at, updated_at)
WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {end})
SELECT 'k' || n, 4242, 'application', 1001, 'exact_contacts_to_personio_applications', 124132, 'Contacts', 'id-' || n,
  CASE WHEN n < {waiting} THEN 'ready' WHEN n % 20 = 0 THEN 'rejected' ELSE 'created' END,
  n, 'f', {sealed}, '', '', 1, {false}, 'r', {at}, {at} FROM numbers
"""


def fill(ledger: Ledger, first: int, end: int) -> None:
    """Put in the records from one number up to another; the newest were decided lately."""
    sqlite = ledger._database.is_sqlite  # noqa: SLF001 - rows that no run has made
    dialect = {
        "sealed": "zeroblob(700)" if sqlite else "decode(repeat('00', 700), 'hex')",
        "false": "0" if sqlite else "false",
        "at": f"datetime('now', CASE WHEN n < {LATELY} THEN '-1 day' ELSE '-90 days' END)"
        if sqlite
        else f"now() - CASE WHEN n < {LATELY} THEN interval '1 day' ELSE interval '90 days' END",
    }
    with ledger._database.write() as connection:  # noqa: SLF001
        connection.execute(text(FILL.format(first=first, end=end, waiting=WAITING, **dialect)))


def scrape(ledger: Ledger) -> float:
    """Return the median seconds of a scrape, the text of it included."""
    took = []
    for _ in range(SCRAPES):
        began = time.perf_counter()
        exposition(gauges(ledger))
        took.append(time.perf_counter() - began)
    return sorted(took)[SCRAPES // 2]


def main(url: str, rows: int) -> None:
    """Fill and measure."""
    with open_ledger(url, Fernet.generate_key().decode()) as ledger:
        fill(ledger, 0, 1_000)
        print(f"{1_000:>9,} records: {scrape(ledger) * 1000:6.1f} ms")  # noqa: T201
        fill(ledger, 1_000, rows)
        print(f"{rows:>9,} records: {scrape(ledger) * 1000:6.1f} ms")  # noqa: T201
        with ledger._database.write() as connection:  # noqa: SLF001
            connection.execute(
                text("UPDATE ledger_deliveries SET decided_at = (SELECT max(decided_at) FROM ledger_deliveries)")
            )
        print(f"{rows:>9,} records, all of this week: {scrape(ledger) * 1000:6.1f} ms")  # noqa: T201


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(
            sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder, 'ledger.db')}",
            int(sys.argv[2]) if len(sys.argv) > 2 else MILLION,  # noqa: PLR2004
        )

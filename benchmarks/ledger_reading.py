"""Recorded pages into a new ledger, as the extract of a live run reads: python -m benchmarks.ledger_reading SITE."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from benchmarks.recorded_pages import DIVISION, MEMORY, guid
from benchmarks.usage import used
from include.clients.exact import ExactClient, ExactConfig
from include.clients.tokens import ExactTokens
from include.ledger import open_ledger
from include.records import StreamKey, Window
from include.sync.extract import extract
from include.transform import load_mapping
from include.transport import build_http


def into_ledger(site: str, folder: str) -> dict[str, float]:
    """Read every page: client, limits, error budget, meter and vault as in a task, and the ledger in SQLite."""
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
        found = used(lambda: extract(ledger, client, stream, "r1", window, select=select, zone=zone)["new"])
        if ledger.staging.source_at(stream, int(found["rows"]) + 1) != guid(int(found["rows"]) - 1):
            raise SystemExit("the last row is not in the ledger")
    return found


if __name__ == "__main__":
    logging.disable()
    with tempfile.TemporaryDirectory(dir=MEMORY) as home:
        sys.stdout.write(json.dumps(into_ledger(sys.argv[1], home)) + "\n")

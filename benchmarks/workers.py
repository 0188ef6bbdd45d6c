"""How much of Personio's limit one, two and eight workers use together: python -m benchmarks.workers [URL].

Each is a process of its own with its own connection to one ledger, and loads from the same outbox. A "minute" of the
sandbox lasts six seconds. The URL is of a PostgreSQL whose tables may be dropped; without one the ledger is SQLite.
"""

from __future__ import annotations

import logging
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet
from sqlalchemy import create_engine, text

from benchmarks.simulated_line import COMPANY, SimulatedLine, Together
from include.clients.personio import PersonioClient, PersonioConfig
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import SandboxSettings
from include.sync.destinations import delivery_for
from include.sync.load import Loader, LoadSettings
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.sync.job import Job

MINUTE = 6.0
PER_MINUTE = 20
CONTACTS = 330
PATH = "/v1/recruiting/applications"


class RealTime(Together):
    """The machine's clock: who sleeps really does."""

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def load(url: str, key: str, site: str, job: Job, token: str) -> None:
    """Send what is ready, as the load of one worker."""
    logging.disable()
    config = PersonioConfig(
        base_url=site, company_id=COMPANY, recruiting_token=token, recruiting_window_seconds=MINUTE
    )
    with open_ledger(url, key) as ledger, build_http(base_url=site) as http:
        personio = PersonioClient(config, http, pacer=ledger.pacer, meter=ledger.meter("load"))
        Loader(ledger, delivery_for(ledger, job, personio), job, "load", settings=LoadSettings()).run()


def measure(workers: int, url: str) -> tuple[float, Counter[int]]:
    """Return the share of the permitted rate that was used, and the answers by status."""
    settings, key = SandboxSettings(), Fernet.generate_key().decode()
    settings.limit_seconds = MINUTE
    with RunningSandbox(settings) as running, open_ledger(url, key) as ledger:
        line = SimulatedLine(ledger, running, RealTime())
        line.fill(accounts=10, contacts=CONTACTS)
        line.log_in()
        line.live("decide", load=False)
        token = settings.personio.recruiting_token
        spawn = multiprocessing.get_context("spawn")
        crowd = [
            spawn.Process(target=load, args=(url, key, running.url, line.live_job, token)) for _ in range(workers)
        ]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        sent = [entry for entry in running.sandbox.log.entries() if entry.path == PATH]
    took = (max(entry.at for entry in sent) - min(entry.at for entry in sent)).total_seconds()
    # The first window's calls may go at once; each later one waits for the call twenty before it.
    permitted = (len(sent) - 1) // PER_MINUTE * MINUTE
    return permitted / took, Counter(entry.status for entry in sent)


def emptied(url: str) -> str:
    """Return the URL of a server without tables."""
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    return url


def main(arguments: Sequence[str]) -> int:
    """Measure; return 1 if a limit was exceeded, or two workers were slower than one by more than a hundredth."""
    logging.disable()
    shares: dict[int, float] = {}
    refused = 0
    for workers in (1, 2, 8):
        with tempfile.TemporaryDirectory() as folder:
            url = emptied(arguments[0]) if arguments else f"sqlite:///{Path(folder, 'ledger.db')}"
            shares[workers], answers = measure(workers, url)
        refused += answers[429]
        told = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items()))
        print(f"{workers} workers: {shares[workers]:.1%} of the permitted rate; {told}")  # noqa: T201
    return int(refused > 0 or shares[2] < shares[1] - 0.01)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

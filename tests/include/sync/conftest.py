from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

from include.ledger import Ledger, open_ledger
from include.records import Decision, SourceRow, StreamKey
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import SandboxSettings
from include.sync.job import Job
from quick import keep_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """Both services, with Personio's limit of applications out of the way."""
    settings = SandboxSettings()
    settings.personio.recruiting_per_minute = 100_000
    with RunningSandbox(settings) as running:
        yield running


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Fernet.generate_key().decode()) as opened:
        keep_connections(opened)
        yield opened


@pytest.fixture
def stream() -> StreamKey:
    return STREAM


@pytest.fixture
def job() -> Job:
    return Job(STREAM, "application", company=4242, position=1001)


@pytest.fixture
def ready(ledger: Ledger, job: Job) -> Callable[[int], list[str]]:
    """Put ``count`` deliveries into the outbox; return their source ids."""

    def put(count: int) -> list[str]:
        ids = [f"00000000-0000-4000-8000-{n:012d}" for n in range(count)]
        rows = [SourceRow(source_id, n + 1, None, {"ID": source_id}) for n, source_id in enumerate(ids)]
        ledger.staging.stage(job.stream, "r1", rows, resume=None, page=1)
        decisions = [
            Decision(
                source_id,
                n + 1,
                "ready",
                payload={"email": f"p{n}@example.org", "job_position_id": 1001},
                email=f"p{n}@example.org",
            )
            for n, source_id in enumerate(ids)
        ]
        ledger.deliveries.decide(
            job.stream, job.destination, job.position, job.company, decisions, "r1", fingerprint="f"
        )
        return ids

    return put

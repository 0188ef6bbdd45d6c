"""The line from plan to commit against the sandbox, with all waiting for limits done by moving both clocks.

The clients wait as they do in earnest, at twenty applications a minute, and the sandbox counts by the same limits.
Only nobody has to sit through it: who would sleep moves the ledger's clock and the sandbox's instead.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from include.clients.exact import ExactClient, ExactConfig
from include.clients.personio import PersonioClient, PersonioConfig
from include.clients.tokens import ExactTokens
from include.records import HISTORY, StreamKey
from include.sandbox.clock import Clock
from include.sandbox.company import make_company
from include.sync.asked import Asked
from include.sync.commit import commit
from include.sync.decide import decide
from include.sync.destinations import delivery_for
from include.sync.extract import extract
from include.sync.job import Job
from include.sync.load import Loader, LoadSettings
from include.sync.plan import plan_run
from include.transform import load_mapping
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.ledger.pacing import Lane
    from include.records import Destination, Entity
    from include.sandbox.server import RunningSandbox
    from include.transform import Mapping

DIVISION = 124132
COMPANY = 4242
POSITION = 1001
ZONE = ZoneInfo("Europe/Amsterdam")
BEGINS = datetime(2026, 6, 2, 6, 0, tzinfo=UTC)
"""A morning in the past, so that no application is dated in the future and a working day of calls is left."""


class Together:
    """The clock of everybody: it leaps when somebody would sleep.

    Else it runs slowly, lest a busy machine's computing be taken for waiting at the limits.
    """

    def __init__(self) -> None:
        self.exact_clock = Clock(offset=BEGINS - datetime.now(UTC), scale=0.05)

    def now(self) -> datetime:
        """Return the time."""
        return self.exact_clock.now()

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.exact_clock.advance(timedelta(seconds=seconds))


@dataclass
class SimulatedLine:
    """Runs of one stream.

    :param running: the sandbox, on the clock's time.
    """

    ledger: Ledger
    running: RunningSandbox
    clock: Together
    entity: Entity = "Contacts"
    destination: Destination = "application"
    watermarks: dict[str, Any] = field(default_factory=dict)
    """What the runs have pushed, by run id."""

    @property
    def job(self) -> Job:
        """What is moved where, in the lane of history."""
        stream = StreamKey(f"exact_{self.entity.lower()}_history", DIVISION, self.entity)
        position = POSITION if self.destination == "application" else 0
        return Job(stream.history(), self.destination, COMPANY, position)

    @property
    def mapping(self) -> Mapping:
        """The built-in rules."""
        own = {"job_position_id": POSITION} if self.destination == "application" else {}
        return load_mapping(self.entity, self.destination, overrides=own)

    def fill(self, *, accounts: int, contacts: int) -> None:
        """Make up a company of eight years, with the troubles of real ones."""
        exact = self.running.sandbox.exact
        made = make_company(seed=11, accounts=accounts, contacts=contacts, division=DIVISION, until=exact.local_now())
        exact.bulk_load(DIVISION, "Accounts", made.accounts)
        exact.bulk_load(DIVISION, "Contacts", made.contacts)

    def log_in(self) -> None:
        """Put a fresh token into the vault, as a login would."""
        issued, now = self.running.sandbox.exact.issue_tokens(), self.clock.now()
        with self.ledger.vault("exact").locked() as chain:
            chain.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))

    def backfill(self, run_id: str, start: datetime, end: datetime) -> None:
        """Run one interval from plan to commit."""
        self._go(self.job, run_id, Asked(mode="backfill", created_from=start, created_to=end), "history")

    @property
    def live_job(self) -> Job:
        """What is moved where, in the live lane."""
        stream = StreamKey(self.job.stream.dag_id.removesuffix(HISTORY), DIVISION, self.entity)
        return replace(self.job, stream=stream)

    def live(self, run_id: str, *, load: bool = True) -> None:
        """Run live, since the watermark; the first time since the beginning.

        :param load: False: decide only, and leave everybody ready.
        """
        self._go(self.live_job, run_id, Asked(start_from="beginning"), "live", load=load)

    def _go(self, job: Job, run_id: str, asked: Asked, lane: Lane, *, load: bool = True) -> None:
        mapping, key = self.mapping, job.run_key(run_id)
        window, _ = plan_run(
            *(self.ledger, job, run_id, asked),
            mapping=mapping,
            zone=ZONE,
            client=lambda: self.exact(key),
            pushed=self.watermarks.get,
            now=self.clock.now(),
        )
        with self.exact(key) as exact:
            extract(self.ledger, exact, job.stream, run_id, window, select=mapping.select, zone=ZONE)
        with self.exact(key) as exact:
            decide(self.ledger, exact, job, mapping=mapping, run_id=run_id, window=window)
        if load:
            self._load(job, key, lane)
        self.watermarks[run_id] = commit(self.ledger, job, run_id, window)

    def _load(self, job: Job, key: str, lane: Lane) -> None:
        with self.personio(key) as personio:
            delivery = delivery_for(self.ledger, job, personio)
            settings = LoadSettings(selected=lane == "history", lane=lane)
            Loader(self.ledger, delivery, job, key, settings=settings, sleep=self.clock.sleep).run()

    @contextmanager
    def exact(self, key: str) -> Iterator[ExactClient]:
        """Open a client of Exact as a task would."""
        url, settings, meter = self.running.url, self.running.sandbox.settings.exact, self.ledger.meter(key)
        with build_http(base_url=url) as http:
            tokens = ExactTokens(
                http=http,
                client_id=settings.client_id,
                client_secret=settings.client_secret,
                vault=self.ledger.vault("exact"),
                meter=meter,
                now=self.clock.now,
            )
            config = ExactConfig(base_url=url, division=DIVISION, zone=ZONE)
            budget = self.ledger.error_budget(f"{settings.client_id}:{DIVISION}")
            yield ExactClient(
                config, http, tokens, pacer=self.ledger.pacer, budget=budget, meter=meter, sleep=self.clock.sleep
            )

    @contextmanager
    def personio(self, key: str) -> Iterator[PersonioClient]:
        """Open a client of Personio as a task would."""
        config = PersonioConfig(
            base_url=self.running.url,
            company_id=COMPANY,
            recruiting_token=self.running.sandbox.settings.personio.recruiting_token,
            client_id=self.running.sandbox.settings.personio.client_id,
            client_secret=self.running.sandbox.settings.personio.client_secret,
        )
        with build_http(base_url=self.running.url) as http:
            yield PersonioClient(
                config, http, pacer=self.ledger.pacer, meter=self.ledger.meter(key), sleep=self.clock.sleep
            )

"""The whole line without Airflow: a running sandbox, a real ledger, both clients.

``Line`` runs a stream from plan to commit, as a schedule, a person or a backfill would; ``Line.start`` gives the run
stage by stage. A stage knows only what the ledger knows, as in a worker of its own: stop after any, begin any again.

Whatever story a test tells: where a run would skip its stages because there is nothing to do, they are gone through
all the same, and must do nothing.
"""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from include.clients.exact import ExactClient, ExactConfig
from include.clients.personio import PersonioClient, PersonioConfig
from include.clients.tokens import ExactTokens
from include.ledger.tables import deliveries, events
from include.records import StreamKey
from include.sync.asked import Asked, asked
from include.sync.commit import commit
from include.sync.decide import decide
from include.sync.destinations import delivery_for
from include.sync.extract import extract
from include.sync.idle import is_idle
from include.sync.job import Job
from include.sync.load import Loader, LoadSettings
from include.sync.looking_again import EVERY
from include.sync.plan import plan_run
from include.sync.preview import look_at_personio
from include.transform import load_mapping
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.records import Destination, Entity, Window
    from include.sandbox.server import RunningSandbox
    from include.transform import Mapping

DIVISION = 124132
ZONE = ZoneInfo("Europe/Amsterdam")


@dataclass
class Line:
    """Runs of one stream; ``watermarks`` stands for Airflow's XCom.

    :param proves: whether what an idle run skips is gone through; else it is skipped, as in Airflow.
    """

    ledger: Ledger
    sandbox: RunningSandbox
    entity: Entity = "Contacts"
    destination: Destination = "application"
    division: int = DIVISION
    position: int = 1001
    recruiting_token: str = "sandbox-recruiting-token"
    exact_url: str = ""
    updated_since: str | None = None
    proves: bool = True
    watermarks: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    @property
    def job(self) -> Job:
        dag_id = f"exact_{self.entity.lower()}_to_{self.destination}"
        position = self.position if self.destination == "application" else 0
        return Job(StreamKey(dag_id, self.division, self.entity), self.destination, 4242, position)

    def run(self, run_id: str, start_from: str = "beginning", **overrides: Any) -> dict[str, int]:
        """Run live, plan to commit, once; return what load did."""
        return self.start(run_id, overrides=overrides, start_from=start_from).go()

    def window(self, run_id: str, created_from: str, created_to: str = "", **params: Any) -> dict[str, int]:
        """Run a window of days; ``params`` are the form's."""
        return self.start(run_id, created_from=created_from, created_to=created_to, **params).go()

    def backfill(self, run_id: str, start: datetime, end: datetime, **params: Any) -> dict[str, int]:
        """Run a backfill of a data interval."""
        return self.start(run_id, run_type="backfill", interval=(start, end), **params).go()

    def preview(self, run_id: str, **params: Any) -> dict[str, int]:
        """Preview whatever ``params`` ask for; return action -> count."""
        return self.start(run_id, preview=True, **params).go()

    def canary(self, run_id: str, **params: Any) -> dict[str, int]:
        """Send one record of whatever ``params`` ask for."""
        return self.start(run_id, max_records=1, **params).go()

    def replay(self, run_id: str, **params: Any) -> dict[str, int]:
        """Decide and send what was marked for replay."""
        return self.start(run_id, replay_only=True, **params).go()

    def start(
        self,
        run_id: str,
        *,
        run_type: Any = "manual",
        interval: Any = None,
        overrides: Any = None,
        **params: Any,
    ) -> Run:
        """Return a run that has not planned yet; nothing is done.

        :param run_type: Airflow's, as text.
        :param interval: a backfill's data interval, two aware times.
        :param overrides: the form's fixed values of the mapping's fields, by name.
        :param params: the form's other values.
        """
        terms = asked(
            params, run_type=run_type, interval=interval, zone=ZONE, entity=self.entity, now=datetime.now(UTC)
        )
        return Run(self, run_id, terms, overrides or {})

    def states(self) -> dict[str, int]:
        return self.ledger.deliveries.counts(self.job.stream, self.destination, self.job.position)

    def calls(self, run_id: str) -> dict[tuple[str, str, int], int]:
        return self.ledger.calls(self.job.run_key(run_id))

    def log_in(self) -> None:
        """Put a fresh token into the vault, as a login would."""
        issued, now = self.sandbox.sandbox.exact.issue_tokens(), datetime.now(UTC)
        with self.ledger.vault("exact").locked() as chain:
            chain.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))

    @contextmanager
    def exact(self, run_key: str) -> Iterator[ExactClient]:
        url = self.exact_url or self.sandbox.url
        meter = self.ledger.meter(run_key)
        settings = self.sandbox.sandbox.settings.exact
        with build_http(base_url=url, timeout=5) as http:
            tokens = ExactTokens(
                http=http,
                client_id=settings.client_id,
                client_secret=settings.client_secret,
                vault=self.ledger.vault("exact"),
                meter=meter,
                # A test may move the ledger's clock; the sandbox, which judges the tokens, has the machine's.
                now=lambda: datetime.now(UTC),
            )
            config = ExactConfig(base_url=url, division=self.division, zone=ZONE, max_wait_seconds=1)
            budget = self.ledger.error_budget(f"{settings.client_id}:{self.division}")
            yield ExactClient(
                config, http, tokens, pacer=self.ledger.pacer, budget=budget, meter=meter, sleep=lambda _: None
            )

    @contextmanager
    def personio(self, run_key: str) -> Iterator[PersonioClient]:
        config = PersonioConfig(
            base_url=self.sandbox.url,
            company_id=4242,
            recruiting_token=self.recruiting_token,
            client_id="sandbox-papi-client",
            client_secret="sandbox-papi-secret",
            recruiting_limit=100_000,
        )
        with build_http(base_url=self.sandbox.url, timeout=5) as http:
            yield PersonioClient(config, http, pacer=self.ledger.pacer, meter=self.ledger.meter(run_key))


@dataclass(frozen=True)
class Run:
    """One run, stage by stage; another object of the same run goes on where this one was left.

    :param overrides: of the mapping's fields.
    """

    line: Line
    run_id: str
    asked: Asked
    overrides: dict[str, Any]

    @property
    def job(self) -> Job:
        """The job in the lane of this run."""
        return self.line.job.history() if self.asked.history else self.line.job

    @property
    def key(self) -> str:
        return self.job.run_key(self.run_id)

    @property
    def mapping(self) -> Mapping:
        position = {"job_position_id": self.line.position} if self.line.destination == "application" else {}
        return load_mapping(self.line.entity, self.line.destination, overrides=self.overrides | position)

    @property
    def pinned(self) -> Window:
        window = self.line.ledger.windows.get(self.job.stream, self.run_id)
        assert window is not None, "the run has not planned yet"
        return window

    def go(self) -> dict[str, int]:
        """Run all stages; return what load did."""
        self.plan()
        self.extract()
        loaded = self._prove_idle() if self.is_idle() else self._move()
        self.commit()
        return loaded

    def _move(self) -> dict[str, int]:
        self.decide()
        return self.load()

    def _prove_idle(self) -> dict[str, int]:
        if not self.line.proves:
            return {}
        before = self._done()
        loaded = self._move()
        assert self._done() == before, "a run that had something to do was taken for an idle one"
        return loaded

    def _done(self) -> tuple[Any, ...]:
        """Return what deciding and loading may change: deliveries, their stories, what the services were asked."""
        with self.line.ledger._database.read() as connection:
            kept = [connection.execute(select(table).order_by(table.c.id)).all() for table in (deliveries, events)]
        asked = [one.kind for one in self.line.sandbox.sandbox.log.entries() if not one.kind.endswith("token")]
        return (*kept, asked)

    def is_idle(self) -> bool:
        """Say whether Airflow would skip what comes between extract and commit."""
        run_id, window = self.run_id, self.pinned
        return is_idle(
            self.line.ledger, self.job, mapping=self.mapping, run_id=run_id, window=window, look_again=EVERY
        )

    def plan(self) -> dict[str, Any]:
        """Pin the window; return what goes to XCom."""
        _, pushed = plan_run(
            self.line.ledger,
            self.job,
            self.run_id,
            self.asked,
            mapping=self.mapping,
            zone=ZONE,
            client=lambda: self.line.exact(self.key),
            pushed=self.line.watermarks.get,
        )
        return pushed

    def extract(self) -> dict[str, int]:
        stream, columns = self.job.stream, self.mapping.select
        with self.line.exact(self.key) as exact:
            return extract(self.line.ledger, exact, stream, self.run_id, self.pinned, select=columns, zone=ZONE)

    def decide(self) -> dict[str, int]:
        with self.line.exact(self.key) as exact:
            return decide(
                self.line.ledger, exact, self.job, mapping=self.mapping, run_id=self.run_id, window=self.pinned
            )

    def load(self) -> dict[str, int]:
        """Send what is this run's to send; a preview only looks."""
        line, window = self.line, self.pinned
        with line.personio(self.key) as personio:
            if window.preview:
                return look_at_personio(line.ledger, personio, self.job, self.key)
            delivery = delivery_for(line.ledger, self.job, personio, updated_since=line.updated_since)
            history = self.job.stream.is_history
            settings = LoadSettings(
                max_records=window.max_records, selected=history, lane="history" if history else "live"
            )
            return Loader(line.ledger, delivery, self.job, self.key, settings=settings).run()

    def commit(self) -> dict[str, Any]:
        made = commit(self.line.ledger, self.job, self.run_id, self.pinned)
        # Airflow deletes what a task pushed when it begins once more.
        self.line.watermarks.pop(self.run_id, None)
        if made["advanced"]:
            self.line.watermarks[self.run_id] = made
        return made

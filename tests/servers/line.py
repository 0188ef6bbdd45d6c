"""The whole line without Airflow: a running sandbox, a real ledger, both clients."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from include.clients.exact import ExactClient, ExactConfig
from include.clients.personio import PersonioClient, PersonioConfig
from include.clients.tokens import ExactTokens
from include.records import StreamKey
from include.sync.commit import commit
from include.sync.decide import decide
from include.sync.destinations import delivery_for
from include.sync.extract import extract
from include.sync.job import Job
from include.sync.load import Loader
from include.sync.plan import newest_of, plan_live
from include.transform import load_mapping
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.records import Destination, Entity
    from include.sandbox.server import RunningSandbox

DIVISION = 124132
ZONE = ZoneInfo("Europe/Amsterdam")


@dataclass
class Line:
    """Runs of one stream; ``watermarks`` stands for Airflow's XCom."""

    ledger: Ledger
    sandbox: RunningSandbox
    entity: Entity = "Contacts"
    destination: Destination = "application"
    division: int = DIVISION
    position: int = 1001
    recruiting_token: str = "sandbox-recruiting-token"
    exact_url: str = ""
    updated_since: str | None = None
    watermarks: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    @property
    def job(self) -> Job:
        dag_id = f"exact_{self.entity.lower()}_to_{self.destination}"
        position = self.position if self.destination == "application" else 0
        return Job(StreamKey(dag_id, self.division, self.entity), self.destination, 4242, position)

    def run(self, run_id: str, start_from: str = "beginning", **overrides: Any) -> dict[str, int]:
        """Run plan to commit once; return what load did."""
        job, run_key = self.job, self.job.run_key(run_id)
        if self.destination == "application":
            overrides["job_position_id"] = self.position
        mapping = load_mapping(self.entity, self.destination, overrides=overrides)
        with self.exact(run_key) as exact, self.personio(run_key) as personio:
            window = plan_live(
                self.ledger,
                job.stream,
                run_id,
                start_from=start_from,
                zone=ZONE,
                newest=lambda: newest_of(exact, self.entity),
                pushed=self.watermarks.get,
            )
            extract(self.ledger, exact, job.stream, run_id, window, select=mapping.select, zone=ZONE)
            decide(self.ledger, exact, job, mapping=mapping, run_id=run_id, window=window)
            delivery = delivery_for(self.ledger, job, personio, updated_since=self.updated_since)
            loaded = Loader(self.ledger, delivery, job, run_key).run()
            self.watermarks[run_id] = commit(self.ledger, job, run_id, window)
        return loaded

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

"""The real side of the model test: a sandbox, a ledger, and runs that are done stage by stage, or killed in one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

import line
from following_clock import FollowingClock
from include.ledger.run_tables import run_outbox
from include.ledger.tables import deliveries, metadata, staged, watermarks
from include.sandbox.settings import SandboxSettings
from include.sync.destinations import delivery_for
from include.sync.load import Loader, LoadSettings
from include.sync.plan import plan_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.clients.exact import ExactClient
    from include.records import Entity, Window
    from include.sync.asked import Asked
    from include.sync.delivery import Delivery

    Wrap = Callable[[Delivery], Delivery]

START = datetime(2026, 10, 25, 0, 5, tzinfo=UTC)
"""Five past two in the night in which Amsterdam has the hour from two to three twice."""
STAGES = ("plan", "extract", "decide", "load", "commit")
FOR_EVER = 10**7


class Clock:
    """The ledger's clock: ahead of the machine's by as much as it was moved."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=max(seconds, 0.001))


def settings() -> SandboxSettings:
    """Return a sandbox with small pages, and no limits in the way."""
    made = SandboxSettings()
    made.exact.page_size, made.exact.bulk_page_size = 3, 5
    made.exact.minutely_limit = made.exact.daily_limit = made.exact.error_limit = FOR_EVER
    made.exact.access_token_seconds = FOR_EVER
    made.personio.limits_enabled = False
    made.personio.token_seconds = FOR_EVER
    return made


@dataclass
class Run:
    """One run of the DAG.

    :param asked: what it was asked to do.
    :param stage: number of the stage that comes next.
    :param read: tick at which its extract began, or its plan if that said to read nothing.
    :param window: as it was pinned.
    :param cleared: how often it was begun again.
    """

    run_id: str
    asked: Asked
    stage: int = 0
    read: int = 0
    window: Window | None = None
    cleared: int = 0

    @property
    def over(self) -> bool:
        return self.stage == len(STAGES)

    @property
    def live(self) -> bool:
        return not self.asked.history


@dataclass
class World(line.Line):
    """A line whose runs are done stage by stage."""

    clock: Clock = field(default_factory=Clock)

    def begin(self) -> None:
        """Forget everything, on both sides."""
        with self.ledger._database.write() as connection:
            for table in metadata.tables.values():
                if table.name != "ledger_secrets":
                    connection.execute(table.delete())
        self.sandbox.sandbox.clock.scale = 0
        self.sandbox.sandbox.clock.set(START)
        self.sandbox.sandbox.reset()
        self.clock.ahead = timedelta(0)
        self.sandbox.sandbox.personio.clock = FollowingClock(self.clock)
        self.watermarks.clear()
        self.log_in()

    # --- one stage of a run ---

    def done(self, run: Run, stage: str, wrap: Wrap | None = None) -> None:
        """Do one stage.

        :param wrap: put around the destination, of the load.
        """
        real = line.Run(self, run.run_id, run.asked, {})
        if stage == "plan":
            self._plan(real)
            return
        if stage != "load" or run.asked.preview:
            getattr(real, stage)()
            return
        bounds = LoadSettings(
            selected=run.asked.history,
            max_records=run.asked.max_records,
            lane="history" if run.asked.history else "live",
        )
        with self.personio(real.key) as personio:
            delivery = delivery_for(self.ledger, real.job, personio)
            delivery = wrap(delivery) if wrap else delivery
            Loader(self.ledger, delivery, real.job, real.key, settings=bounds, sleep=self.clock.sleep).run()

    def _plan(self, run: line.Run) -> None:
        plan_run(
            *(self.ledger, run.job, run.run_id, run.asked),
            mapping=run.mapping,
            zone=line.ZONE,
            client=lambda: self.exact(run.key),
            pushed=self.watermarks.get,
            now=self.clock(),
        )

    @contextmanager
    def exact(self, run_key: str) -> Iterator[ExactClient]:
        with super().exact(run_key) as client:
            # Looking for it takes sixty calls of every example, and has tests of its own.
            client.newest_timestamp = self._newest  # type: ignore[method-assign]
            yield client

    def _newest(self, entity: Entity) -> int:
        rows = self.sandbox.sandbox.exact.division(self.division).tables[entity].rows.values()
        return max((int(row["Timestamp"]) for row in rows), default=1)

    # --- what is truly there ---

    def applicants(self) -> list[str]:
        """Return the addresses of all applications, one per application."""
        return [str(row["email"]) for row in self.sandbox.sandbox.personio.contents()["applications"]]

    def look(self) -> dict[str, Any]:
        """Return what no stage may change, or only some may: the writes so far, the live lane, all decisions."""
        entries = self.sandbox.sandbox.log.entries()
        live = self.job.stream.dag_id
        names = (
            "id",
            "source_id",
            "state",
            "decided_version",
            "fingerprint",
            "reason_code",
            "attempt",
            "dag_id",
            "run_id",
        )
        rows = (staged.c.source_id, staged.c.row_version, staged.c.content_hash, staged.c.run_id)
        queries = {
            "mark": select(watermarks.c.value, watermarks.c.run_id, watermarks.c.created_from).where(
                watermarks.c.dag_id == live
            ),
            "rows": select(*rows).where(staged.c.dag_id == live).order_by(staged.c.id),
            "deliveries": select(*(deliveries.c[name] for name in names)).order_by(deliveries.c.id),
            "outboxes": select(run_outbox).order_by(run_outbox.c.run_id, run_outbox.c.delivery_id),
        }
        with self.ledger._database.read() as connection:
            seen: dict[str, Any] = {name: list(connection.execute(query)) for name, query in queries.items()}
        seen["mark"] = seen["mark"][0] if seen["mark"] else None
        seen["writes"] = sum(
            one.service == "personio" and one.method != "GET" and "token" not in one.kind for one in entries
        )
        return seen

    def pinned(self, run: Run) -> Window:
        """Return a run's window."""
        return line.Run(self, run.run_id, run.asked, {}).pinned

    def deliveries(self) -> list[Any]:
        """Return all deliveries."""
        return self._rows(select(deliveries).order_by(deliveries.c.id))

    def selected(self, run: Run) -> set[str]:
        """Return the records in a run's outbox."""
        mine = run_outbox.c.run_id == self.job.run_key(run.run_id)
        query = select(deliveries.c.source_id).join(run_outbox, run_outbox.c.delivery_id == deliveries.c.id)
        return {row.source_id for row in self._rows(query.where(mine))}

    def told(self) -> list[tuple[Any, ...]]:
        """Return all that a preview may not change."""
        names = (
            "id",
            "source_id",
            "state",
            "decided_version",
            "fingerprint",
            "reason_code",
            "attempt",
            "dag_id",
            "run_id",
        )
        columns = [deliveries.c[name] for name in names]
        return [*self._rows(select(*columns).order_by(deliveries.c.id)), *self._rows(select(run_outbox))]

    def _rows(self, query: Any) -> list[Any]:
        with self.ledger._database.read() as connection:
            return list(connection.execute(query))

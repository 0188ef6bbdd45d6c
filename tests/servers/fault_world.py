"""The whole line between two services that can be troubled, on a time that passes only when somebody waits."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

import line
from fault_gate import Gate
from fault_time import Time, everywhere
from following_clock import FollowingClock
from include.clients.exact import ExactClient, ExactConfig
from include.clients.personio import PersonioClient, PersonioConfig
from include.clients.tokens import ExactTokens
from include.ledger import open_ledger
from include.ledger.tables import metadata
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import EXACT_CLIENT_ID, EXACT_CLIENT_SECRET, SandboxSettings
from include.sync.destinations import delivery_for
from include.sync.load import Loader, LoadSettings
from include.transport import build_http
from quick import keep_connections, quick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.records import Destination, Entity
    from include.sync.asked import Asked

WRITES = ("INSERT", "UPDATE", "DELETE")


def settings() -> SandboxSettings:
    """Return what both services really allow, with pages so small that a handful of people fills several."""
    made = SandboxSettings()
    made.exact.page_size = made.exact.bulk_page_size = 3
    return made


class Disk:
    """Where the ledger is kept.

    :ivar full: how many writes it has no room for; None: any number.
    :ivar locked: how many transactions find it locked; None: any number.
    """

    def __init__(self) -> None:
        self.full: int | None = 0
        self.locked: int | None = 0

    def watch(self, engine: Any) -> None:
        event.listen(engine, "before_cursor_execute", self._write)
        event.listen(engine, "begin", self._begin)

    def heal(self) -> None:
        self.full = self.locked = 0

    def _write(self, _connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if self.full != 0 and statement.lstrip().upper().startswith(WRITES):
            self.full = self.full and self.full - 1
            raise OperationalError(statement, None, sqlite3.OperationalError("database or disk is full"))

    def _begin(self, connection: Any) -> None:
        if self.locked != 0 and connection.get_execution_options().get("ledger_write", False):
            self.locked = self.locked and self.locked - 1
            raise OperationalError("BEGIN", None, sqlite3.OperationalError("database is locked"))


@dataclass
class World(line.Line):
    """One of the streams between two services; the others share all that it has but its names."""

    http: httpx.Client = field(default_factory=httpx.Client)
    time: Time = field(default_factory=Time)
    gate: Gate = field(default_factory=Gate)
    disk: Disk = field(default_factory=Disk)
    overrides: dict[str, Any] = field(default_factory=dict)
    pause_after: float | None = None

    def begin(self) -> None:
        """Forget everything, on both sides."""
        self.disk.heal()
        with self.ledger._database.write() as connection:
            for table in metadata.tables.values():
                if table.name != "ledger_secrets":
                    connection.execute(table.delete())
        sandbox = self.sandbox.sandbox
        sandbox.settings.update(settings().to_json())
        sandbox.reset()
        self.clock.wrong_by = timedelta(0)
        self.gate.trace.clear()
        self.gate.meets = lambda _kind, _request: None
        self.gate.answered = lambda _kind, _response: None
        self.watermarks.clear()
        # A day later: nothing of before counts for any limit.
        self.time.sleep(86_400)
        self.log_in()

    @property
    def clock(self) -> FollowingClock:
        clock = self.sandbox.sandbox.clock
        assert isinstance(clock, FollowingClock)
        return clock

    def stream(self, entity: Entity, destination: Destination, **more: Any) -> World:
        """Return another stream of the same world."""
        shared = (self.ledger, self.sandbox, entity, destination)
        return World(*shared, http=self.http, time=self.time, gate=self.gate, disk=self.disk, **more)

    def do(self, run_id: str, asked: Asked, stage: str) -> None:
        """Do one stage of a run."""
        run = line.Run(self, run_id, asked, self.overrides)
        if stage != "load" or asked.preview:
            getattr(run, stage)()
            return
        bounds = LoadSettings(
            selected=asked.history,
            max_records=asked.max_records,
            lane="history" if asked.history else "live",
            pause_after=self.pause_after,
        )
        with self.personio(run.key) as personio:
            delivery = delivery_for(self.ledger, run.job, personio)
            Loader(self.ledger, delivery, run.job, run.key, settings=bounds, sleep=self.time.sleep).run()

    @contextmanager
    def exact(self, run_key: str) -> Iterator[ExactClient]:
        url, meter = self.sandbox.url, self.ledger.meter(run_key)
        budget = self.ledger.error_budget(f"{EXACT_CLIENT_ID}:{self.division}")
        tokens = ExactTokens(
            http=self.http,
            client_id=EXACT_CLIENT_ID,
            client_secret=EXACT_CLIENT_SECRET,
            vault=self.ledger.vault("exact"),
            meter=meter,
            budget=budget,
            now=self.time,
        )
        config = ExactConfig(base_url=url, division=self.division, zone=line.ZONE)
        pacer, sleep = self.ledger.pacer, self.time.sleep
        yield ExactClient(config, self.http, tokens, pacer=pacer, budget=budget, meter=meter, sleep=sleep)

    @contextmanager
    def personio(self, run_key: str) -> Iterator[PersonioClient]:
        config = PersonioConfig(
            base_url=self.sandbox.url,
            company_id=4242,
            recruiting_token="sandbox-recruiting-token",
            client_id="sandbox-papi-client",
            client_secret="sandbox-papi-secret",
        )
        meter, pacer = self.ledger.meter(run_key), self.ledger.pacer
        yield PersonioClient(config, self.http, pacer=pacer, meter=meter, sleep=self.time.sleep)


@contextmanager
def world_at(url: str, key: str) -> Iterator[World]:
    """Start both services, open a ledger, and put the gate between."""
    time = Time()
    gate = Gate()
    with (
        RunningSandbox(settings(), FollowingClock(time)) as running,
        everywhere(time),
        open_ledger(url, key, clock=time) as ledger,
        build_http(base_url=running.url, transport=gate, timeout=30) as http,
        quick(running.url),
    ):
        keep_connections(ledger)
        made = World(ledger, running, http=http, time=time, gate=gate)
        made.disk.watch(ledger._database.engine)
        yield made

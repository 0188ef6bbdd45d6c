"""One story: a company, a run of its DAG that is killed somewhere, what Airflow makes of it, and what came of it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import crash_clock
import crash_ghost
import crash_world
from airflow_home import Airflow
from crash_airflow import CrashAirflow
from crash_ledgers import log_in
from crash_oracle import Verdict, judge, read_books
from crash_tracing import Boundary, Strike, read_trace
from following_clock import FollowingClock
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from include.sync.load import HELD_UP

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from crash_ledgers import Ledgers
    from crash_world import Case

Then = Literal["retry", "next_run"]
HELP = {
    # What the ledger says when a person has to act -> what the person does.
    "exact.refresh_token.old": "log_in",
    "exact.refresh_token.chain": "log_in",
    "exact.refresh_token.expired": "log_in",
    "personio.email.unreadable": "allow",
}


@dataclass
class Told:
    """What happened.

    :param trace: all boundaries, of all processes.
    :param asked_for: what a person was asked to do, by reason code.
    :param served: requests that the services have seen.
    """

    verdict: Verdict
    trace: list[Boundary]
    runs: list[dict[str, Any]]
    asked_for: list[str]
    served: int

    @property
    def struck(self) -> list[Boundary]:
        """Where processes died."""
        return [boundary for boundary in self.trace if boundary.struck]


class Machine:
    """The sandbox, the Airflow and the ledgers that all stories share.

    :param ledgers: where each story gets its ledger.
    """

    def __init__(self, ledgers: Ledgers) -> None:
        self.ledgers = ledgers
        self.sandbox = RunningSandbox()
        self.airflow = CrashAirflow()

    def __enter__(self) -> Self:
        self.sandbox.__enter__()
        self.airflow.__enter__()
        self._stories = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.airflow.__exit__(kind, error, trace)
        self.sandbox.__exit__(kind, error, trace)

    def story(
        self,
        case: Case,
        strikes: Sequence[Strike] = (),
        *,
        variant: str = "",
        then: Then = "retry",
        follow: bool = False,
        idle: bool = False,
        early: bool = False,
    ) -> Told:
        """Tell a story.

        :param strikes: where task processes die.
        :param variant: mistake that is built into them.
        :param then: what follows a death: the task's next try; or the run is given up, and the next run has to do.
        :param follow: let another run follow in any case.
        :param idle: let a run for which there is nothing new come before that one.
        :param early: the next try comes while what the last one claimed is still its own.
        """
        self._stories += 1
        folder = Path(tempfile.mkdtemp(prefix="exact-personio-story-"))
        url = self.ledgers.fresh(folder)
        try:
            telling = _Telling(self, case, folder, url)
            telling.begin(strikes, variant=variant, early=early)
            return telling.tell(then=then, follow=follow, idle=idle)
        finally:
            self.ledgers.drop(url)
            shutil.rmtree(folder, ignore_errors=True)


class _Telling:
    """One story while it is told."""

    def __init__(self, machine: Machine, case: Case, folder: Path, url: str) -> None:
        self.machine = machine
        self.case = case
        self.folder = folder
        self.url = url
        self.key = machine.ledgers.key
        self.sandbox = machine.sandbox.sandbox
        self.people = case.people
        self.runs: list[dict[str, Any]] = []
        self.asked_for: list[str] = []

    def begin(self, strikes: Sequence[Strike], *, variant: str, early: bool) -> None:
        crash_world.furnish(self.machine.sandbox, self.case)
        self.sandbox.personio.clock = FollowingClock(self._time)
        log_in(self.url, self.key, self.sandbox, old=True)
        self.machine.airflow.ask(
            "begin",
            env=self._environment(),
            folder=str(self.folder),
            strikes=[asdict(strike) for strike in strikes],
            variant=variant,
            early=early,
        )

    def _time(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=crash_clock.ahead(self.folder / "clock"))

    def tell(self, *, then: Then, follow: bool, idle: bool) -> Told:
        self._run("first", until_failure=then == "next_run")
        crash_ghost.thaw(self.folder)
        if idle:
            self._run("idle")
            crash_ghost.thaw(self.folder)
        if follow or self.runs[-1]["state"] == "failed":
            self.people.append(self.case.latecomer)
            crash_world.add(self.sandbox, self.case.latecomer)
            self._run("second")
            crash_ghost.thaw(self.folder)
        verdict = judge(self.case, self.sandbox, self.people, read_books(self.url, self.key), self.runs)
        served = len(self.sandbox.log.entries())
        return Told(verdict, read_trace(self.folder / "trace"), self.runs, self.asked_for, served)

    def _run(self, name: str, *, until_failure: bool = False) -> None:
        """Make a run, and do what it asks a person to do, until it has ended well or was given up."""
        run_id = f"story_{self.machine._stories}_{name}"
        which = {"dag_id": self.case.dag_id, "run_id": run_id}
        airflow = self.machine.airflow
        airflow.ask("trigger", **which)
        found = airflow.ask("go", **which, until_failure=until_failure)
        while found["state"] == "failed" and not found["given_up"] and self._help(run_id):
            airflow.ask("clear", **which)
            found = airflow.ask("go", **which)
        self.runs.append(found)

    def _help(self, run_id: str) -> bool:
        """Do what the last failure asks for; False: it is nothing that a person should have been asked for."""
        with open_ledger(self.url, self.key) as ledger:
            failures = ledger.failures.of_run(f"{self.case.dag_id}/{run_id}")
        reason = failures[-1].reason_code if failures else ""
        if reason not in HELP or len(self.asked_for) > len(HELP):
            return False
        self.asked_for.append(reason)
        # A person takes their time, and it is longer than a record waits that needs one.
        crash_clock.advance(self.folder / "clock", 2 * HELD_UP.total_seconds())
        if HELP[reason] == "log_in":
            log_in(self.url, self.key, self.sandbox, old=False)
        else:
            crash_world.allow_reading(self.sandbox, allowed=True)
        return True

    def _environment(self) -> dict[str, str]:
        home = Airflow(self.folder, self.machine.sandbox)
        home.env["EXACT_PERSONIO_LEDGER_URL"] = self.url
        home.env["EXACT_PERSONIO_LEDGER_KEY"] = self.key
        wanted = ("AIRFLOW_CONN_", "EXACT_PERSONIO_")
        return {name: value for name, value in home.environment().items() if name.startswith(wanted)}

"""``make demo`` and ``make up``."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from include.demo.airflow_api import FINISHED, AirflowApi
from include.demo.oracle import Verdict, addresses, compare, sound
from include.demo.report import RunReport, run_report, tables
from include.demo.sandbox_connections import DIVISION
from include.demo.stack import ROOT, Stack
from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.records import Entity, StreamKey
from include.terminal import wide_console

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from rich.console import Console

    from include.ledger import Ledger

ENTITIES: tuple[Entity, ...] = ("Contacts", "Accounts")
POSITION = 1001
"""Both streams hire for one position, so an account's main contact is mostly there already."""

SEED = {"seed": 1, "accounts": 130, "contacts": 1060, "division": DIVISION, "dirty": True}
"""Enough to cross a feed page of 1,000 and two look-ups of 60."""


ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def dag_id(entity: str) -> str:
    """Return the id of the DAG that moves this entity."""
    return f"exact_{entity.lower()}_to_personio_applications"


class Demo:
    """Two phases over a running stack, and what came of them.

    :param stack: the running stack.
    :param console: where progress and report go.
    """

    def __init__(self, stack: Stack, console: Console) -> None:
        self.stack = stack
        self.console = console
        self.api = AirflowApi(stack.airflow)
        self.reported: set[tuple[str, str]] = set()
        self.reports: list[RunReport] = []
        self.owed: set[str] = set()
        self.emails: dict[str, dict[str, str]] = {entity: {} for entity in ENTITIES}

    def run(self) -> Verdict:
        """Run both phases, print the report, and compare."""
        self.api.login()
        for entity in ENTITIES:
            self.stack.processes.wait_for(dag_id(entity), lambda e=entity: self.api.has_dag(dag_id(e)))  # type: ignore[misc]
        with open_ledger(self.stack.env["EXACT_PERSONIO_LEDGER_URL"]) as ledger:
            self.phase(ledger, "history", unpause=True)
            self.change_company()
            self.phase(ledger, "news", unpause=False)
            for view in tables(self.reports):
                self.console.print(view)
            return self.verdict(ledger)

    def phase(self, ledger: Ledger, name: str, *, unpause: bool) -> None:
        """Have both DAGs run once, wait until the runs have ended, and report on them.

        :param unpause: let the scheduler start the runs, as it does of a DAG that is unpaused; else trigger them.
        """
        wanted = {}
        for entity in ENTITIES:
            # Two runs of a stream at once would both read the feed: right, but a call too many.
            wanted[entity] = len(self.api.runs(dag_id(entity))) + 1
            if unpause:
                self.api.unpause(dag_id(entity))
            else:
                # Nobody sits beside the demo to approve of a load.
                self.api.trigger(dag_id(entity), {"approve_above": 100_000})
        self.wait(ledger, name, wanted)
        for entity in ENTITIES:
            for run in self.api.runs(dag_id(entity)):
                self.report(ledger, name, str(entity), run)

    def wait(self, ledger: Ledger, name: str, wanted: Mapping[Entity, int]) -> None:
        """Show how far the records are until all runs have ended.

        :param wanted: how many runs there have to be of each DAG.
        :raises ConfigurationError: it took more than four minutes.
        """
        deadline = time.monotonic() + 240
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[line]}"))
        with Progress(*columns, TimeElapsedColumn(), console=self.console) as progress:
            bars = {entity: progress.add_task(f"{name}: {entity}", total=None, line="") for entity in ENTITIES}
            while True:
                self.stack.processes.check()
                for entity, bar in bars.items():
                    counts = ledger.deliveries.counts(stream(entity), "application", POSITION)
                    done = sum(counts.values()) - counts.get("ready", 0) - counts.get("sending", 0)
                    line = ", ".join(f"{state} {count}" for state, count in sorted(counts.items()))
                    progress.update(bar, completed=done, total=sum(counts.values()) or None, line=line)
                if all(self.ended(entity, wanted[entity]) for entity in ENTITIES):
                    return
                if time.monotonic() > deadline:
                    raise ConfigurationError(
                        "The runs did not end within four minutes.",
                        reason_code="demo.runs.slow",
                        way_out=f"Read the task logs in {self.stack.home / 'logs'}.",
                    )
                time.sleep(0.5)

    def ended(self, entity: Entity, wanted: int) -> bool:
        """Say whether there are as many runs of the entity's DAG as there have to be, and all have ended."""
        runs = self.api.runs(dag_id(entity))
        return len(runs) >= wanted and all(run["state"] in FINISHED for run in runs)

    def report(self, ledger: Ledger, phase: str, entity: str, run: dict[str, Any]) -> None:
        """Add the report of one run, once."""
        key = (dag_id(entity), str(run["dag_run_id"]))
        if key in self.reported:
            return
        self.reported.add(key)
        run_key = "/".join(key)
        counts = ledger.deliveries.counts(stream(entity), "application", POSITION)
        self.reports.append(
            run_report(
                phase,
                self.api.result(*key, str(run["state"])),
                rejected=reasons(ledger, entity, run_key, "rejected"),
                skipped=reasons(ledger, entity, run_key, "skipped_by_rule"),
                calls=ledger.calls(run_key),
                pending=sum(counts.get(state, 0) for state in ("ready", "sending", "retry", "in_doubt")),
            )
        )

    def change_company(self) -> None:
        """Let a day pass at the company: people join, change and leave."""
        self.remember()
        sandbox, base = self.stack.sandbox, f"/_sandbox/exact/{DIVISION}"
        held = self.contents()["exact"][str(DIVISION)]
        accounts = held["Accounts"]
        people = [
            {
                "Account": accounts[i % len(accounts)]["ID"],
                "FirstName": f"Noor{i}",
                "LastName": "Nieuwkomer",
                "Email": f"noor.nieuwkomer{i}@example.org",
            }
            for i in range(75)
        ]
        new = sandbox.post(f"{base}/Contacts", json=people).json()
        firms = [
            {"Name": f"Nieuwbouw {i} BV", "MainContact": contact["ID"]} for i, contact in enumerate(as_list(new)[:10])
        ]
        sandbox.post(f"{base}/Accounts", json=firms)
        for contact in held["Contacts"][:20]:
            sandbox.patch(f"{base}/Contacts/{contact['ID']}", json={"Notes": "changed today"})
        for contact in held["Contacts"][20:25]:
            sandbox.delete(f"{base}/Contacts/{contact['ID']}")

    def verdict(self, ledger: Ledger) -> Verdict:
        """Compare the ledger with what the sandbox truly holds; a run that failed counts as unexplained."""
        self.remember()
        deliveries = [
            row for entity in ENTITIES for row in ledger.deliveries.listing(stream(entity), "application", POSITION)
        ]
        verdict = compare(
            {record: email for known in self.emails.values() for record, email in known.items()},
            self.contents()["personio"]["applications"],
            deliveries,
            owed=self.owed,
        )
        verdict.unexplained += [
            f"run {r.run_id} of {r.dag_id}: {r.state}" for r in self.reports if r.state != "success"
        ]
        return verdict

    def contents(self) -> dict[str, Any]:
        """Return what both services truly hold."""
        held: dict[str, Any] = self.stack.sandbox.get("/_sandbox/contents").json()
        return held

    def remember(self) -> None:
        """Keep the addresses of everybody who is there now: some may be deleted after they were loaded."""
        exact = self.contents()["exact"][str(DIVISION)]
        for entity, known in self.emails.items():
            self.owed |= sound(exact, entity)
            known.update({k: v for k, v in addresses(exact, entity).items() if v or k not in known})


def stream(entity: Entity | str) -> StreamKey:
    """Return the stream's key in the ledger."""
    return StreamKey(dag_id(entity), DIVISION, entity)  # type: ignore[arg-type]


def reasons(ledger: Ledger, entity: str, run_key: str, state: str) -> dict[str, int]:
    """Return reason code -> how many records this run left in a state for it."""
    found: Counter[str] = Counter()
    rows = ledger.deliveries.rejections(stream(entity), "application", POSITION, run_id=run_key, states=(state,))
    for reason, _, count in rows:
        found[reason] += count
    return dict(found)


def as_list(answer: Any) -> list[dict[str, Any]]:
    """Return the rows of an admin answer."""
    return answer if isinstance(answer, list) else [answer]


def demo(home: Path, report_path: Path) -> int:
    """Show it working; return the process's exit code."""
    console, started = wide_console(), time.monotonic()
    with ending_cleanly(), Stack(home, limit_seconds=0.4) as stack:
        console.print("Starting the sandbox and Airflow (scheduler, API server, DAG processor, triggerer) …")
        prepare(stack)
        console.print(f"Airflow is at {stack.url} while this runs; the sandbox at {stack.sandbox_url}.")
        running = Demo(stack, console)
        verdict = running.run()
    seconds = round(time.monotonic() - started, 1)
    report_path.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "good": verdict.good,
        "verdict": verdict.summary(),
        "runs": [report.as_json() for report in running.reports],
    }
    report_path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    word = "Both sides agree" if verdict.good else "The two sides do NOT agree"
    console.print(
        f"{word}: {len(verdict.missing)} missing, {len(verdict.doubled)} doubled, "
        f"{len(verdict.unexplained)} unexplained. {seconds} s. Report: {report_path}"
    )
    for line in [*verdict.missing, *verdict.doubled, *verdict.unexplained][:20]:
        console.print(f"  {line}")
    return 0 if verdict.good else 1


def up(home: Path, port: int, limit_seconds: float) -> int:
    """Run the UI with the sandbox behind it until Ctrl-C."""
    console = wide_console()
    with ending_cleanly(), Stack(home, limit_seconds=limit_seconds, port=port) as stack:
        console.print("Starting …")
        prepare(stack)
        console.print(f"Airflow: {stack.url} (no password on this machine)   Sandbox: {stack.sandbox_url}")
        console.print("Unpause or trigger a DAG. Ctrl-C ends everything.")
        try:
            while True:
                stack.processes.check()
                time.sleep(1)
        except KeyboardInterrupt:
            console.print("Stopping …")
    return 0


def prepare(stack: Stack) -> None:
    """Bring the stack up and give the sandbox a company with a history."""
    stack.start()
    stack.sandbox.post("/_sandbox/seed", json=SEED).raise_for_status()


class ending_cleanly:  # noqa: N801 - reads as a statement
    """Turn SIGTERM and a closed terminal into the same clean end as Ctrl-C, also in the background."""

    def __enter__(self) -> None:
        self._before = {number: signal.signal(number, _interrupt) for number in ENDINGS}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def default_home(name: str) -> Path:
    """Return the directory that a stack writes to."""
    return Path(os.environ.get("EXACT_PERSONIO_BUILD", ROOT / "build")) / name

"""Forecast against what the sandbox then counts: records by outcome, calls, minutes, and what is left of the day.

Run it with ``.venv/bin/python benchmarks/forecast.py``; it ends with 1 if a figure is off by more than 10 percent,
unless a forecast from a sample itself says that the figure may be off by so many.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet

from benchmarks.simulated_line import DIVISION, ZONE, SimulatedLine, Together
from include.forecast.forecasting import SAMPLE, Question, foretell
from include.forecast.known import Known
from include.forecast.spans import Span, spans_of
from include.forecast.telling import as_json
from include.ledger import open_ledger
from include.records import RecordFilter
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from include.records import Destination, Entity

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
MOST = 10.0
"""Percent."""
COMPUTING = 0.2
"""Minutes that the machine itself may take; a forecast is of the limits."""
SENT = ("created", "already_there")
WRITES = ("/v1/recruiting/applications", "/v1/company/employees")


@dataclass(frozen=True)
class Scenario:
    """A company, what was loaded of it before, and what is forecast and then done.

    :param before: days of a window that is loaded first; None: none.
    :param every: ``month``: one run each; ``none``: one run.
    :param sample: rows to try the mapping on where reading all costs more.
    """

    name: str
    contacts: int
    accounts: int
    first: tuple[int, int, int]
    last: tuple[int, int, int]
    entity: Entity = "Contacts"
    destination: Destination = "application"
    every: str = "month"
    before: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None
    sample: int = SAMPLE


SCENARIOS = (
    Scenario(
        "contacts, 12 months of 6,000, one quarter was loaded before",
        contacts=6_000,
        accounts=1_200,
        first=(2024, 1, 1),
        last=(2025, 1, 1),
        before=((2024, 4, 1), (2024, 7, 1)),
    ),
    Scenario(
        "accounts with main contacts, 12 months of 4,000",
        contacts=6_000,
        accounts=4_000,
        first=(2024, 7, 1),
        last=(2025, 7, 1),
        entity="Accounts",
    ),
    Scenario("contacts, one window of three weeks of 6,000", 6_000, 1_200, (2025, 3, 1), (2025, 3, 22), every="none"),
    Scenario(
        "contacts as employees, 12 months of 6,000",
        contacts=6_000,
        accounts=1_200,
        first=(2024, 7, 1),
        last=(2025, 7, 1),
        destination="employee",
    ),
    Scenario(
        "contacts, 6 months of 42,000, told from a sample",
        contacts=42_000,
        accounts=4_000,
        first=(2024, 3, 1),
        last=(2024, 9, 1),
        sample=600,
    ),
)


@dataclass(frozen=True)
class Figure:
    """One figure of both: as forecast, and as it came.

    :param margin: by how much the forecast itself says that it may be off.
    """

    name: str
    forecast: float
    actual: float
    margin: float = 0.0

    @property
    def right(self) -> bool:
        """Whether it is near enough."""
        return abs(self.error) <= MOST or abs(self.forecast - self.actual) <= self.margin

    @property
    def error(self) -> float:
        """Percent of the actual one."""
        if self.actual == self.forecast:
            return 0.0
        return 100 * (self.forecast - self.actual) / self.actual if self.actual else float("inf")


def measure(scenario: Scenario) -> tuple[list[Figure], list[str]]:
    """Forecast a scenario, then do it; return the figures and what the forecast said."""
    clock = Together()
    with (
        # In memory where there is such a place: a SQLite ledger writes to the disk for every request.
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as home,
        RunningSandbox(clock=clock.exact_clock) as running,
        open_ledger(f"sqlite:///{home}/ledger.db", Fernet.generate_key().decode(), clock=clock.now) as ledger,
    ):
        line = SimulatedLine(ledger, running, clock, scenario.entity, scenario.destination)
        line.fill(accounts=scenario.accounts, contacts=scenario.contacts)
        line.log_in()
        if scenario.before:
            line.backfill("before", *(_day(*day) for day in scenario.before))
        told = forecast(line, scenario)
        before = _states(line)
        running.sandbox.log.clear()
        # The limits are untouched when it begins, as the forecast says.
        clock.sleep(61)
        began = clock.now()
        for number, span in enumerate(_spans(scenario, clock)):
            line.backfill(f"run {number}", span.start or began, span.end or began)
        minutes = (clock.now() - began).total_seconds() / 60
        return figures(told, line, minutes, _states(line) - before), told["lines"]


def forecast(line: SimulatedLine, scenario: Scenario) -> dict[str, Any]:
    """Return the forecast, as a program reads it."""
    with line.exact("forecast") as exact, line.personio("forecast") as personio:
        question = Question(
            job=line.job,
            mapping=line.mapping,
            spans=_spans(scenario, line.clock),
            where=RecordFilter(),
            zone=ZONE,
            run_key="forecast",
            sample=scenario.sample,
        )
        limit = line.running.sandbox.settings.exact.daily_limit
        return as_json(
            foretell(line.ledger, exact, question, personio=personio, day_limit=lambda: limit, now=line.clock.now)
        )


def figures(told: dict[str, Any], line: SimulatedLine, minutes: float, states: Counter[str]) -> list[Figure]:
    """Return forecast and actual, side by side.

    :param states: deliveries that came to which state.
    """
    entries = [entry for entry in line.running.sandbox.log.entries() if entry.kind != "oauth2/token"]
    calls = Counter(entry.service for entry in entries)
    writes = sum(entry.service == "personio" and entry.path in WRITES and entry.method == "POST" for entry in entries)
    records, asked, quota = told["records"], told["calls"], told["quota"]
    left = Known(line.ledger, line.job, "").quota(DIVISION, None)
    return [
        Figure("records sent", records["to_send"], sum(states[state] for state in SENT)),
        *(
            Figure(f"records {word}", records[name], states[name], (told["margins"] or {}).get(name, 0))
            for name, word in (("rejected", "rejected"), ("skipped_by_rule", "skipped by a rule"))
        ),
        Figure("calls to Exact", asked["exact"]["total"], calls["exact"]),
        Figure("calls to Personio", asked["personio"]["total"], calls["personio"]),
        Figure("of them writes", asked["personio"]["create"], writes),
        Figure("minutes at the limits", told["minutes"]["total"], minutes, COMPUTING),
        Figure("calls left of Exact's day", quota["left_after"], left.left if left else 0),
    ]


def _states(line: SimulatedLine) -> Counter[str]:
    return Counter(line.ledger.deliveries.counts(line.job.stream, line.destination, line.job.position))


def _spans(scenario: Scenario, clock: Together) -> list[Span]:
    return spans_of(_day(*scenario.first), _day(*scenario.last), scenario.every, ZONE, clock.now())


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=ZONE).astimezone(UTC)


def main() -> int:
    """Measure every scenario and print both columns; return the exit status."""
    # What waits for a limit says so a thousand times.
    logging.disable(logging.WARNING)
    wrong = 0
    for scenario in SCENARIOS:
        began = time.perf_counter()
        found, said = measure(scenario)
        lines = [f"{scenario.name} ({scenario.destination})", *(f"    {line}" for line in said)]
        lines.append(f"    {'':28}{'forecast':>12}{'actual':>12}{'error':>10}")
        lines += [
            f"    {f.name:28}{f.forecast:>12.4g}{f.actual:>12.4g}{f.error:>9.1f} %" + ("" if f.right else "  too far")
            for f in found
        ]
        lines.append(f"    measured in {time.perf_counter() - began:.0f} s")
        sys.stdout.write("\n".join(lines) + "\n\n")
        sys.stdout.flush()
        wrong += sum(not figure.right for figure in found)
    sys.stdout.write(f"{wrong} figures are too far off.\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

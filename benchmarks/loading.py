"""Share of Personio's permitted rate used over a simulated hour: python -m benchmarks.loading [--scale small].

Every worker has its own connection to one ledger and its own HTTP client, and sends from the same outbox at the true
limit of twenty a minute. Time is simulated: a request takes 0.3 s of it, and it leaps while all workers sleep. In the
last scenario somebody else sends with the same credentials, and knows nothing of our ledger.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from benchmarks.recorded_pages import MEMORY
from benchmarks.results import Cell, Goal, Plot, Result, Table, publish, scale_asked, surroundings
from benchmarks.simulated_line import COMPANY, SimulatedLine
from benchmarks.simulated_time import SimulatedTime
from include.clients.personio import PersonioClient, PersonioConfig
from include.clients.personio_limits import limit_of
from include.errors import RateLimitedError
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from include.sync.destinations import delivery_for
from include.sync.load import Loader, LoadSettings
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import httpx

    from include.ledger import Ledger

PER_MINUTE = 20
MINUTES = {"small": 10, "full": 60}
STRANGER = 5
"""Requests per minute of somebody else."""
LATENCY = 0.3
PAUSE_AFTER, RETRY_AFTER = 20.0, 60.0
"""As the load's operator and the DAGs' retries have them; somebody else may use a limit up three times in a row."""
GOAL = 0.99
REFUSED = 429
PATH = "/v1/recruiting/applications"
MARK = "somebody"
"""In the URL of whoever is not us."""


@dataclass(frozen=True)
class Scenario:
    """Who sends."""

    name: str
    workers: int
    stranger: bool = False


SCENARIOS = (
    Scenario("1 worker", 1),
    Scenario("2 workers", 2),
    Scenario("8 workers", 8),
    Scenario(f"2 workers, and somebody else with {STRANGER} a minute", 2, stranger=True),
)


@dataclass
class Hour:
    """What the sandbox saw.

    :param answers: to us, by status.
    :param others: to somebody else.
    :param seconds: from the first of our requests to the last, of simulated time.
    :param share: of the permitted rate.
    :param real: seconds of the machine.
    """

    answers: Counter[int]
    others: Counter[int]
    seconds: float
    share: float
    real: float
    errors: list[str] = field(default_factory=list)


def taking_time(http: httpx.Client, clock: SimulatedTime) -> httpx.Client:
    """Let each request of a client take simulated time, half before it arrives and half after."""
    http.event_hooks = {
        "request": [lambda _: clock.sleep(LATENCY / 2)],
        "response": [lambda _: clock.sleep(LATENCY / 2)],
    }
    return http


def work(line: SimulatedLine, url: str, key: str, clock: SimulatedTime) -> None:
    """Send what is ready, as the load of one worker does."""
    config = PersonioConfig(
        base_url=line.running.url,
        company_id=COMPANY,
        recruiting_token=line.running.sandbox.settings.personio.recruiting_token,
    )
    with open_ledger(url, key, clock=clock.now) as ledger, build_http(base_url=line.running.url) as http:
        personio = PersonioClient(
            config,
            taking_time(http, clock),
            pacer=ledger.pacer,
            meter=ledger.meter("load"),
            sleep=clock.sleep,
            now=clock.now,
        )
        job, limit = line.live_job, limit_of(config, "recruiting")
        while True:
            loader = Loader(
                *(ledger, delivery_for(ledger, job, personio), job, "load"),
                settings=LoadSettings(pause_after=PAUSE_AFTER),
                next_slot=lambda: ledger.pacer.wait(limit.name, limit=limit.slots, seconds=limit.seconds),
                sleep=clock.sleep,
            )
            try:
                loader.run()
            except RateLimitedError:
                clock.sleep(RETRY_AFTER)
            else:
                return


def disturb(line: SimulatedLine, clock: SimulatedTime, minutes: int) -> None:
    """Send as somebody else does, who tries again a minute later when refused."""
    token = line.running.sandbox.settings.personio.recruiting_token
    headers = {"Authorization": f"Bearer {token}", "X-Company-ID": str(COMPANY)}
    with build_http(base_url=line.running.url) as http:
        # Longer than the load takes at what is left.
        for number in range(2 * minutes * STRANGER):
            person = {"first_name": "An", "last_name": "Der", "email": f"ander{number}@example.org"}
            http.post(PATH, params={MARK: 1}, json={**person, "job_position_id": 1002}, headers=headers)
            clock.sleep(60 / STRANGER)


def measure(scenario: Scenario, minutes: int, folder: str) -> Hour:
    """Load for so many minutes of simulated time."""
    clock, key, url = SimulatedTime(), Fernet.generate_key().decode(), f"sqlite:///{Path(folder, 'ledger.db')}"
    with ExitStack() as stack:
        running = stack.enter_context(RunningSandbox(clock=clock.exact_clock))
        ledger: Ledger = stack.enter_context(open_ledger(url, key, clock=clock.now))
        clock.expect(1)
        line = SimulatedLine(ledger, running, clock)
        with clock.working():
            line.fill(accounts=10, contacts=round(minutes * PER_MINUTE * 1.1))
            line.log_in()
            line.live("decide", load=False)
        running.sandbox.log.clear()
        jobs: list[Callable[[], None]] = [lambda: work(line, url, key, clock)] * scenario.workers
        if scenario.stranger:
            jobs.append(lambda: disturb(line, clock, minutes))
        return run(jobs, clock, running)


def run(jobs: list[Callable[[], None]], clock: SimulatedTime, running: RunningSandbox) -> Hour:
    """Run all jobs beside each other in simulated time."""
    errors: list[str] = []
    started = time.perf_counter()

    def guarded(job: Callable[[], None]) -> None:
        with clock.working():
            try:
                job()
            except Exception as error:  # noqa: BLE001 - told at the end
                errors.append(f"{type(error).__name__}: {error}")

    clock.expect(len(jobs))
    crowd = [Thread(target=guarded, args=(job,)) for job in jobs]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    sent = [entry for entry in running.sandbox.log.entries() if entry.path == PATH]
    ours = [entry for entry in sent if MARK not in entry.query]
    begun, last = min(entry.at for entry in ours), max(entry.at for entry in ours)
    others = [entry for entry in sent if MARK in entry.query and begun <= entry.at <= last]
    # What is refused for the limit does not count against it.
    counted = sorted(entry.at for entry in (*ours, *others) if entry.status != REFUSED)
    return Hour(
        Counter(entry.status for entry in ours),
        Counter(entry.status for entry in others),
        (last - begun).total_seconds(),
        share(counted),
        time.perf_counter() - started,
        errors,
    )


def share(counted: Sequence[datetime]) -> float:
    """Return how much of the limit was used, by whomever.

    The first window's requests may go at once; each later one waits for the one twenty before it.
    """
    windows = (len(counted) - 1) // PER_MINUTE
    return windows * 60 / (counted[windows * PER_MINUTE] - counted[0]).total_seconds()


def table(found: dict[str, Hour]) -> Table:
    """Return what came of each scenario."""
    rows: list[list[Cell]] = [
        [
            *(
                name,
                f"{hour.share:.1%}",
                hour.answers.total() - hour.answers[REFUSED],
                f"{hour.seconds / 60:.1f}",
                hour.answers[REFUSED],
            ),
            *(sum(hour.others.values()), hour.others[REFUSED], hour.real),
        ]
        for name, hour in found.items()
    ]
    columns = ["", "of the permitted rate", "sent by us", "simulated minutes", "429 to us", "sent by somebody else"]
    return Table("Applications at 20 a minute", [*columns, "429 to them", "real s"], rows)


def main(scale: str) -> int:
    """Measure every scenario."""
    logging.disable()
    about, found = surroundings(scale), {}
    for scenario in SCENARIOS:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            hour = measure(scenario, MINUTES[scale], folder)
        if hour.errors:
            raise SystemExit(f"{scenario.name}: {hour.errors[0]}")
        found[scenario.name] = hour
    alone = [found[scenario.name] for scenario in SCENARIOS if not scenario.stranger]
    least, refused = min(hour.share for hour in alone), sum(hour.answers[REFUSED] for hour in alone)
    goal = Goal(
        f"load at {GOAL:.0%} of the permitted rate, no 429, with 1, 2 and 8 workers",
        f"{least:.1%} at least, {refused} refused",
        least >= GOAL and not refused,
        f"{GOAL - least:.1%} too little, {refused} refused",
    )
    shares: dict[str, list[float | None]] = {
        "of the permitted rate": [100 * hour.share for hour in found.values()],
        "429 to us": [float(hour.answers[REFUSED]) for hour in found.values()],
    }
    plot = Plot("loading", "Loading, over a simulated hour", "bars", list(found), shares, "percent, and count")
    return publish(Result("loading", "Loading", tables=[table(found)], goals=[goal], plots=[plot], about=about))


if __name__ == "__main__":
    sys.exit(main(scale_asked(__doc__)))

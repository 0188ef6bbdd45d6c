"""Task processes die with SIGKILL, Airflow goes on: nobody is lost, nobody doubled, every state is explained.

Each story is a real DAG run: Airflow's scheduler, its supervisor, a process for every task. ``test_all_boundaries``
kills at every boundary there is; here a seed chooses, and all that lie around a request that creates are killed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from crash_oracle import CREATES
from crash_sweep import SEED, TASKS, Plan, boundaries
from crash_tracing import Boundary, Strike
from crash_world import Case

if TYPE_CHECKING:
    from crash_story import Machine, Told
    from crash_world import Destination

CASES = [
    Case("application", rights=True, seed=SEED),
    Case("application", rights=False, seed=SEED),
    Case("employee", rights=True, seed=SEED),
    Case("employee", rights=False, seed=SEED),
]
DEFERRED = "say DeferTask after"
RETRIES = 3
"""Deaths of one task that its run survives."""
IDLE_TASKS = {("plan", 2), ("extract", 2), ("commit", 2)}
"""What a second run goes through that finds nothing to do: task, and which of its processes."""


@pytest.fixture(scope="module")
def unkilled(machine: Machine) -> dict[Destination, Told]:
    """Tell a story of each line in which nobody dies."""
    return {case.destination: machine.story(case) for case in (CASES[0], CASES[2])}


@pytest.fixture(scope="module")
def found(unkilled: dict[Destination, Told]) -> dict[Destination, list[Boundary]]:
    """Return the boundaries of both lines."""
    return {destination: boundaries(told) for destination, told in unkilled.items()}


def test_every_request_is_a_boundary(unkilled: dict[Destination, Told]) -> None:
    """What the tracing sees is all there is: as many requests as the services saw, and each XCom."""
    told = unkilled["application"]
    sent = [boundary for boundary in told.trace if boundary.kind == "http"]
    said = {f"{one.task}.{one.label.split()[1]}" for one in told.trace if one.label.startswith("SetXCom ")}
    assert [one.side for one in sent] == ["before", "after"] * told.served
    assert said == set(told.runs[-1]["xcoms"])
    assert {boundary.task for boundary in told.trace} == set(TASKS)
    assert {"SucceedTask", "SetRenderedFields"} <= {one.label for one in told.trace if one.task == "commit"}
    written = {table for one in told.trace if one.kind == "commit" for table in one.label.split("+")}
    assert {"windows", "staged", "deliveries", "events", "watermarks", "tokens", "pacer_grants"} <= written


SOMETIMES = [pytest.param(case, marks=pytest.mark.soak) for case in CASES[1:3]]


@pytest.mark.parametrize("case", [CASES[0], *SOMETIMES, CASES[3]], ids=lambda case: case.name)
def test_every_task_dies_somewhere(machine: Machine, found: dict[Destination, list[Boundary]], case: Case) -> None:
    """Every task of one run is killed at a place of the seed's choice, the load three times; another run follows."""
    dice = random.Random(f"{SEED} {case.name}")  # noqa: S311 - a choice of places
    strikes = []
    for task in TASKS:
        here = [boundary.number for boundary in found[case.destination] if boundary.task == task]
        numbers = dice.sample(here, RETRIES if task == "load" else 1)
        strikes += [Strike(task, attempt, number) for attempt, number in enumerate(sorted(numbers), 1)]
    told = Plan(case, tuple(strikes), follow=case.rights).tell(machine)
    assert told.verdict.good, (SEED, told.verdict, [boundary.name for boundary in told.struck])
    assert {boundary.task for boundary in told.struck} == set(TASKS)


@pytest.fixture(scope="module")
def of_idle_run(machine: Machine) -> list[Boundary]:
    """Return the boundaries of a run that finds nothing to do, and spares three of its tasks."""
    told = machine.story(CASES[0], follow=True, idle=True)
    skipped = [{name for name, task in run["tasks"].items() if task["state"] == "skipped"} for run in told.runs]
    assert skipped == [set(), {"transform", "approve", "load"}, set()]
    return [boundary for boundary in boundaries(told) if (boundary.task, boundary.attempt) in IDLE_TASKS]


@pytest.mark.parametrize("share", ["some", pytest.param("all", marks=pytest.mark.soak)])
def test_run_that_spares_tasks_dies_anywhere(machine: Machine, of_idle_run: list[Boundary], share: str) -> None:
    """Whether it has said what it skips or not: the next run finds whoever is new."""
    dice = random.Random(f"{SEED} idle")  # noqa: S311 - a choice of places
    last = [one for one in of_idle_run if one.task == "extract" and one.kind == "say"]
    meant = of_idle_run if share == "all" else dice.sample(last, 1)
    for boundary in meant:
        strikes = [Strike(boundary.task, boundary.attempt, boundary.number)]
        told = machine.story(CASES[0], strikes, follow=True, idle=True)
        assert told.verdict.good, (boundary.name, told.verdict)
        assert [one.place for one in told.struck] == [boundary.place]


@pytest.mark.parametrize("part", [0, 2, *(pytest.param(part, marks=pytest.mark.soak) for part in (1, 3))])
def test_all_around_a_request_that_creates(
    machine: Machine, found: dict[Destination, list[Boundary]], part: int
) -> None:
    """From the claim to the outcome: each of these boundaries kills, three tries of a load in a row."""
    around = around_first_create(found["application"], CREATES["application"])
    assert len(around) <= 4 * RETRIES
    kill_in_a_row(machine, CASES[0], around[part::4])


def test_around_a_request_that_creates_an_employee(
    machine: Machine, found: dict[Destination, list[Boundary]]
) -> None:
    """Sent and not answered, answered and not noted, noted and not committed: a try of the load dies at each."""
    around = around_first_create(found["employee"], CREATES["employee"])
    sent = next(index for index, place in enumerate(around) if place.startswith("http POST /v1/company"))
    kill_in_a_row(machine, CASES[2], [around[sent], around[sent + 1], around[-2]])


def kill_in_a_row(machine: Machine, case: Case, places: list[str]) -> None:
    """Kill the first try of a load at the first place, the next one at the next."""
    told = Plan(case, tuple(Strike("load", attempt, at=place) for attempt, place in enumerate(places, 1))).tell(
        machine
    )
    assert told.verdict.good, (told.verdict, [boundary.name for boundary in told.struck])
    assert [boundary.place for boundary in told.struck] == places


def around_first_create(found: list[Boundary], path: str) -> list[str]:
    """Return the places from the claim of the first record to its outcome, as often as they come."""
    load = [boundary for boundary in found if boundary.task == "load"]
    request = next(i for i, one in enumerate(load) if one.place == f"http POST /{path} before")
    claim = max(i for i, one in enumerate(load[:request]) if one.place == "commit deliveries+events before")
    outcome = next(i for i, one in enumerate(load) if i > request and one.kind == "commit" and "events" in one.label)
    return [one.place for one in load[claim : outcome + 2]]


@pytest.mark.parametrize("side", ["before", pytest.param("after", marks=pytest.mark.soak)])
def test_process_that_was_only_thought_to_be_dead(machine: Machine, side: str) -> None:
    """It goes on with its request, or with the answer, when somebody else has settled the record."""
    strike = Strike("load", at=f"http POST /{CREATES['application']} {side}", action="freeze")
    told = Plan(Case(refuses=True, seed=SEED), (strike,)).tell(machine)
    assert told.verdict.good, told.verdict
    assert [boundary.place for boundary in told.struck] == [strike.at]


def test_retry_that_comes_early_waits_in_a_pause_and_dies_there(machine: Machine) -> None:
    """What the dead process had claimed is left alone until its lease ends, with no worker; then it is looked up."""
    strikes = (Strike("load", at=f"http POST /{CREATES['application']} after"), Strike("load", 2, at=DEFERRED))
    told = Plan(CASES[0], strikes, early=True).tell(machine)
    assert told.verdict.good, told.verdict
    assert [boundary.place for boundary in told.struck] == [strike.at for strike in strikes]

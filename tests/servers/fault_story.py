"""Plays a made-up story, and knows who must have arrived where at its end."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from fault_list import Troubles
from fault_runs import DELAYS, Run
from fault_scenes import AN_HOUR, states
from fault_script import STREAMS, Change, Go, Hire, Pass
from include.ledger.states import DONE, PENDING
from include.ledger.tables import deliveries
from include.sync.asked import Asked
from line import DIVISION

if TYPE_CHECKING:
    from datetime import datetime

    from fault_script import Script
    from fault_world import World

SPENT = "ledger.attempts.spent"
NO_ADDRESS = "exact.Email.missing"
SETTLING = 6
"""Live runs after which nothing may be left to be done, two hours apart; one comes in any case."""


@dataclass
class Person:
    """A contact at Exact, and the main contact of an account.

    :param versions: so many addresses they have had.
    :param ever: whether they were ever fit to be sent.
    """

    number: int
    contact: str
    account: str
    good: bool
    ever: bool
    versions: int = 1


@dataclass
class Figures:
    """What was done."""

    stories: int = 0
    runs: int = 0
    attempts: int = 0
    requests: int = 0
    records: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)


class Story:
    """Plays one story.

    :param world: of all streams.
    :param cv: a file that goes with every application.
    """

    def __init__(self, world: World, told: Script, figures: Figures, cv: str) -> None:
        world.begin()
        # Pauses between tries are uneven.
        random.seed(told.seed)
        self.world = world
        self.told = told
        self.figures = figures
        self.troubles = Troubles(world)
        self.people: dict[int, Person] = {}
        self.began = world.time()
        self.left: list[Run] = []
        files = {"files": [{"path": cv, "category": "cv"}]}
        self.streams: dict[str, World] = {}
        for name in told.streams:
            entity, destination, position = STREAMS[name]
            more = files if destination == "application" else {}
            self.streams[name] = world.stream(entity, destination, position=position or 1001, overrides=more)

    def play(self) -> None:
        """Play it to its end.

        :raises AssertionError: somebody is lost, doubled or unexplained.
        """
        world = self.world
        for act in self.told.acts:
            match act:
                case Hire():
                    self.hire(act)
                case Change():
                    self.change(act)
                case Pass():
                    world.time.sleep(act.seconds)
                case Go():
                    self.go(act)
        self.troubles.lift()
        self.settle()
        self.check()
        self.figures.stories += 1
        self.figures.requests += len(world.gate.trace)
        self.figures.records += len(self.people) * len(self.streams)

    # --- what happens ---

    def hire(self, act: Hire) -> None:
        exact = self.world.sandbox.sandbox.exact
        for number in act.numbers:
            good = number not in act.without
            account = str(exact.add_account(DIVISION, {"Name": f"Voorbeeld {number}"})["ID"])
            person = {"Account": account, "FirstName": "Sanne", "LastName": f"Proef{number}"}
            email = mail(number, 1) if good else ""
            contact = str(exact.add_contact(DIVISION, {**person, "Email": email})["ID"])
            exact.update(DIVISION, "Accounts", account, {"MainContact": contact})
            self.people[number] = Person(number, contact, account, good, good)

    def change(self, act: Change) -> None:
        person = list(self.people.values())[act.who % len(self.people)]
        if act.how == "address":
            person.versions += 1
        person.good = {"spoil": False, "mend": True}.get(act.how, person.good)
        person.ever = person.ever or person.good
        email = mail(person.number, person.versions) if person.good else ""
        self._update(person, {"Email": email, "Notes": f"note {person.versions} {act.how}"})

    def _update(self, person: Person, values: dict[str, Any]) -> None:
        exact = self.world.sandbox.sandbox.exact
        exact.update(DIVISION, "Contacts", person.contact, values)
        # The feed of accounts does not tell of a change of their contacts.
        exact.update(DIVISION, "Accounts", person.account, {"Remarks": values["Notes"]})

    def go(self, act: Go) -> None:
        stream = self.streams[act.stream]
        stream.pause_after = act.pause_after
        run = Run(stream, f"run{self.figures.runs}", self._asked(act))
        self.figures.runs += 1
        before = self.arrived()
        self.troubles.put(*(dataclasses.replace(trouble) for trouble in act.troubles))
        for delay in (0, *DELAYS)[: act.tries]:
            self.world.time.sleep(delay)
            self._attempt(run)
            if run.over or run.needs_person():
                break
        self.figures.faults.update(trouble.name for trouble in self.troubles.plan for _ in range(trouble.hits))
        self.troubles.lift()
        assert act.mode != "preview" or self.arrived() == before, "a preview has sent somebody"
        if not run.over:
            self.left.append(run)
            if run.needs_person():
                run.person_acts()
                run.error = None

    def _asked(self, act: Go) -> Asked:
        now = self.world.time()
        since = self.began + (now - self.began) * act.since
        if act.mode in {"window", "backfill"}:
            mode: Any = act.mode
            return Asked(mode=mode, created_from=since.replace(microsecond=0), created_to=self._end(act, now))
        asked = Asked(start_from="beginning", mode="replay" if act.mode == "replay" else "live")
        if act.mode == "preview":
            return dataclasses.replace(asked, preview=True)
        return dataclasses.replace(asked, max_records=1) if act.mode == "canary" else asked

    def _end(self, act: Go, now: datetime) -> datetime | None:
        return now.replace(microsecond=0) if act.mode == "backfill" else None

    def _attempt(self, run: Run) -> str:
        ended = run.attempt()
        self.figures.attempts += 1
        self.figures.ended[ended] += 1
        return ended

    # --- the end ---

    def settle(self) -> None:
        """Let everybody go on: who was left failed is cleared, and live runs come until nothing waits."""
        for run in self.left:
            ended = self._attempt(run)
            if not run.over:
                run.recover()
            self.figures.ended[f"cleared: {ended}"] += 1
        for number in range(SETTLING):
            if number and not any(states(self.world)[state] for state in PENDING):
                break
            self.world.time.sleep(2 * AN_HOUR)
            for name, stream in self.streams.items():
                run = Run(stream, f"settle{number}", Asked(start_from="beginning"))
                ended = self._attempt(run)
                if not run.over:
                    # A login that was lost with the last trouble: the first run finds out.
                    assert number == 0, f"{name}: {ended}"
                    run.recover()
                self._replay(stream)

    def _replay(self, stream: World) -> None:
        """Have sent what got no clear answer too often, as the log says."""
        job = stream.job
        for lane in (job.stream, job.stream.history()):
            if any(reason == SPENT for reason, _, _ in self.world.ledger.deliveries.rejections(lane)):
                position = stream.position if stream.destination == "application" else 0
                self.world.ledger.deliveries.replay(lane, stream.destination, position, run_id="cli")
                Run(stream, f"again{len(self.world.gate.trace)}", Asked(mode="replay")).attempt()

    def arrived(self) -> Counter[tuple[str, int]]:
        """Return how often each person is at Personio, by where: a position, or employee."""
        held = self.world.sandbox.sandbox.personio.contents()
        found = [(str(row["job_position_id"]), str(row["email"])) for row in held["applications"]]
        found += [("employee", str(row["email"])) for row in held["employees"]]
        return Counter((where, number_in(email)) for where, email in found)

    def check(self) -> None:
        """Nobody is lost, nobody doubled, and each record has one delivery that tells what became of it."""
        arrived = self.arrived()
        doubled = [one for one, count in arrived.items() if count > 1]
        assert doubled == [], f"doubled: {doubled}"
        for name, stream in self.streams.items():
            where = str(stream.position) if stream.destination == "application" else "employee"
            there = {number for place, number in arrived if place == where}
            lost = [one.number for one in self.people.values() if one.good and one.number not in there]
            assert lost == [], f"{name}: lost: {lost}"
            strangers = [number for number in there if not self.people[number].ever]
            assert strangers == [], f"{name}: never fit to be sent: {strangers}"
            self._explained(name, stream, there)

    def _explained(self, name: str, stream: World, there: set[int]) -> None:
        entity = stream.job.stream.entity
        query = select(deliveries.c.source_id, deliveries.c.state, deliveries.c.reason_code).where(
            deliveries.c.entity == entity,
            deliveries.c.destination == stream.destination,
            deliveries.c.job == stream.job.position,
        )
        with self.world.ledger._database.read() as connection:
            rows = list(connection.execute(query))
        ids = [row.source_id for row in rows]
        assert len(ids) == len(set(ids)), f"{name}: a record has two deliveries"
        told = {row.source_id: row for row in rows}
        for person in self.people.values():
            row = told.get(person.contact if entity == "Contacts" else person.account)
            assert row is not None, f"{name}: nothing is known of {person.number}"
            if person.number in there:
                assert row.state in DONE, f"{name}: {person.number} has arrived, and is {row.state} {row.reason_code}"
            else:
                assert (row.state, row.reason_code) == ("rejected", NO_ADDRESS), f"{name}: {person.number}: {row}"


def mail(number: int, version: int) -> str:
    return f"p{number}v{version}@example.org"


def number_in(email: str) -> int:
    return int(email[1:].partition("v")[0])

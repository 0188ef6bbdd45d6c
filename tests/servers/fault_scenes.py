"""Scenes that together make every kind of request that the line makes, each with what must be there at its end."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from fault_runs import Run
from include.ledger.tables import deliveries
from include.sync.asked import Asked
from line import DIVISION
from trouble import Killed

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from fault_world import World

APPLY, HIRE = "POST v1/recruiting/applications", "POST v1/company/employees"
AN_HOUR = 3600
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Scene:
    """What has happened before the run that meets the trouble, and what must be there afterwards.

    :param run: that meets the trouble; it has not begun.
    :param arrived: addresses at Personio, one per application or employee.
    :param states: of all deliveries, with how many are in each.
    :param shown: by a preview: what Personio has of the people that it would create.
    """

    world: World
    run: Run
    arrived: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    shown: Counter[str] = field(default_factory=Counter)

    def check(self) -> None:
        """Everybody has arrived once, nobody else has, and the ledger can explain each."""
        there = here(self.world)
        wrong = {"too often": there - self.arrived, "missing": self.arrived - there}
        assert there == self.arrived, f"not everybody has arrived once: {wrong}"
        assert states(self.world) == self.states, f"the ledger says something else: {states(self.world)}"
        assert shown(self.world, self.run) == self.shown, "the preview says something else"

    def settle(self) -> None:
        """Let the runs come that come anyway."""
        world = self.world
        for number in range(2):
            world.time.sleep(2 * AN_HOUR)
            later = self.run if self.run.asked.history else Run(world, f"{self.run.run_id}.{number}")
            if self.run.asked.history:
                # A person clears the load, as the log of its commit says.
                later.stage = 3
            ended = later.attempt()
            assert ended == "absorbed", ended


def here(world: World) -> Counter[str]:
    """Return the addresses that Personio truly holds."""
    what = "applications" if world.destination == "application" else "employees"
    return Counter(str(row["email"]) for row in world.sandbox.sandbox.personio.contents()[what])


def states(world: World) -> Counter[str]:
    """Return state -> how many deliveries are in it, whoever owns them."""
    with world.ledger._database.read() as connection:
        return Counter(connection.execute(select(deliveries.c.state)).scalars())


def shown(world: World, run: Run) -> Counter[str]:
    """Return what the run's preview says of Personio -> of how many people."""
    lines = world.ledger.previews.read(world.job.history().run_key(run.run_id))
    return Counter(re.sub(r"\d+", "1", line.existing) for line in lines)


def mail(number: int) -> str:
    return f"sanne{number}@example.org"


def hire(world: World, *numbers: int, **more: Any) -> list[str]:
    """Let people appear at Exact, each the main contact of an account of its own."""
    exact = world.sandbox.sandbox.exact
    made = []
    for number in numbers:
        account = exact.add_account(DIVISION, {"Name": f"Voorbeeld {number}"})
        person = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": mail(number)}
        row = exact.add_contact(DIVISION, {"Account": account["ID"], **person, **more})
        exact.update(DIVISION, "Accounts", account["ID"], {"MainContact": row["ID"]})
        made.append(str(row["ID"]))
    return made


def crowd(world: World) -> tuple[Counter[str], Counter[str]]:
    """Fill a company: one who was sent by a run that died, six who come, one of them known, one without address."""
    hire(world, 0)
    _die(world)
    hire(world, 1, 2, 3, 4, 5)
    hire(world, 6, Email="")
    _known(world, 5)
    arrived = Counter(mail(number) for number in range(6))
    return arrived, Counter(created=5, already_there=1, rejected=1)


def _die(world: World) -> None:
    """Let a run die when its first record has arrived, before it heard of it."""

    def die(kind: str, _response: httpx.Response) -> None:
        if kind in {APPLY, HIRE}:
            raise Killed

    world.gate.answered = die
    try:
        Run(world, "died", Asked(start_from="beginning")).attempt()
    except Killed:
        pass
    finally:
        world.gate.answered = lambda _kind, _response: None
    # Its lease has run out, and so has the token.
    world.time.sleep(AN_HOUR)


def _known(world: World, number: int) -> None:
    """Let Personio know somebody already."""
    personio = world.sandbox.sandbox.personio
    if world.destination == "application":
        body = {"email": mail(number), "job_position_id": world.position}
        personio.add_application({"first_name": "Sanne", "last_name": "Proef", **body}, {"type": "system", "id": "x"})
    else:
        personio.add_person(mail(number), "Sanne", "Proef", {})


def live(world: World) -> Scene:
    arrived, states = crowd(world)
    return Scene(world, Run(world, "r1", Asked(start_from="beginning")), arrived, states)


def window(world: World) -> Scene:
    """Fill a company whose live stream has not begun, and ask for all of its past."""
    hire(world, *range(6))
    hire(world, 6, Email="")
    _known(world, 5)
    world.time.sleep(AN_HOUR)
    run = Run(world, "w1", Asked(mode="window", created_from=LONG_AGO))
    return Scene(world, run, Counter(map(mail, range(6))), Counter(created=5, already_there=1, rejected=1))


def first(world: World) -> Scene:
    """Begin with what is new, where a proxy takes the time out of Exact's answers; then somebody comes."""
    sandbox = world.sandbox.sandbox
    # To look for the newest row version among small ones takes a few calls, among usual ones fifty.
    sandbox.settings.exact.rowversion_start = 100
    sandbox.reset()
    hire(world, 0, 1, 2, 3, Created=datetime(2020, 1, 1))  # noqa: DTZ001 - the site's clock
    world.log_in()
    world.time.sleep(AN_HOUR)

    def cut(_kind: str, response: httpx.Response) -> None:
        response.headers.pop("Date", None)

    world.gate.answered = cut
    return Scene(world, Run(world, "r1", Asked(start_from="now")))


def changed(world: World) -> Scene:
    """Change the record that was read last, so that a run has to find out whether the division was moved."""
    made = hire(world, 0, 1, 2)
    Run(world, "r0", Asked(start_from="beginning")).attempt()
    world.time.sleep(AN_HOUR)
    world.sandbox.sandbox.exact.update(DIVISION, "Contacts", made[-1], {"Notes": "changed"})
    hire(world, 3)
    return Scene(world, Run(world, "r1"), Counter(map(mail, range(4))), Counter(created=4))


def preview(world: World) -> Scene:
    """Show what a run would do; nothing is done."""
    hire(world, *range(5))
    _known(world, 4)
    world.time.sleep(AN_HOUR)
    run = Run(world, "p1", Asked(mode="window", created_from=LONG_AGO, preview=True))
    known = Counter({"nothing at Personio": 4, "application 1 for this position": 1})
    return Scene(world, run, Counter([mail(4)]), shown=known)


def matches(world: World) -> Scene:
    """Look for the employees that are the same people, in a list of several pages."""
    hire(world, *range(6))
    for number in range(0, 6, 2):
        _known(world, number)
    for number in range(150):
        world.sandbox.sandbox.personio.add_person(f"other{number}@example.org", "Andere", "Proef", {})
    world.time.sleep(AN_HOUR)
    others = [f"other{number}@example.org" for number in range(150)]
    arrived = Counter([*map(mail, range(0, 6, 2)), *others])
    run = Run(world, "r1", Asked(start_from="beginning"))
    return Scene(world, run, arrived, Counter(matched=3, unmatched=3))


SCENES: dict[str, tuple[Any, Any, Callable[[World], Scene]]] = {
    "contacts to applications": ("Contacts", "application", live),
    "contacts to employees": ("Contacts", "employee", live),
    "accounts to applications": ("Accounts", "application", live),
    "window of contacts": ("Contacts", "application", window),
    "window of accounts": ("Accounts", "employee", window),
    "first run": ("Contacts", "application", first),
    "last record changed": ("Contacts", "application", changed),
    "preview": ("Contacts", "application", preview),
    "matches": ("Contacts", "employee_match", matches),
}


def scene(world: World, name: str, cv: str) -> Scene:
    """Set a scene in an empty world.

    :param cv: path of a file that goes with every application.
    """
    entity, destination, setting = SCENES[name]
    world.begin()
    files = {"files": [{"path": cv, "category": "cv"}]} if destination == "application" else {}
    return setting(world.stream(entity, destination, overrides=files))

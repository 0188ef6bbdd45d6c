"""Stories made up at random: what happens at Exact, which runs come, and what goes wrong meanwhile; all as data."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fault_list import FAULTS, LASTING, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

STREAMS: dict[str, tuple[Any, Any, int]] = {
    "contacts to applications": ("Contacts", "application", 1001),
    "contacts to employees": ("Contacts", "employee", 0),
    "accounts to applications": ("Accounts", "application", 1002),
    "accounts to employees": ("Accounts", "employee", 0),
}
CASTS = (
    ("contacts to applications",),
    ("contacts to employees",),
    ("accounts to employees",),
    ("accounts to applications", "contacts to applications"),
    ("contacts to applications", "contacts to employees"),
    ("contacts to applications", "contacts to employees", "accounts to applications"),
    ("contacts to applications", "accounts to employees"),
)
"""Streams of one story: two that make employees of the same people would find each other's."""
KINDS = (
    *("*", "*", "*", "GET *", "POST *", "POST *", "* oauth2/token", "GET sync/*", "GET crm/*", "GET crm/*/$count"),
    *("GET system/Divisions", "POST v1/recruiting/*", "POST v1/recruiting/applications"),
    *("POST v1/recruiting/applications/documents", "POST v1/auth", "POST v2/auth/token", "GET v2/*"),
    *("* v1/company/employees", "POST v1/company/employees"),
)
MODES = ("live",) * 5 + ("window",) * 2 + ("backfill",) * 2 + ("preview", "canary", "replay")
CHANGES = ("note", "note", "address", "spoil", "mend", "mend")


@dataclass(frozen=True)
class Hire:
    """People appear, some without an address."""

    numbers: tuple[int, ...]
    without: tuple[int, ...]


@dataclass(frozen=True)
class Change:
    """Somebody's record is changed; ``who`` is taken among all."""

    who: int
    how: str


@dataclass(frozen=True)
class Pass:
    """Time passes."""

    seconds: float


@dataclass(frozen=True)
class Go:
    """A run comes.

    :param since: of a window: when it begins, as a share of the story's time so far.
    :param troubles: from its beginning on.
    :param tries: that it has before the troubles are over; if it fails in all of them, it is left failed.
    :param pause_after: as the operator would set it.
    """

    stream: str
    mode: str
    since: float
    troubles: tuple[Trouble, ...]
    tries: int
    pause_after: float | None


Act = Hire | Change | Pass | Go


@dataclass(frozen=True)
class Script:
    """One story.

    :param seed: that it was made from.
    """

    seed: int
    streams: tuple[str, ...]
    acts: tuple[Act, ...]

    def without(self, number: int) -> Script:
        """Return the story without one of its acts."""
        return dataclasses.replace(self, acts=self.acts[:number] + self.acts[number + 1 :])

    def easier(self) -> list[Script]:
        """Return stories with one act, or one trouble, less."""
        found = [self.without(number) for number in range(len(self.acts))]
        for number, act in enumerate(self.acts):
            for left in range(len(act.troubles) if isinstance(act, Go) else 0):
                assert isinstance(act, Go)
                less = dataclasses.replace(act, troubles=act.troubles[:left] + act.troubles[left + 1 :])
                found.append(dataclasses.replace(self, acts=(*self.acts[:number], less, *self.acts[number + 1 :])))
        return found

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: {', '.join(self.streams)}"]
        return "\n  ".join([*lines, *map(str, self.acts)])


def script(random: Random, seed: int) -> Script:
    """Make a story up."""
    streams = random.choice(CASTS)
    acts: list[Act] = [_hire(random, 1, random.randint(2, 7))]
    number = len(acts[0].numbers) + 1  # type: ignore[union-attr]
    for _ in range(random.randint(6, 14)):
        roll = random.random()
        if roll < 0.25:
            acts.append(_hire(random, number, random.randint(1, 4)))
            number += len(acts[-1].numbers)  # type: ignore[union-attr]
        elif roll < 0.45:
            acts.append(Change(random.randint(0, 30), random.choice(CHANGES)))
        acts.append(Pass(round(math.exp(random.uniform(math.log(5), math.log(2 * 86_400))))))
        acts.append(_go(random, streams))
    return Script(seed, streams, tuple(acts))


def _hire(random: Random, first: int, count: int) -> Hire:
    numbers = tuple(range(first, first + count))
    return Hire(numbers, tuple(number for number in numbers if random.random() < 0.15))


def _go(random: Random, streams: tuple[str, ...]) -> Go:
    troubles = tuple(_trouble(random) for _ in range(random.choice((0, 1, 2, 3, 4, 5, 6))))
    return Go(
        stream=random.choice(streams),
        mode=random.choice(MODES),
        since=random.random() if random.random() < 0.5 else 0.0,
        troubles=troubles,
        tries=random.randint(1, 4),
        pause_after=random.choice((None, 20.0)),
    )


def _trouble(random: Random) -> Trouble:
    name = random.choice(tuple(FAULTS))
    times = 1 if name in LASTING else random.choice((1, 1, 1, 2, 3, 5, None))
    return Trouble(name, random.choice(KINDS), after=random.choice((0, 0, 1, 2, 3, 5, 8)), times=times)


def shortened(told: Script, fails: Callable[[Script], bool], most: int = 60) -> Script:
    """Return a story with fewer acts and troubles that still goes wrong.

    :param fails: plays one.
    :param most: tries; what is left then may be longer than need be.
    """
    tries = 0
    while True:
        for easier in told.easier():
            if tries == most:
                return told
            tries += 1
            if fails(easier):
                told = easier
                break
        else:
            return told

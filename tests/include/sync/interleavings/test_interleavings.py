"""Whatever is run in whatever order, killed, cleared or replayed: the same people arrive, once each.

``EXACT_PERSONIO_EXAMPLES=2000`` looks longer, and at other stories every time.
"""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from account_story import AccountStory
from machine import Machine

if TYPE_CHECKING:
    from world import World

EXAMPLES = os.environ.get("EXACT_PERSONIO_EXAMPLES", "")


def budget(examples: int) -> settings:
    return settings(
        max_examples=int(EXAMPLES or examples),
        stateful_step_count=14,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def test_contacts(world: World) -> None:
    run_state_machine_as_test(type("Contacts", (Machine,), {"world": world}), settings=budget(40))


def test_accounts(world: World) -> None:
    """The same of accounts, whose applicant is another record that changes without the account."""
    accounts = dataclasses.replace(world, entity="Accounts")
    kind = type("Accounts", (Machine,), {"world": accounts, "kind": AccountStory})
    run_state_machine_as_test(kind, settings=budget(12))

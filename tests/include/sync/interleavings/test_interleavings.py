"""Whatever is run in whatever order, killed, cleared or replayed: the same people arrive, once each.

``EXACT_PERSONIO_EXAMPLES=2000`` looks longer, and at other stories every time.
"""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

from account_story import AccountStory
from include.sync.asked import Asked
from stories import PAST, Happening, Player, tell

if TYPE_CHECKING:
    from world import World

EXAMPLES = os.environ.get("EXACT_PERSONIO_EXAMPLES", "")


def budget(examples: int) -> settings:
    return settings(
        max_examples=int(EXAMPLES or examples),
        derandomize=not EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def test_contacts(world: World) -> None:
    tell(world, budget(10))


def test_accounts(world: World) -> None:
    """The same of accounts, whose applicant is another record that changes without the account."""
    accounts = dataclasses.replace(world, entity="Accounts")
    tell(accounts, budget(4), AccountStory)


ALL = Asked(mode="backfill")
BEGUN = Happening("company", {"start_from": "beginning", "people": [("no_email", 0, PAST[1])], "live": "begun"})
CORRECTED = Happening("change", {"who": 0, "content": "good"})


def test_account_that_a_backfill_has_looked_at_is_looked_at_again(world: World) -> None:
    """Once went wrong: the backfill's decision took the account out of what live runs look at again."""
    accounts = dataclasses.replace(world, entity="Accounts")
    Player(accounts, AccountStory).play(BEGUN, Happening("run", {"asked": ALL}), CORRECTED)

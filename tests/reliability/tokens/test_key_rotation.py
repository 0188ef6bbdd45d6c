"""The ledger's key changes while processes load and renew, and whoever brings it over is killed again and again."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet

import token_figures
from include.errors import ConfigurationError
from include.ledger import open_ledger
from token_loads import BATCH, address, rotate, work
from token_race import run, started

if TYPE_CHECKING:
    from token_race import Company

SEED = os.environ.get("EXACT_PERSONIO_SEED", "1")


def rotated_under_way(
    company: Company, *, loads: int, kills: int, chance: random.Random
) -> tuple[list[list[str]], int]:
    """Rotate while tasks with both orders of the keys load and renew.

    :returns: what each load has sent, and how often the token was raced for.
    """
    new, old = Fernet.generate_key().decode(), company.key
    orders = [f"{new},{old}", f"{old},{new}"]
    with started(work, [(company.url, orders[number % 2], number) for number in range(loads)]) as loading:
        for _ in range(kills):
            with started(rotate, [(company.url, orders[0])]) as (rotating,):
                time.sleep(chance.random() * 0.5)
                rotating.kill()
            told = run([company.wanting(key=order) for order in orders * 2])
            assert [one.text for one in told if one.code] == []
            company.pass_time(601)
        with started(rotate, [(company.url, orders[0])]) as (rotating,):
            assert rotating.heard()["lost"] == 0
        for load in loading:
            load.go()
        sent = [list(load.heard()) for load in loading]
    # All have the new key in front now, so that nothing comes under the old one any more.
    with started(rotate, [(company.url, orders[0])]) as (rotating,):
        assert rotating.heard() == {"left": 0, "lost": 0}
    told = run([company.wanting(key=new)])
    assert [one.text for one in told if one.code] == []
    nothing_lost(company.url, new, sent)
    return sent, kills + 1


def nothing_lost(url: str, key: str, sent: list[list[str]]) -> None:
    """Check with the new key alone that every record was sent once and is found by its address.

    :raises AssertionError: it is not so.
    """
    with open_ledger(url, key) as ledger:
        for number, ids in enumerate(sent):
            assert len(ids) == len(set(ids)) >= BATCH
            assert ledger.deliveries.claim(4242, "application", number, run_id="late") is None
            for one in ids:
                assert [result.result for result in ledger.deliveries.results(one)] == [{"of": one}]
                states = [event.to_state for event in ledger.deliveries.history_of_email(address(one))]
                assert states[-1] == "created"
                assert states.count("created") == 1


def test_key_rotated_beside_tasks(small_company: Company) -> None:
    sent, races = rotated_under_way(small_company, loads=2, kills=1, chance=random.Random(SEED))  # noqa: S311 - moments, not secrets
    assert small_company.judged().renewed == races
    assert small_company.judged().all_errors == 0
    assert len(sent) == 2


@pytest.mark.soak
def test_key_rotated_again_and_again(company: Company, backend: str) -> None:
    """Twelve kills, with loads of both orders of the keys."""
    chance = random.Random(f"{SEED} {backend}")  # noqa: S311 - moments, not secrets
    sent, races = rotated_under_way(company, loads=4, kills=12, chance=chance)
    judged = company.judged()
    assert (judged.renewed, judged.all_errors) == (races, 0), f"EXACT_PERSONIO_SEED={SEED}"
    token_figures.add(
        f"key rotated on {backend}",
        processes=4 + 4 * 12 + 15,
        rotations=14,
        kills=12,
        refreshes=judged.renewed,
        records=sum(map(len, sent)),
        errors=0,
    )


def test_old_key_removed_while_tasks_run(small_company: Company) -> None:
    """The tasks that lack it end at once with one sentence, send nothing to Exact, and go on once it is back."""
    new, old = Fernet.generate_key().decode(), small_company.key
    with pytest.raises(ConfigurationError, match="rotate-keys"):
        open_ledger(small_company.url, new)
    told = run([small_company.wanting(key=f"{new},{old}")])
    assert [one.code for one in told] == [""]
    # The new link is under the new key: who has only the old one cannot read it, and asks Exact nothing.
    told = run(small_company.crowd(3))
    assert {one.code for one in told} == {"settings.EXACT_PERSONIO_LEDGER_KEY.wrong"}
    small_company.pass_time(601)
    told = run(small_company.crowd(3))
    assert {one.code for one in told} == {"settings.EXACT_PERSONIO_LEDGER_KEY.wrong"}
    told = run([small_company.wanting(key=f"{old},{new}")])
    assert [one.code for one in told] == [""]
    assert (small_company.judged().renewed, small_company.judged().all_errors) == (2, 0)

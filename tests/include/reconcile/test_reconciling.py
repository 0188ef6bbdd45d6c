"""A run as a whole: what has ended because its part is gone, and what was not looked at at all."""

from __future__ import annotations

from typing import Any

import pytest

from include.ledger.reconciliations import Check
from include.ledger.tables import deliveries, staged
from include.reconcile.alerts import alerts, told
from include.reconcile.reconciling import DEPTHS
from reconciled import Town, found, parts

UNSENT = "124132/Contacts/undecided/0/0"
SENT = "124132/Contacts/application/4242/1001"
ELSEWHERE = "99999/Contacts/application/4242/1001"
LOST, MISSING, UNREAD = "ledger.decision.missing", "personio.application.missing", "exact.record.unread"


def hear(town: Town) -> list[tuple[str, str]]:
    news = alerts(town.ledger)
    told(town.ledger, news)
    return [(one.part, one.verdict) for one in news]


def standing(town: Town) -> set[tuple[str, str]]:
    return {(check.part, check.kind) for check, _ in town.ledger.reconciliations.standing()}


def found_before(town: Town, part: str, *kinds: str) -> None:
    """Have found differences in a part that there is no more."""
    report: dict[str, Any] = {"run": "before", "depth": "exact", "verdict": "difference", "parts": []}
    checks = [Check(part, kind, 1, ("a",), "exact-personio trace a") for kind in kinds]
    town.ledger.reconciliations.keep(report, town.ledger.balances.now(), checks)


def test_stream_that_has_got_its_position_ends_what_was_found_without_one(either_town: Town) -> None:
    """Its only delivery was lost, so nobody could tell where it went; the next run decides it again."""
    town = either_town
    town.hire(1)
    town.run("r1")
    town.remove(deliveries)
    town.later()
    assert LOST in found(town.reconcile("ledger"))
    assert (UNSENT, "difference") in hear(town)
    town.run("r2")
    town.later()
    assert [part["name"] for part in parts(town.reconcile("ledger"), "stream")] == [SENT]
    assert (UNSENT, LOST) not in standing(town)
    assert (UNSENT, "ok") in hear(town)
    town.reconcile("ledger")
    assert hear(town) == []


@pytest.mark.parametrize(
    ("depth", "left"), [("ledger", (MISSING, UNREAD)), ("personio", (UNREAD,)), ("exact", ())], ids=DEPTHS
)
def test_only_as_far_as_was_looked(town: Town, depth: str, left: tuple[str, ...]) -> None:
    found_before(town, ELSEWHERE, LOST, MISSING, UNREAD)
    town.hire(1)
    town.run("r1")
    town.later()
    town.reconcile(depth)
    assert standing(town) == {(ELSEWHERE, kind) for kind in left}


def test_one_division_ends_nothing_of_the_others(town: Town) -> None:
    found_before(town, ELSEWHERE, LOST, MISSING)
    town.hire(1)
    town.run("r1")
    town.later()
    town.reconcile(division=town.division)
    assert standing(town) == {(ELSEWHERE, LOST), (ELSEWHERE, MISSING)}


def test_what_another_run_has_found_meanwhile_stays(town: Town) -> None:
    """Two runs at a time: the first has not seen the stream that the second one found."""
    began = town.ledger.balances.now()
    town.later()
    found_before(town, ELSEWHERE, LOST)
    report: dict[str, Any] = {"run": "slow", "depth": "ledger", "verdict": "ok", "parts": []}
    town.ledger.reconciliations.keep(report, began, [], everywhere=("ledger",))
    assert standing(town) == {(ELSEWHERE, LOST)}
    town.later()
    town.reconcile("ledger")
    assert standing(town) == set()


@pytest.mark.parametrize("depth", ["personio", "exact"])
def test_empty_ledger_proves_nothing_of_our_channel(town: Town, depth: str) -> None:
    """As after a ledger was lost: at Personio is what it sent, and nothing here knows of it."""
    found_before(town, "personio/application/4242", "personio.application.unknown")
    report = town.reconcile(depth, channel="501")
    assert report["verdict"] == "unproven"
    [said] = parts(report, "ledger")[0]["not_proven"]
    assert said["reason_code"] == "reconcile.ledger.empty"
    assert "restore the ledger from its backup" in said["way_out"]
    assert len(standing(town)) == 1, "what could not be looked at has not ended"


@pytest.mark.parametrize(("depth", "channel"), [("ledger", "501"), ("personio", ""), ("exact", "")])
def test_empty_ledger_of_a_new_installation_agrees(town: Town, depth: str, channel: str) -> None:
    assert town.reconcile(depth, channel=channel)["verdict"] == "ok"


def test_ledger_that_has_sent_something_is_compared(town: Town) -> None:
    town.hire(1)
    town.start("r1", overrides={"recruiting_channel_id": 501}, start_from="beginning").go()
    town.later()
    assert town.reconcile(channel="501")["verdict"] == "ok"
    # A company that nothing was ever sent for has nothing to prove.
    said = parts(town.reconcile(channel="501", division=99999), "ledger")[0]["not_proven"]
    assert "nothing that was sent from division 99999" in said[0]["what"]
    town.remove(deliveries)
    town.remove(staged)
    assert parts(town.reconcile(channel="501"), "ledger")[0]["not_proven"]

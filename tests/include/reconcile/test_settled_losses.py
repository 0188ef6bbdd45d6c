"""Losses that a person has settled: accepted, or to be sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from include.errors import ConfigurationError
from include.ledger.reconciliations import EVERYWHERE
from include.reconcile.settling import accept, send_again
from reconciled import at_personio, found, parts

if TYPE_CHECKING:
    from reconciled import Town

MISSING = "personio.application.missing"


def test_accepted_loss_is_counted_and_told_no_more(town: Town) -> None:
    ids = town.deliver(3)
    town.reconcile()
    town.lose(ids[0])
    finding = parts(town.reconcile(), "stream")[0]["findings"][0]
    assert finding["details"][0].startswith("was application ")
    accept(town.ledger, f"{{{ids[0].upper()}}}", by="test")
    report = town.reconcile()
    assert report["verdict"] == "ok"
    assert at_personio(report)["accepted"] == 1
    with pytest.raises(ConfigurationError, match="No difference"):
        accept(town.ledger, ids[1], by="test")


def test_accepted_loss_stays_so_whatever_else_becomes_of_the_record(town: Town) -> None:
    """A newer version at Exact, retention and an id that is noted for another one are no delivery."""
    ids = town.deliver(2)
    town.reconcile()
    town.lose(ids[0])
    town.reconcile()
    accept(town.ledger, ids[0], by="test")
    town.later()
    town.sandbox.sandbox.exact.update(town.division, "Contacts", ids[0], {"City": "Delft"})
    town.run("r2")
    town.ledger.retention.purge(town.clock())
    report = town.reconcile()
    assert (report["verdict"], at_personio(report)["accepted"]) == ("ok", 1), report


def test_what_is_delivered_again_and_lost_again_is_another_loss(either_town: Town) -> None:
    town = either_town
    ids = town.deliver(3)
    town.lose(ids[1])
    town.reconcile()
    send_again(town.ledger, ids[1], by="test")
    accept(town.ledger, ids[1], by="test")
    town.run("r2")
    town.later()
    assert at_personio(town.reconcile())["proven"] == 3
    town.lose(ids[1])
    assert found(town.reconcile()) == {MISSING: [ids[1]]}
    # Accepted anew, from now.
    accept(town.ledger, ids[1], by="test")
    assert at_personio(town.reconcile())["accepted"] == 1


def test_accepted_is_what_was_found_there_or_everywhere(either_town: Town) -> None:
    """Of the same record elsewhere nobody has said anything; before parts were kept it was said of all."""
    town = either_town
    ids = town.deliver(2)
    town.lose(ids[0])
    town.ledger.reconciliations.accept([("124132/Contacts/application/4242/1002", MISSING)], ids[0], "test")
    assert found(town.reconcile()) == {MISSING: [ids[0]]}
    town.ledger.reconciliations.accept([(EVERYWHERE, MISSING)], ids[0], "test")
    assert at_personio(town.reconcile())["accepted"] == 1


@pytest.mark.parametrize("there", [False, True], ids=["absent", "there-after-all"])
def test_lost_record_is_sent_again_only_if_it_is_absent(town: Town, there: bool) -> None:
    ids = town.deliver(3)
    town.lose(ids[2])
    town.reconcile()
    if there:
        town.apply_by_hand("sanne2@example.org")
    assert "looks for it" in send_again(town.ledger, ids[2], by="test")
    with pytest.raises(ConfigurationError):
        send_again(town.ledger, ids[0], by="test")
    town.run("r2")
    assert sorted(one.body["email"] for one in town.applications()) == [f"sanne{n}@example.org" for n in range(3)]
    assert town.states() == {"created": 3}
    town.later()
    assert town.reconcile()["verdict"] == "ok"

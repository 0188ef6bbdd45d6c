"""What is at Personio and was not sent from here, or twice: doubles, strangers, and what came through our channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.ledger.tables import deliveries
from reconciled import at_personio, found, parts

if TYPE_CHECKING:
    from reconciled import Town

DOUBLE = "personio.application.double"


def test_same_person_twice_for_one_job_is_a_double(either_town: Town) -> None:
    """Another position is none, nor is another address."""
    town = either_town
    ids = town.deliver(4)
    first = town.application_of(ids[3])
    other = town.apply_by_hand("Sanne3@Example.org")
    town.apply_by_hand("sanne0@example.org", job_position_id=1002)
    report = town.reconcile()
    assert found(report) == {DOUBLE: [ids[3]]}
    finding = parts(report, "stream")[0]["findings"][0]
    assert {str(first.id), str(other.id)} <= set(finding["details"][0].split())
    town.delete_application(other)
    assert town.reconcile()["verdict"] == "ok"


def test_replaced_application_is_no_double(town: Town) -> None:
    """They applied once more by themselves after a recruiter had deleted the first one."""
    ids = town.deliver(2)
    town.reconcile()
    town.lose(ids[0])
    new = town.apply_by_hand("sanne0@example.org")
    assert town.reconcile()["verdict"] == "ok"
    assert town.remote_ids()[ids[0]] == str(new.id)


def test_strangers_are_information(town: Town) -> None:
    town.deliver(2)
    stranger = town.apply_by_hand("zelf@example.org")
    town.apply_by_hand("elders@example.org", job_position_id=1002)
    report = town.reconcile()
    assert report["verdict"] == "ok"
    assert found(report, "information") == {"personio.application.stranger": [str(stranger.id)]}
    assert "example.org" not in str(report)


def test_our_own_channel_tells_what_is_ours_with_certainty(either_town: Town) -> None:
    """An application through it that the ledger does not know is a difference; others stay strangers."""
    town = either_town
    ids = town.deliver(3, recruiting_channel_id=501)
    stranger = town.apply_by_hand("zelf@example.org", recruiting_channel_id=502)
    assert town.reconcile(channel="501")["verdict"] == "ok"
    lost = str(town.application_of(ids[0]).id)
    town.remove(deliveries, source_id=ids[0])
    report = town.reconcile(channel="501")
    assert found(report)["personio.application.unknown"] == [lost]
    assert found(report, "information")["personio.application.stranger"] == [str(stranger.id)]
    assert parts(report, "personio")[0]["counts"]["by_us"] == 1


def test_a_position_that_the_ledger_lost_altogether_is_missed(town: Town) -> None:
    """Through our channel, for a position of which no delivery is left."""
    ids = town.deliver(2, recruiting_channel_id=501)
    other = town.apply_by_hand("zelf@example.org", recruiting_channel_id=501, job_position_id=1002)
    report = town.reconcile(channel="501")
    assert found(report)["personio.application.unknown"] == [str(other.id)]
    assert len(ids) == 2


def test_what_retention_blanked_is_no_unknown(town: Town) -> None:
    """Through our channel, and the ledger has forgotten the address: nobody can tell any more."""
    town.hire(2)
    town.start("r1", overrides={"recruiting_channel_id": 501}, start_from="beginning").go()
    town.ledger.retention.purge(town.clock())
    town.later()
    report = town.reconcile(channel="501")
    assert report["verdict"] != "difference", report
    assert at_personio(report)["blanked"] == 2

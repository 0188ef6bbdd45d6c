"""Personio's side: losses, doubles and strangers are each named; what cannot be read is said, not assumed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from include.errors import ConfigurationError, ServiceUnavailableError
from include.ledger.reconciliations import EVERYWHERE
from include.ledger.tables import deliveries
from include.reconcile.settling import accept, send_again
from include.sandbox.faults import Fault
from reconciled import Town, found, parts

if TYPE_CHECKING:
    from collections.abc import Mapping

MISSING, DOUBLE = "personio.application.missing", "personio.application.double"
LIST = ("personio", "v2/recruiting/applications", 200)


def at_personio(report: Mapping[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = parts(dict(report), "stream")[0]["counts"]["at_personio"]
    return counts


def remote_ids(town: Town) -> dict[str, str | None]:
    query = select(deliveries.c.source_id, deliveries.c.remote_id)
    with town.ledger._database.read() as connection:
        return {row.source_id: row.remote_id for row in connection.execute(query)}


def test_all_is_there_in_one_pass_of_the_list(either_town: Town) -> None:
    """A list, no call per record; afterwards the ledger knows each by its id."""
    town = either_town
    ids = town.hire(7)
    again = town.hire(1, first=3)  # the same address once more: Personio refuses it, and has it
    town.run("r1")
    town.later()
    report = town.reconcile()
    assert report["verdict"] == "ok", report
    assert at_personio(report)["proven"] == 8
    assert town.ledger.calls("reconcile/1") == {("personio", "v2/auth/token", 200): 1, LIST: 1}
    assert report["calls"] == {"exact": 0, "personio": 2}
    there = {source_id: str(town.application_of(source_id).id) for source_id in ids + again}
    assert remote_ids(town) == there
    assert len(set(there.values())) == 7


def test_deleted_application_is_named_with_what_to_do(either_town: Town) -> None:
    town = either_town
    ids = town.hire(5)
    town.run("r1")
    town.later()
    gone = town.application_of(ids[1])
    town.delete_application(gone)
    report = town.reconcile()
    assert report["verdict"] == "difference"
    assert found(report) == {MISSING: [ids[1]]}
    counts = at_personio(report)
    assert (counts["proven"], counts["missing"]) == (4, 1)
    finding = parts(report, "stream")[0]["findings"][0]
    assert finding["details"] == ["never seen"]
    assert f"exact-personio trace {ids[1]}" in finding["way_out"]
    assert f"exact-personio reconcile --send-again {ids[1]}" in finding["way_out"]


def test_accepted_loss_is_counted_and_told_no_more(town: Town) -> None:
    ids = town.hire(3)
    town.run("r1")
    town.later()
    town.reconcile()
    town.delete_application(town.application_of(ids[0]))
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
    ids = town.hire(2)
    town.run("r1")
    town.later()
    town.reconcile()
    town.delete_application(town.application_of(ids[0]))
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
    ids = town.hire(3)
    town.run("r1")
    town.later()
    town.delete_application(town.application_of(ids[1]))
    town.reconcile()
    send_again(town.ledger, ids[1], by="test")
    accept(town.ledger, ids[1], by="test")
    town.run("r2")
    town.later()
    assert at_personio(town.reconcile())["proven"] == 3
    town.delete_application(town.application_of(ids[1]))
    assert found(town.reconcile()) == {MISSING: [ids[1]]}
    # Accepted anew, from now.
    accept(town.ledger, ids[1], by="test")
    assert at_personio(town.reconcile())["accepted"] == 1


def test_accepted_is_what_was_found_there_or_everywhere(either_town: Town) -> None:
    """Of the same record elsewhere nobody has said anything; before parts were kept it was said of all."""
    town = either_town
    ids = town.hire(2)
    town.run("r1")
    town.later()
    town.delete_application(town.application_of(ids[0]))
    town.ledger.reconciliations.accept([("124132/Contacts/application/4242/1002", MISSING)], ids[0], "test")
    assert found(town.reconcile()) == {MISSING: [ids[0]]}
    town.ledger.reconciliations.accept([(EVERYWHERE, MISSING)], ids[0], "test")
    assert at_personio(town.reconcile())["accepted"] == 1


@pytest.mark.parametrize("there", [False, True], ids=["absent", "there-after-all"])
def test_lost_record_is_sent_again_only_if_it_is_absent(town: Town, there: bool) -> None:
    ids = town.hire(3)
    town.run("r1")
    town.later()
    town.delete_application(town.application_of(ids[2]))
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


def test_same_person_twice_for_one_job_is_a_double(either_town: Town) -> None:
    """Another position is none, nor is another address."""
    town = either_town
    ids = town.hire(4)
    town.run("r1")
    town.later()
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
    ids = town.hire(2)
    town.run("r1")
    town.later()
    town.reconcile()
    town.delete_application(town.application_of(ids[0]))
    new = town.apply_by_hand("sanne0@example.org")
    assert town.reconcile()["verdict"] == "ok"
    assert remote_ids(town)[ids[0]] == str(new.id)


def test_strangers_are_information(town: Town) -> None:
    town.hire(2)
    town.run("r1")
    town.later()
    stranger = town.apply_by_hand("zelf@example.org")
    town.apply_by_hand("elders@example.org", job_position_id=1002)
    report = town.reconcile()
    assert report["verdict"] == "ok"
    assert found(report, "information") == {"personio.application.stranger": [str(stranger.id)]}
    assert "example.org" not in str(report)


def test_our_own_channel_tells_what_is_ours_with_certainty(either_town: Town) -> None:
    """An application through it that the ledger does not know is a difference; others stay strangers."""
    town = either_town
    ids = town.hire(3)
    town.start("r1", overrides={"recruiting_channel_id": 501}, start_from="beginning").go()
    town.later()
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
    ids = town.hire(2)
    town.start("r1", overrides={"recruiting_channel_id": 501}, start_from="beginning").go()
    town.later()
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


def test_what_was_seen_once_is_proven_after_retention(town: Town) -> None:
    """By its id, whatever happened to the address here or there."""
    ids = town.hire(3)
    town.run("r1")
    town.later()
    town.reconcile()
    town.ledger.retention.purge(town.clock())
    changed = town.application_of_id(remote_ids(town)[ids[0]])
    town.sandbox.sandbox.personio.candidates[changed.candidate_id].email = "nieuw@example.org"
    assert at_personio(town.reconcile())["proven"] == 3
    town.delete_application(changed)
    assert found(town.reconcile()) == {MISSING: [ids[0]]}


def test_employees_are_found_by_their_ids(either_town: Town) -> None:
    """A hundred a call; whoever else works there is nobody's difference."""
    town = either_town
    town.destination = "employee"
    state = town.sandbox.sandbox.personio
    for number in range(120):
        state.add_person(f"staff{number}@example.org", "Ans", "Staf", {"status": "active"})
    ids = town.hire(4)
    town.run("r1")
    town.later()
    report = town.reconcile()
    assert report["verdict"] == "ok"
    assert at_personio(report)["proven"] == 4
    assert town.ledger.calls("reconcile/1")[("personio", "v1/company/employees", 200)] == 2
    state.remove_person(state.people[int(str(remote_ids(town)[ids[2]]))])
    state.add_person("sanne0@example.org", "Sanne", "Proef0", {"status": "active"})
    assert found(town.reconcile()) == {
        "personio.employee.missing": [ids[2]],
        "personio.employee.double": [ids[0]],
    }


def test_without_the_right_it_says_what_is_not_proven(town: Town) -> None:
    town.hire(3)
    town.run("r1")
    town.later()
    town.sandbox.sandbox.settings.personio.v2_scopes = ["personio:persons:read"]
    report = town.reconcile()
    assert report["verdict"] == "unproven"
    stream, side = parts(report, "stream")[0], parts(report, "personio")[0]
    assert stream["counts"]["difference"] == 0
    assert "at_personio" not in stream["counts"]
    assert "Whether 3 applications are at Personio, once each, is not proven" in side["not_proven"][0]["what"]
    assert side["not_proven"][0]["reason_code"] == "personio.scope.missing"
    assert "Grant it" in side["not_proven"][0]["way_out"]


def test_a_difference_stays_open_while_nobody_can_look(town: Town) -> None:
    """What could not be looked at is neither mended nor new."""
    ids = town.hire(2)
    town.run("r1")
    town.later()
    town.delete_application(town.application_of(ids[0]))
    town.reconcile()
    town.sandbox.sandbox.settings.personio.v2_scopes = ["personio:persons:read"]
    town.reconcile()
    assert [check.kind for check, _ in town.ledger.reconciliations.standing()] == [MISSING]


def test_other_company_is_not_proven(town: Town) -> None:
    town.hire(1)
    town.run("r1")
    with town.ledger._database.write() as connection:
        connection.execute(deliveries.update().values(company=7))
    town.later()
    assert parts(town.reconcile(), "personio")[0]["not_proven"][0]["reason_code"] == "personio.company_id.other"


def test_half_a_list_proves_nothing(town: Town) -> None:
    """An outage in the middle keeps no report and opens no difference."""
    town.hire(3)
    town.run("r1")
    town.later()
    town.sandbox.sandbox.faults.add(Fault("status", match="GET v2/recruiting/applications", times=None, status=500))
    with pytest.raises(ServiceUnavailableError):
        town.reconcile()
    assert town.ledger.reconciliations.latest() is None
    assert town.ledger.reconciliations.standing() == []


def test_what_was_sent_just_now_is_not_missed(town: Town) -> None:
    """Personio's list lags; a recent application that it does not show proves nothing."""
    town.sandbox.sandbox.settings.personio.recruiting_lag_seconds = 3600
    town.hire(2)
    town.run("r1")
    report = town.reconcile()
    assert report["verdict"] == "ok"
    assert at_personio(report)["too_recent"] == 2
    town.later()
    assert at_personio(town.reconcile())["missing"] == 2


def test_no_person_is_in_the_report_or_in_the_log(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ids = town.hire(3)
    town.run("r1")
    town.later()
    town.delete_application(town.application_of(ids[0]))
    town.apply_by_hand("sanne1@example.org")
    caplog.clear()
    report = town.reconcile("exact", channel="501")
    assert report["verdict"] == "difference"
    for text in (str(report), caplog.text):
        assert not any(word in text for word in ("example.org", "Sanne", "Proef"))

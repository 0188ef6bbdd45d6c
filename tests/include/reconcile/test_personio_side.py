"""Personio's side: what is there is proven in one pass, what is not is named, and nobody is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from reconciled import at_personio, found, parts

if TYPE_CHECKING:
    import pytest

    from reconciled import Town

MISSING = "personio.application.missing"
LIST = ("personio", "v2/recruiting/applications", 200)


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
    assert town.remote_ids() == there
    assert len(set(there.values())) == 7


def test_deleted_application_is_named_with_what_to_do(either_town: Town) -> None:
    town = either_town
    ids = town.deliver(5)
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


def test_what_was_seen_once_is_proven_after_retention(town: Town) -> None:
    """By its id, whatever happened to the address here or there."""
    ids = town.deliver(3)
    town.reconcile()
    town.ledger.retention.purge(town.clock())
    changed = town.application_of_id(town.remote_ids()[ids[0]])
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
    ids = town.deliver(4)
    report = town.reconcile()
    assert report["verdict"] == "ok"
    assert at_personio(report)["proven"] == 4
    assert town.ledger.calls("reconcile/1")[("personio", "v1/company/employees", 200)] == 2
    state.remove_person(state.people[int(str(town.remote_ids()[ids[2]]))])
    state.add_person("sanne0@example.org", "Sanne", "Proef0", {"status": "active"})
    assert found(town.reconcile()) == {
        "personio.employee.missing": [ids[2]],
        "personio.employee.double": [ids[0]],
    }


def test_no_person_is_in_the_report_or_in_the_log(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ids = town.deliver(3)
    town.lose(ids[0])
    town.apply_by_hand("sanne1@example.org")
    caplog.clear()
    report = town.reconcile("exact", channel="501")
    assert report["verdict"] == "difference"
    for text in (str(report), caplog.text):
        assert not any(word in text for word in ("example.org", "Sanne", "Proef"))

"""What a preview showed comes back as it was, sealed in between, until its time is over."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from include.ledger import previews
from include.ledger.previews import Preview

if TYPE_CHECKING:
    import pytest

    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

RUN, OTHER = "exact_contacts_to_personio_applications/manual__1", "exact_contacts_to_personio_applications/manual__2"


def shown(number: int, **changes: object) -> Preview:
    made = Preview(
        source_id=f"{number:036d}",
        outcome="ready",
        reason_code="",
        field="",
        action="create",
        existing="",
        payload={"first_name": "Zebulon", "phones": ["1", "2"], "nested": {"n": number}},
        email="zebulon@example.org",
        trace={"first_name": "FirstName"},
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def refused(number: int) -> Preview:
    changes = {"outcome": "rejected", "reason_code": "exact.Email.missing", "field": "email", "action": "nothing"}
    return shown(number, **changes, payload=None, email=None, trace={})


def test_previews_come_back_as_they_were(ledger: Ledger) -> None:
    """By record, of the run alone, and narrowed."""
    rows = [shown(3), refused(1), shown(2, action="send_again", existing="in doubt")]
    ledger.previews.replace(RUN, rows)
    ledger.previews.replace(OTHER, [shown(9)])
    assert ledger.previews.read(RUN) == [refused(1), rows[2], shown(3)]
    assert ledger.previews.read(RUN, offset=1, limit=1) == [rows[2]]
    assert ledger.previews.read(RUN, action="nothing") == [refused(1)]
    assert ledger.previews.read(RUN, source_id=shown(3).source_id) == [shown(3)]
    assert ledger.previews.read(RUN, source_id=shown(9).source_id) == []
    assert ledger.previews.counts(RUN) == {
        ("create", ""): 1,
        ("nothing", "exact.Email.missing"): 1,
        ("send_again", ""): 1,
    }
    assert ledger.previews.read("unknown") == []


def test_replacing_forgets_and_adding_does_not(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the borders of slices; whoever repeats either ends with the same."""
    monkeypatch.setattr(previews, "SLICE", 3)
    for _ in range(2):
        ledger.previews.replace(RUN, [shown(n) for n in range(7)])
        ledger.previews.add(RUN, [shown(6, existing="created by us"), shown(7)])
    assert [one.source_id for one in ledger.previews.read(RUN)] == [shown(n).source_id for n in range(8)]
    assert ledger.previews.read(RUN, offset=6, limit=1)[0].existing == "created by us"
    ledger.previews.replace(RUN, [])
    assert ledger.previews.read(RUN) == []


def test_what_exists_is_added_later(ledger: Ledger) -> None:
    """Only to records that the run has shown; everything else of them stays."""
    ledger.previews.replace(RUN, [shown(1), shown(2)])
    ledger.previews.note_existing(RUN, {shown(2).source_id: "application 7", shown(5).source_id: "employee 8"})
    assert ledger.previews.read(RUN) == [shown(1), shown(2, existing="application 7")]
    ledger.previews.note_existing(RUN, {})


def test_runs_are_listed_newest_first(ledger: Ledger, clock: Clock) -> None:
    assert ledger.previews.runs(5) == []
    ledger.previews.replace(RUN, [shown(1), shown(2)])
    first = clock.at
    clock.advance(60)
    ledger.previews.replace(OTHER, [shown(1)])
    assert ledger.previews.runs(5) == [(OTHER, clock.at, 1), (RUN, first, 2)]
    assert ledger.previews.runs(1) == [(OTHER, clock.at, 1)]


def test_nothing_of_the_person_is_readable(ledger: Ledger) -> None:
    """Neither in the database nor in a repr."""
    ledger.previews.replace(RUN, [shown(1)])
    with ledger._database.read() as connection:
        text = repr(connection.exec_driver_sql("SELECT * FROM ledger_previews").all())
    for readable in (text, repr(ledger.previews.read(RUN))):
        assert "ebulon" not in readable


def test_previews_go_when_their_time_is_over(ledger: Ledger, clock: Clock) -> None:
    """They are about people, so no later than the retention says."""
    ledger.previews.replace(RUN, [shown(1)])
    clock.advance(86_400)
    ledger.previews.replace(OTHER, [shown(1)])
    assert ledger.retention.purge(clock.at)["previews"] == 1
    assert [run for run, _, _ in ledger.previews.runs(5)] == [OTHER]

"""Every record is on one page of a list, newest first, whatever narrows it; and no list reads the whole ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from include.ledger import record_list
from include.ledger.narrowing import Narrowing
from include.ledger.replays import Selection
from include.ledger.states import REMAPPABLE
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.ledger.record_list import Listed
    from tests.include.ledger.conftest import Clock

A = StreamKey("dag_a", 124132, "Contacts")
B = StreamKey("dag_b", 124133, "Accounts")
OWN = ("source", "remote", "email")
"""Indexes that lead to a record, not to all of a stream or state."""
REASONS = ("exact.Email.missing", "exact.Rare.bad", "rule.other")


def guid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-00000000abcd"


def decision(number: int) -> Decision:
    if number % 3 == 0:
        return Decision(guid(number), 1, "rejected", REASONS[number % 2], "Email", email=f"p{number}@example.org")
    if number % 3 == 1:
        return Decision(guid(number), 1, "skipped_by_rule", REASONS[number % 2 * 2])
    payload = {"first_name": ("Sanne", "Noor")[number % 2], "last_name": f"Number{number}"}
    return Decision(guid(number), 1, "ready", payload=payload, email=f"p{number}@example.org")


def fill(ledger: Ledger, clock: Clock, count: int = 60, sent: int = 3) -> None:
    """Put in records of four lanes; several share a moment."""
    lanes = [(A, "application"), (A.history(), "application"), (B, "employee"), (B, "employee_match")]
    for number in range(count):
        stream, destination = lanes[number % 4]
        run = f"dag/run{number // 20}"
        asked: Any = {"selected_for": run} if stream.is_history else {}
        ledger.deliveries.decide(stream, destination, 1001, 4242, [decision(number)], run, **asked)  # type: ignore[arg-type]
        if number % 5 == 0:
            clock.advance(3600)
    for number in range(sent):
        claim = ledger.deliveries.claim(4242, "application", 1001, run_id="dag/load")
        assert claim is not None
        ledger.deliveries.settle(claim, "created", remote_id=f"9{number}")


def walked(ledger: Ledger, asked: Narrowing, limit: int = 7) -> list[Listed]:
    found, after = [], None
    while True:
        page = ledger.records.page(asked, after=after, limit=limit)
        assert len(page.rows) <= limit
        found += page.rows
        if page.older is None:
            return found
        after = page.older


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at few at a time, so that a short list needs several looks."""
    monkeypatch.setattr(record_list, "LOOKED", 8)
    monkeypatch.setattr(record_list, "RANGES", 3)


def narrowings(ledger: Ledger, clock: Clock) -> dict[str, tuple[Narrowing, Callable[[Listed], bool]]]:
    """Return what can be asked, each with what fits it as a plain question on a row."""
    day = clock.at - timedelta(hours=6)
    digest, noor = ledger.records.email_digest("P2@example.org "), ledger.records.name_digests("noor")
    both = ledger.records.name_digests("NUMBER5 Nóór")
    email = [number for number in range(60) if number % 3 == 2]
    return {
        "all": (Narrowing(), lambda _: True),
        "state": (Narrowing(states=("rejected",)), lambda row: row.state == "rejected"),
        "states": (Narrowing(states=("ready", "created")), lambda row: row.state in {"ready", "created"}),
        "dag": (Narrowing(dag_id="dag_a"), lambda row: row.dag_id == "dag_a"),
        "stream": (
            Narrowing(dag_id="dag_b", division=124133, entity="Accounts", destination="employee"),
            lambda row: (row.dag_id, row.destination) == ("dag_b", "employee"),
        ),
        "rejected for": (Narrowing(reason_code=REASONS[1]), lambda row: row.reason_code == REASONS[1]),
        "skipped for": (
            Narrowing(reason_code="rule.other", states=("skipped_by_rule",)),
            lambda row: row.reason_code == "rule.other",
        ),
        "reason of both": (
            Narrowing(reason_code=REASONS[0], states=("rejected", "skipped_by_rule")),
            lambda row: row.reason_code == REASONS[0],
        ),
        "since": (Narrowing(since=day), lambda row: row.updated_at >= day),
        "until": (Narrowing(until=day, states=("ready",)), lambda row: row.updated_at < day and row.state == "ready"),
        "run": (Narrowing(run="dag/run1"), lambda row: 20 <= int(row.source_id[:8], 16) < 40),
        "run and state": (
            Narrowing(run="dag/run1", states=("rejected",), dags=frozenset({"dag_b"})),
            lambda row: 20 <= int(row.source_id[:8], 16) < 40 and row.state == "rejected" and row.dag_id == "dag_b",
        ),
        "id": (Narrowing(id=guid(17)), lambda row: row.source_id == guid(17)),
        "start of an id": (Narrowing(id="0000001A"), lambda row: row.source_id == guid(26)),
        "id at Personio": (Narrowing(id="91"), lambda row: row.remote_id == "91"),
        "address": (Narrowing(email=digest), lambda row: row.source_id == guid(2)),
        "name": (
            Narrowing(names=noor),
            lambda row: int(row.source_id[:8], 16) in email and int(row.source_id[:8], 16) % 2 == 1,
        ),
        "whole name": (Narrowing(names=both), lambda row: row.source_id == guid(5)),
        "name and run": (
            Narrowing(names=noor, run="dag/run2"),
            lambda row: int(row.source_id[:8], 16) in {41, 47, 53, 59},
        ),
        "dags": (Narrowing(dags=frozenset({"dag_b"})), lambda row: row.dag_id == "dag_b"),
        "no dag": (Narrowing(dags=frozenset()), lambda _: False),
    }  # fmt: skip


@pytest.mark.parametrize("looks", ["one look", "many looks"])
def test_all_that_fits_is_on_one_page_newest_first(
    ledger: Ledger, clock: Clock, looks: str, request: pytest.FixtureRequest
) -> None:
    fill(ledger, clock)
    everything = {row.id: row for row in walked(ledger, Narrowing(), limit=1000)}
    assert len(everything) == 60
    if looks == "many looks":
        request.getfixturevalue("few")
    for name, (asked, fits) in narrowings(ledger, clock).items():
        found = walked(ledger, asked)
        expected = {number for number, row in everything.items() if fits(row)}
        assert {row.id for row in found} == expected, name
        assert len(found) == len(expected), name
        by_number = bool(asked.candidates())
        order = [row.id if by_number else (row.updated_at, row.id) for row in found]
        assert order == sorted(order, reverse=True), name
        # Whoever acts on what is listed means the same.
        assert expected or name == "no dag"


def test_acting_means_what_is_listed(ledger: Ledger, clock: Clock) -> None:
    fill(ledger, clock)
    for name, (asked, _) in narrowings(ledger, clock).items():
        waiting = [row for row in walked(ledger, asked) if row.state in {"ready", "retry", "rejected"}]
        assert sum(ledger.deliveries.skippable(asked).values()) == len(waiting), name


def test_whoever_replays_or_erases_means_what_is_listed(ledger: Ledger, clock: Clock) -> None:
    """Each record once, however many deliveries it has, and no more than is wanted."""
    fill(ledger, clock)
    match = StreamKey("dag_a", 124132, "Contacts")
    for number in range(0, 60, 6):
        ledger.deliveries.decide(match, "employee", None, None, [decision(number)], "dag/run9")
    for name, (asked, _) in narrowings(ledger, clock).items():
        rows = walked(ledger, asked)
        records = {(row.division, row.entity, row.source_id) for row in rows}
        assert ledger.records.sources(asked, most=100) == sorted(records), name
        some = ledger.records.sources(asked, most=2)
        assert len(some) == len(set(some)) == min(len(records), 3), name
        assert set(some) <= records, name
        fits = [row for row in rows if row.state in REMAPPABLE]
        selection = Selection(narrowing=asked, states=REMAPPABLE)
        told = {
            (one.dag_id, one.division, one.entity, one.destination) for one in ledger.deliveries.replayable(selection)
        }
        assert told == {(row.dag_id, row.division, row.entity, row.destination) for row in fits}, name
        assert sum(one.count for one in ledger.deliveries.replayable(selection)) == len(fits), name
        waiting = sum(ledger.deliveries.skippable(asked).values())
        for most in (0, 2, 100):
            bounded = sum(one.count for one in ledger.deliveries.replayable(selection, most=most))
            assert bounded == len(fits) if len(fits) <= most else bounded > most, (name, most)
            bounded = sum(ledger.deliveries.skippable(asked, most=most).values())
            assert bounded == waiting if waiting <= most else bounded > most, (name, most)


def test_a_replay_marks_what_it_was_said_to_hold(ledger: Ledger, clock: Clock) -> None:
    """Of a reason that has rejected something, what it has rejected: so does the list that it was started from."""
    fill(ledger, clock)
    for name, (asked, _) in narrowings(ledger, clock).items():
        selection = Selection(narrowing=asked, states=REMAPPABLE)
        held = sum(one.count for one in ledger.deliveries.replayable(selection))
        assert ledger.deliveries.replay_all(selection, run_id="r") == held, name
        assert sum(one.marked for one in ledger.deliveries.replayable(selection)) >= held, name


def test_lanes_are_all_there_are(ledger: Ledger, clock: Clock) -> None:
    assert ledger.records.lanes() == []
    fill(ledger, clock)
    states = ("ready", "rejected", "skipped_by_rule")
    lanes = set(product([("dag_a", 124132, "Contacts", "application")], states))
    found = {(row[:4], row[4]) for row in ledger.records.lanes()}
    assert lanes <= found
    assert {row[0] for row in ledger.records.lanes()} == {"dag_a", "dag_a/history", "dag_b"}
    with ledger._database.read() as connection:
        query = "SELECT DISTINCT dag_id, division, entity, destination, state FROM ledger_deliveries"
        assert set(ledger.records.lanes()) == {tuple(row) for row in connection.exec_driver_sql(query)}


def test_content_only_for_whoever_asks(ledger: Ledger, clock: Clock) -> None:
    fill(ledger, clock, 8, sent=1)
    assert not any(row.payload for row in ledger.records.page(Narrowing()).rows)
    shown = ledger.records.page(Narrowing(), with_content=True).rows
    assert [row.payload["last_name"] for row in shown if row.payload] == ["Number5", "Number2"]
    assert "Number5" not in repr(shown)


def test_no_list_reads_the_whole_ledger(sqlite_ledger: Ledger, clock: Clock, plans: Any) -> None:
    """The first statement leaps over lanes; its first leap takes the index's first entry."""
    fill(sqlite_ledger, clock)
    for name, (asked, _) in narrowings(sqlite_ledger, clock).items():
        told = plans(lambda asked=asked: sqlite_ledger.records.page(asked))
        assert len(told) <= 5, name
        steps = [step for plan in told.values() for step in plan if "SCAN" in step]
        known = ("SCAN walk", "SCAN anon", "SCAN (", "SCAN start USING COVERING INDEX ix_ledger_deliveries_")
        assert [step for step in steps if not step.startswith(known)] == [], name


def test_one_record_is_found_by_its_own_index(sqlite_ledger: Ledger, clock: Clock, plans: Any) -> None:
    """SQLite has no statistics: it must not be offered all of a DAG or all of a state instead."""
    fill(sqlite_ledger, clock)
    ledger, dags = sqlite_ledger, frozenset({"dag_a"})
    digests = ledger.records.name_digests("Noor Number5")
    asked = {
        "id": Narrowing(id=guid(17)),
        "id of a stream": Narrowing(id=guid(17), dag_id="dag_a", division=124132, entity="Contacts"),
        "start of an id": Narrowing(id="0000001A", states=("rejected", "ready")),
        "address": Narrowing(email=ledger.records.email_digest("p2@example.org"), states=("ready",)),
        "name": Narrowing(names=digests, states=("ready",)),
        "run": Narrowing(run="dag/run1", states=("rejected",)),
        "id and run": Narrowing(id=guid(17), run="dag/run0", email=ledger.records.email_digest("p2@example.org")),
    }
    many = [(124132, "Contacts", guid(number)) for number in range(9)]
    for name, narrowing in asked.items():
        mine = replace(narrowing, dags=dags)
        selection = Selection(narrowing=mine, states=REMAPPABLE)
        work = {
            "page": lambda mine=mine: ledger.records.page(mine),
            "sources": lambda mine=mine: ledger.records.sources(mine, most=1),
            "replayable": lambda selection=selection: ledger.deliveries.replayable(selection),
            "replay": lambda selection=selection: ledger.deliveries.replay_all(selection, run_id="r"),
            "named": lambda: ledger.deliveries.replayable(Selection(sources=many, dag_id="dag_a")),
            "skippable": lambda mine=mine: ledger.deliveries.skippable(mine),
            "skip": lambda mine=mine: ledger.deliveries.set_aside(mine, run_id="r"),
        }
        for question, ask in work.items():
            steps = [step for plan in plans(ask).values() for step in plan if "ledger_deliveries" in step]
            by = ("INTEGER PRIMARY KEY (rowid", *(f"INDEX ix_ledger_deliveries_{each} (" for each in OWN))
            assert steps, (name, question)
            assert [step for step in steps if not any(each in step for each in by)] == [], (name, question)


def test_acts_on_many_walk_the_states_of_lanes_and_stop(sqlite_ledger: Ledger, clock: Clock, plans: Any) -> None:
    """Neither sorted nor sorted out, so that the search ends where more is found than is wanted."""
    fill(sqlite_ledger, clock)
    ledger, dags = sqlite_ledger, frozenset({"dag_a", "dag_b"})
    day = clock.at - timedelta(hours=6)
    first = "SCAN start USING COVERING INDEX ix_ledger_deliveries_"
    touched, refused = (f"ix_ledger_deliveries_{name} (" for name in ("touched", "refused"))
    lane = "dag_id=? AND division=? AND entity=? AND destination=?"
    for asked in (
        Narrowing(),
        Narrowing(since=day),
        Narrowing(states=("rejected",)),
        Narrowing(reason_code=REASONS[0]),
    ):
        mine = replace(asked, dags=dags)
        selection = Selection(narrowing=mine, states=REMAPPABLE)
        for ask in (
            lambda mine=mine: ledger.records.sources(mine, most=5),
            lambda selection=selection: ledger.deliveries.replayable(selection, most=5),
            lambda mine=mine: ledger.deliveries.skippable(mine, most=5),
        ):
            for statement, plan in plans(ask).items():
                assert not [step for step in plan if "DISTINCT" in step or "ORDER BY" in step], statement
                scans = [step for step in plan if step.startswith("SCAN ") and "ledger_deliveries" in step]
                assert [step for step in scans if not step.startswith(first)] == [], statement
                walks = [step for step in plan if step.startswith("SEARCH ledger_deliveries ")]
                narrow = [f"{touched}{lane} AND state=?", f"{refused}reason_code=? AND field=? AND {lane}"]
                assert [step for step in walks if not any(each in step for each in narrow)] == [], statement

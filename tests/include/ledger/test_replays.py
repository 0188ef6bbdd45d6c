"""Replays over all streams: one command for any number of records, told in their stories, safe to repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from include.ledger import replays
from include.ledger.replays import Selection
from include.ledger.states import REMAPPABLE
from include.ledger.still_marked import StillMarked
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from include.errors import ExactPersonioError
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any
CONTACTS = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
ACCOUNTS = StreamKey("exact_accounts_to_personio_employees", 555, "Accounts")


@pytest.fixture
def two_streams(ledger: Ledger, rejected: Make, ready: Make) -> Ledger:
    """Seven rejected contacts and a ready one; two accounts of another division, one of them skipped."""
    desk = ledger.deliveries
    contacts = [rejected(n) for n in range(7)] + [ready(7)]
    desk.decide(CONTACTS, "application", 1001, 4242, contacts, "contacts/r1", fingerprint="m")
    skipped = Decision(rejected(1).source_id, 1, "skipped_by_rule", "rule.Created.not_new")
    desk.decide(ACCOUNTS, "employee", None, None, [rejected(0), skipped], "accounts/r1", fingerprint="m")
    return ledger


def by_dag(ledger: Ledger, selection: Selection) -> dict[str, tuple[int, int]]:
    return {one.dag_id: (one.count, one.marked) for one in ledger.deliveries.replayable(selection)}


def test_all_streams_of_a_reason_are_one_command(two_streams: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """In slices smaller than what there is; each record has its line; a second command finds nothing to do."""
    monkeypatch.setattr(replays, "SLICE", 3)
    reason = Selection(reason_code="exact.Email.missing")
    assert by_dag(two_streams, reason) == {CONTACTS.dag_id: (7, 0), ACCOUNTS.dag_id: (1, 0)}
    assert two_streams.deliveries.replay_all(reason, run_id="cli") == 8
    assert by_dag(two_streams, reason) == {CONTACTS.dag_id: (0, 7), ACCOUNTS.dag_id: (0, 1)}
    assert two_streams.deliveries.replay_all(reason, run_id="cli") == 0
    with two_streams._database.read() as connection:
        told = connection.exec_driver_sql("SELECT count(*) FROM ledger_events WHERE kind = 'replayed'").scalar_one()
    assert told == 8


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ({}, 9),
        ({"states": ("rejected",)}, 8),
        ({"run_id": "accounts/r1"}, 2),
        ({"dag_id": CONTACTS.dag_id}, 7),
        ({"run_id": "accounts/r1", "reason_code": "rule.Created.not_new"}, 1),
        ({"run_id": "contacts/r1", "reason_code": "rule.Created.not_new"}, 0),
        ({"sources": []}, 0),
    ],
)
def test_every_narrowing_counts(two_streams: Ledger, narrowed: dict[str, Any], expected: int) -> None:
    assert two_streams.deliveries.replay_all(Selection(**narrowed), run_id="cli") == expected


def test_both_lanes_of_a_dag_are_found_by_its_name(two_streams: Ledger, rejected: Make) -> None:
    """Told apart, because no live run decides what the other lane holds."""
    desk = two_streams.deliveries
    desk.decide(CONTACTS.history(), "application", 1001, 4242, [rejected(11), rejected(12)], "contacts/r2")
    found = desk.replayable(Selection(dag_id=CONTACTS.dag_id))
    assert [(one.dag_id, one.count, one.history) for one in found] == [
        (CONTACTS.dag_id, 7, False),
        (CONTACTS.dag_id, 2, True),
    ]
    assert desk.replay_all(Selection(dag_id=CONTACTS.dag_id), run_id="cli") == 9


def test_destination_and_time_narrow(two_streams: Ledger, rejected: Make, clock: Clock) -> None:
    """Half-open: what was touched at that moment or later."""
    clock.advance(60)
    two_streams.deliveries.decide(CONTACTS, "application", 1001, 4242, [rejected(20)], "contacts/r2")
    counted = {
        "employee": Selection(destination="employee"),
        "since": Selection(since=clock.at),
        "both": Selection(destination="employee", since=clock.at),
    }
    found = {
        name: sum(one.count for one in two_streams.deliveries.replayable(each)) for name, each in counted.items()
    }
    assert found == {"employee": 2, "since": 1, "both": 0}


def test_what_is_to_be_sent_can_be_mapped_again(two_streams: Ledger, source: Make, ready: Make) -> None:
    """Ready and waiting for its time; what may have left, or is there, is not touched. It stays ready meanwhile."""
    desk = two_streams.deliveries
    two_streams.staging.stage(CONTACTS, "r", [source(n) for n in range(7, 12)], resume=None, page=1)
    desk.decide(CONTACTS, "application", 1001, 4242, [ready(n) for n in range(8, 12)], "contacts/r2", fingerprint="m")
    for state in ("created", "in_doubt", "retry"):
        claim = desk.claim(4242, "application", 1001, run_id="r")
        assert claim is not None
        desk.settle(claim, state)
    assert desk.replay_all(Selection(states=("ready", "retry")), run_id="cli") == 3
    assert desk.replay_all(Selection(states=REMAPPABLE), run_id="cli") == 9
    rows = two_streams.staging.undecided(CONTACTS, "application", 1001, fingerprint="m", which="marked")
    waiting = [row.source_id for chunk in rows for row in chunk]
    assert waiting == [source(n).source_id for n in (9, 10, 11)]
    assert desk.counts(CONTACTS, "application", 1001)["ready"] == 2
    again = [ready(n, name="Grace") for n in (9, 10, 11)]
    assert desk.decide(CONTACTS, "application", 1001, 4242, again, "r3", fingerprint="m2")["ready"] == 3
    taken = [desk.claim(4242, "application", 1001, run_id="r") for _ in range(3)]
    assert {claim.payload["first_name"] for claim in taken if claim} == {"Grace"}


def test_records_are_known_by_division_and_entity(two_streams: Ledger, rejected: Make) -> None:
    """The same id under another division is another record."""
    source = (555, "Accounts", rejected(0).source_id)
    nobody = (555, "Contacts", rejected(2).source_id)
    assert two_streams.deliveries.replay_all(Selection(sources=[source, nobody]), run_id="cli") == 1
    many = [(124132, "Contacts", rejected(n).source_id) for n in range(1500)]
    assert two_streams.deliveries.replay_all(Selection(sources=many), run_id="cli") == 7


def test_what_is_ready_or_done_is_never_touched(two_streams: Ledger, ready: Make) -> None:
    claim = two_streams.deliveries.claim(4242, "application", 1001, run_id="r")
    assert claim is not None
    two_streams.deliveries.settle(claim, "created")
    source = (124132, "Contacts", ready(7).source_id)
    assert two_streams.deliveries.replay_all(Selection(sources=[source]), run_id="cli") == 0
    two_streams.deliveries.replay_all(Selection(), run_id="cli")
    assert two_streams.deliveries.counts(CONTACTS, "application", 1001) == {"created": 1, "rejected": 7}


def test_overview_holds_every_stream_with_its_last_failure(two_streams: Ledger, failure: ExactPersonioError) -> None:
    """A stream without a decision is there by its watermark; another DAG's failure is not its own."""
    unread = StreamKey("exact_contacts_to_personio_applications_too", 1, "Contacts")
    two_streams.watermarks.advance(unread, expected=None, to=7, run_id="r", created_from=None)
    two_streams.watermarks.advance(CONTACTS, expected=None, to=2**62, run_id="r", created_from=None)
    two_streams.failures.record(f"{CONTACTS.dag_id}/r0", "extract", failure)
    two_streams.failures.record(f"{CONTACTS.dag_id}/r1", "load", failure)
    found = {one.dag_id: one for one in two_streams.deliveries.overview()}
    assert list(found) == sorted(found)
    contacts, accounts, new = (found[name] for name in (CONTACTS.dag_id, ACCOUNTS.dag_id, unread.dag_id))
    assert (contacts.counts, contacts.watermark) == ({"ready": 1, "rejected": 7}, 2**62)
    assert (accounts.counts, accounts.watermark) == ({"rejected": 1, "skipped_by_rule": 1}, None)
    assert (new.counts, new.destination, new.watermark) == ({}, "", 7)
    assert contacts.failure is not None
    assert (contacts.failure.stage, contacts.failure.way_out) == ("load", failure.way_out)
    assert (accounts.failure, new.failure) == (None, None)


@pytest.fixture
def failure() -> ExactPersonioError:
    from include.errors import CredentialsError  # noqa: PLC0415 - only here

    return CredentialsError("Refused.", reason_code="personio.login.refused", way_out="Enter the token.")


def test_what_a_replay_left_is_told_by_reason(two_streams: Ledger) -> None:
    """Nothing was read of these records; for a run of another position they are not meant at all."""
    desk = two_streams.deliveries
    desk.replay_all(Selection(dag_id=CONTACTS.dag_id, states=REMAPPABLE), run_id="cli")
    found = desk.still_marked(CONTACTS.history(), "application", 1001, 4242)
    assert found == [StillMarked("not_there", 1001, 8)]
    assert desk.still_marked(CONTACTS, "application", 1002, 4242) == [StillMarked("other_position", 1001, 8)]
    assert desk.still_marked(CONTACTS, "application", 1001, 4343) == []
    assert desk.still_marked(ACCOUNTS, "employee", 0, 0) == []

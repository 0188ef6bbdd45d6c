"""Rows of pages show no row version: theirs is never above the true one, and a newer state always counts."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.records import Decision, SourceRow, StreamKey

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

LIVE = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
LANE = LIVE.history()
OTHER_DAG = dataclasses.replace(LIVE, dag_id="exact_contacts_to_personio_employees")
OTHER_DIVISION = dataclasses.replace(LIVE, division=9)
CREATED = datetime(2025, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NIGHT = datetime(2025, 10, 26, 2, 30, tzinfo=UTC)
"""The wall clock in Amsterdam shows it twice: at 00:30 and at 01:30 UTC."""
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def row(wall: datetime | None, version: int = 0, name: str = "Ada", **columns: object) -> SourceRow:
    """Return a row last changed at a wall clock time; with a version it comes from the feed."""
    values: dict[str, object] = {"ID": "a", "FirstName": name, **columns}
    if wall is not None:
        values["Modified"] = f"/Date({round((wall - EPOCH).total_seconds() * 1000)})/"
    if version:
        values["Timestamp"] = str(version)
    return SourceRow("a", version, CREATED, values)


def feed(ledger: Ledger, stream: StreamKey, *rows: SourceRow) -> int:
    return ledger.staging.stage(stream, "feed", rows, resume=None, page=1).changed


def pages(ledger: Ledger, *rows: SourceRow, stream: StreamKey = LANE) -> tuple[int, str] | None:
    """Stage rows of pages; return version and name of what the lane holds now."""
    ledger.staging.stage(stream, "pages", rows, resume=None, page=1, versioned=False)
    return held(ledger, stream)


def held(ledger: Ledger, stream: StreamKey = LANE) -> tuple[int, str] | None:
    found = [one for chunk in ledger.staging.undecided(stream, "application", 1) for one in chunk]
    return (found[0].row_version, found[0].row["FirstName"]) if found else None


def test_a_record_that_nobody_knows_has_the_lowest_version(ledger: Ledger) -> None:
    """A record of another division, or of accounts, is another record."""
    feed(ledger, OTHER_DIVISION, row(NOON, 500))
    feed(ledger, dataclasses.replace(LIVE, entity="Accounts"), row(NOON, 500))
    assert pages(ledger, row(NOON)) == (1, "Ada")


@pytest.mark.parametrize("knower", [LIVE, LANE, OTHER_DAG, OTHER_DAG.history()], ids=str)
@pytest.mark.parametrize(
    ("later", "version"), [(timedelta(0), 500), (timedelta(milliseconds=3), 501), (timedelta(days=9), 501)]
)
def test_a_known_record_is_the_same_state_or_the_next(
    ledger: Ledger, knower: StreamKey, later: timedelta, version: int
) -> None:
    """By ``Modified``, whichever lane or DAG has read it: the feed gave the true one at least that version."""
    feed(ledger, knower, row(NOON, 500))
    assert pages(ledger, row(NOON + later, name="Ada" if not later else "Grace")) == (
        version,
        "Ada" if not later else "Grace",
    )


def test_what_is_read_again_stays_what_it_is(ledger: Ledger) -> None:
    """Neither the version nor the counts move, however often the same pages are read."""
    feed(ledger, LIVE, row(NOON, 500))
    assert pages(ledger, row(NOON)) == (500, "Ada")
    for _ in range(2):
        again = ledger.staging.stage(LANE, "pages", [row(NOON)], resume=None, page=2, versioned=False)
        assert (again.new, again.changed, again.unchanged) == (0, 0, 1)
    assert held(ledger) == (500, "Ada")
    assert pages(ledger, row(NOON + timedelta(hours=1), name="Grace")) == (501, "Grace")
    assert pages(ledger, row(NOON + timedelta(hours=2), name="Mary")) == (502, "Mary")


def test_an_older_state_never_replaces_a_newer_one(ledger: Ledger) -> None:
    """A page that was fetched before the change and stored after it."""
    feed(ledger, LANE, row(NOON, 500, "new"))
    assert pages(ledger, row(NOON - timedelta(days=1), name="old")) == (500, "new")


def test_an_older_state_than_another_lane_has_is_below_it(ledger: Ledger) -> None:
    """It is decided, and still the other lane's newer state is decided after it."""
    feed(ledger, LIVE, row(NOON, 500, "new"))
    assert pages(ledger, row(NOON - timedelta(days=1), name="old")) == (499, "old")
    assert held(ledger, LIVE) == (500, "new")


@pytest.mark.parametrize(
    ("known", "shown", "version"),
    [
        pytest.param(NIGHT, NIGHT - timedelta(minutes=20), 501, id="second time round"),
        pytest.param(NIGHT, NIGHT, 500, id="the same"),
        pytest.param(NIGHT, NIGHT - timedelta(minutes=70), 500, id="more than an hour"),
        pytest.param(NOON, NOON - timedelta(minutes=20), 500, id="at noon"),
    ],
)
def test_in_the_hour_that_comes_twice_an_earlier_time_may_be_later(
    ledger: Ledger, known: datetime, shown: datetime, version: int
) -> None:
    """The clock went back between the two changes: the second one must not be lost."""
    feed(ledger, LANE, row(known, 500))
    found = pages(ledger, row(shown, name="Ada" if shown == known else "Grace"))
    assert found == (version, "Grace" if version == 501 else "Ada")


@pytest.mark.parametrize("missing", ["known", "shown"])
def test_without_the_time_of_change_it_may_have_changed(ledger: Ledger, missing: str) -> None:
    feed(ledger, LIVE, row(None if missing == "known" else NOON, 500))
    assert pages(ledger, row(None if missing == "shown" else NOON, name="Grace")) == (501, "Grace")


@pytest.mark.parametrize("knower", [LIVE, LANE], ids=str)
@pytest.mark.parametrize("changed", [False, True])
def test_what_retention_blanked_keeps_its_version_and_is_decided_again_if_it_changed(
    ledger: Ledger, clock: Clock, knower: StreamKey, changed: bool
) -> None:
    """Above it, the next true change might be hidden: versions of Exact are not far apart."""
    feed(ledger, knower, row(NOON, 500))
    refused = Decision("a", 500, "rejected", "exact.Email.missing", "email")
    target: Any = ("application", 1, 0, [refused], "run")
    ledger.deliveries.decide(knower, *target)
    clock.advance(200 * 86_400)
    assert ledger.retention.purge(clock.at)["staged"] == 1
    name = "Grace" if changed else "Ada"
    assert pages(ledger, row(NOON + timedelta(days=changed), name=name)) == ((500, "Grace") if changed else None)
    if changed:
        ledger.deliveries.decide(LANE, *target)
    # Read once, it is known again.
    assert pages(ledger, row(NOON + timedelta(days=changed), name=name)) is None
    feed(ledger, LIVE, row(NOON + timedelta(days=2), 501, "Mary"))
    assert held(ledger, LIVE) == (501, "Mary")


def test_the_true_version_wins_over_a_told_one(ledger: Ledger) -> None:
    """The feed brings the same state later: above what was told, so it is decided by its true version."""
    assert pages(ledger, row(NOON)) == (1, "Ada")
    assert feed(ledger, LANE, row(NOON, 500)) == 1
    assert held(ledger) == (500, "Ada")


def test_the_row_version_is_no_content(ledger: Ledger) -> None:
    """A page of the same state is unchanged, although the feed's row shows a Timestamp and the page's does not."""
    feed(ledger, LANE, row(NOON, 500))
    again = ledger.staging.stage(LANE, "pages", [row(NOON)], resume=None, page=1, versioned=False)
    assert (again.new, again.changed, again.unchanged) == (0, 0, 1)
    wider = ledger.staging.stage(LANE, "pages", [row(NOON, Email="x")], resume=None, page=1, versioned=False)
    assert wider.changed == 1

"""Windows read by pages from a running sandbox: nothing missed, nothing beyond them staged, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.clients.exact_time import local_to_utc
from include.errors import ServiceUnavailableError
from include.sandbox.company import make_company
from include.sandbox.faults import Fault
from include.sync.planning_lane import note
from line import DIVISION, ZONE, Line
from moved import calls
from planned import asked_of, fill, staged

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.records import Entity
    from include.sandbox.server import RunningSandbox

MARCH: dict[str, Any] = {"created_from": "2026-03-01", "created_to": "2026-04-01"}
HALF_HOUR = timedelta(minutes=30)
IN_MARCH = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox)
    made.log_in()
    return made


def read(line: Line, run_id: str, **asked: Any) -> tuple[set[str], list[str]]:
    """Plan and extract one run; return what its lane holds then, and what Exact was asked."""
    run = line.start(run_id, **asked)
    calls(line.sandbox)
    run.plan()
    run.extract()
    return staged(line.ledger, run.job.stream), asked_of(line)


@pytest.mark.parametrize("mandatory_filter", [False, True], ids=["", "mandatory-filter"])
@pytest.mark.parametrize("entity", ["Contacts", "Accounts"])
def test_a_window_is_read_exactly(
    ledger: Ledger, sandbox: RunningSandbox, entity: Entity, mandatory_filter: bool
) -> None:
    """The first moment of it belongs to it, the last one before it and the end do not; three pages, one count."""
    sandbox.sandbox.settings.exact.mandatory_filter = mandatory_filter
    line = Line(ledger, sandbox, entity=entity)
    line.log_in()
    begins, ends = datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC)
    step = timedelta(milliseconds=10)
    fill(
        line.sandbox,
        *[begins - step, ends, ends + timedelta(days=3)],
        *[begins - timedelta(days=9)] * 5000,
        entity=entity,
    )
    meant = fill(line.sandbox, begins, ends - step, *[IN_MARCH] * 119, entity=entity)
    found, asked = read(line, "w", **MARCH)
    assert found == set(meant)
    # A page more than the feed of 5,000 would be needs no second count.
    assert asked == [f"crm/{entity}/$count", f"crm/{entity}/$count", *[f"crm/{entity}"] * 3]


def test_a_window_of_sixty_costs_two_calls_and_an_empty_one_costs_one(line: Line) -> None:
    meant = fill(line.sandbox, *[IN_MARCH] * 60)
    assert read(line, "w1", **MARCH) == (set(meant), ["crm/Contacts/$count", "crm/Contacts"])
    empty = {"created_from": "2025-03-01", "created_to": "2025-04-01"}
    assert read(line, "w2", **empty) == (set(meant), ["crm/Contacts/$count"])


@pytest.mark.parametrize(
    "night",
    [datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2025, 10, 25, 22, tzinfo=UTC)],
    ids=["spring", "autumn"],
)
def test_every_record_of_a_night_belongs_to_exactly_one_interval(line: Line, night: datetime) -> None:
    """Intervals of half an hour through the night in which clocks change; records every ten minutes of the clock.

    In autumn the wall clock shows two to three twice, and a record tells nothing but the wall clock: it belongs to
    the second of the two hours, always.
    """
    pages_only(line)
    ids = fill(
        line.sandbox,
        *[night.astimezone(ZONE).replace(tzinfo=None) + timedelta(minutes=10 * n) for n in range(-3, 30)],
    )
    seen: dict[str, int] = {}
    held: set[str] = set()
    for n in range(-1, 12):
        start = night + HALF_HOUR * n
        found, _ = read(line, f"b{n}", run_type="backfill", interval=(start, start + HALF_HOUR))
        seen |= dict.fromkeys(found - held, n)
        held = found
    assert seen.keys() == set(ids)
    rows = truth(line.sandbox, "Contacts")
    expected = {row["ID"]: (local_to_utc(row["Created"], ZONE, fold=1) - night) // HALF_HOUR for row in rows}
    assert seen == expected


Meant = Callable[[dict[str, Any], dict[str, Any]], bool]
"""A row and its account -> whether the filter means it."""

FILTERS: list[tuple[str, Entity, dict[str, Any], Meant]] = [
    ("status", "Accounts", {"status": ["C", "P"]}, lambda row, _: row["Status"] in {"C", "P"}),
    ("country", "Accounts", {"country": ["NL"]}, lambda row, _: row["Country"] == "NL "),
    ("country", "Contacts", {"country": ["NL", "BE"]}, lambda _, of: of["Country"] in {"NL ", "BE "}),
    ("main", "Contacts", {"only_main_contacts": True}, lambda row, of: of["MainContact"] == row["ID"]),
    ("customer", "Contacts", {"account_role": "customer"}, lambda _, of: of["Status"] == "C"),
    ("supplier", "Contacts", {"account_role": "supplier"}, lambda _, of: of["IsSupplier"]),
]


@pytest.mark.parametrize(
    ("entity", "params", "meant"), [row[1:] for row in FILTERS], ids=[f"{row[1]}-{row[0]}" for row in FILTERS]
)
def test_a_filter_stages_what_it_means(
    ledger: Ledger,
    sandbox: RunningSandbox,
    entity: Entity,
    params: dict[str, Any],
    meant: Meant,
) -> None:
    """By pages, over a company with all its troubles, against what is truly there."""
    line = Line(ledger, sandbox, entity=entity)
    line.log_in()
    company(sandbox)
    pages_only(line)
    found, _ = read(line, "w", created_from="1990-01-01", created_to="2030-01-01", **params)
    rows, accounts = truth(sandbox, entity), {row["ID"]: row for row in truth(sandbox, "Accounts")}
    assert found == {row["ID"] for row in rows if meant(row, accounts.get(row.get("Account"), {}))}
    assert 0 < len(found) < len(rows)


def test_an_interrupted_window_goes_on_at_its_page(line: Line, sandbox: RunningSandbox) -> None:
    fill(line.sandbox, *[IN_MARCH - timedelta(days=90)] * 5000)
    meant = fill(line.sandbox, *[IN_MARCH] * 200)
    run = line.start("w", **MARCH)
    run.plan()
    sandbox.sandbox.faults.add(Fault("status", match="GET crm/Contacts", after=2, times=50, status=503))
    with pytest.raises(ServiceUnavailableError):
        run.extract()
    sandbox.sandbox.faults.clear()
    calls(sandbox)
    counts = run.extract()
    assert calls(sandbox) == ["crm/Contacts"] * 2
    assert staged(line.ledger, run.job.stream) == set(meant)
    assert (counts["read"], counts["new"], counts["pages"]) == (200, 200, 4)


def test_a_cleared_extract_reads_the_window_again(line: Line, sandbox: RunningSandbox) -> None:
    """Also what was changed since: the run is done once more, with the records as they are now."""
    meant = fill(line.sandbox, *[IN_MARCH] * 3, FirstName="Ada", Email="ada@example.org")
    run = line.start("w", **MARCH)
    run.plan()
    first = run.extract()
    sandbox.sandbox.exact.update(DIVISION, "Contacts", meant[0], {"FirstName": "Grace"})
    again = run.extract()
    assert (first["read"], first["new"]) == (3, 3)
    assert (again["read"], again["new"], again["changed"], again["unchanged"]) == (3, 0, 1, 2)


def pages_only(line: Line) -> None:
    """Let another run read the whole feed at this moment: every other one of the lane then takes pages."""
    note(line.ledger, line.job.stream.history(), reading="other", reading_at=datetime.now(UTC).isoformat())


def company(sandbox: RunningSandbox) -> None:
    """Let a made-up company appear, with all troubles of real ones."""
    until = datetime(2026, 11, 1, 12, tzinfo=UTC).replace(tzinfo=None)
    made = make_company(seed=7, accounts=40, contacts=200, division=DIVISION, until=until)
    exact = sandbox.sandbox.exact
    exact.bulk_load(DIVISION, "Accounts", made.accounts)
    exact.bulk_load(DIVISION, "Contacts", made.contacts)


def truth(sandbox: RunningSandbox, entity: Entity) -> list[dict[str, Any]]:
    return sandbox.sandbox.exact.contents()[str(DIVISION)][entity]

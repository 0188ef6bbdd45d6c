"""What a lane of history has read serves its next runs, and how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from include.sync.extract import extract
from include.sync.filters import every_column
from include.transform import load_mapping
from line import DIVISION, ZONE, Line
from moved import DIVISIONS, hire, move, people
from planned import extracted, fill, plan, staged

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox

MARCH: dict[str, Any] = {"created_from": "2026-03-01", "created_to": "2026-04-01"}
APRIL: dict[str, Any] = {"created_from": "2026-04-01", "created_to": "2026-05-01"}
IN_MARCH, IN_APRIL = datetime(2026, 3, 10, 12, tzinfo=UTC), datetime(2026, 4, 10, 12, tzinfo=UTC)
COUNT, FEED = "crm/Contacts/$count", "sync/CRM/Contacts"


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox)
    made.log_in()
    return made


def test_the_whole_feed_is_read_once_for_all_windows(line: Line, sandbox: RunningSandbox) -> None:
    """The first window that is large enough pays for it; from then on a window costs one call."""
    march, april = fill(sandbox, *[IN_MARCH] * 200), fill(sandbox, *[IN_APRIL] * 1000)
    first = line.start("w1", **MARCH)
    assert plan(first)[2] == [COUNT, COUNT]
    assert extracted(first) == [DIVISIONS, FEED, FEED]
    assert staged(line.ledger, first.job.stream) == {*march, *april}
    later = fill(sandbox, *[IN_APRIL] * 5)
    second = line.start("w2", **APRIL)
    assert plan(second)[2] == []
    assert extracted(second) == [FEED]
    assert staged(line.ledger, first.job.stream) == {*march, *april, *later}
    third = line.start("w3", **APRIL)
    plan(third)
    assert extracted(third) == [FEED]
    assert line.ledger.staging.totals(third.job.stream, "w3").read == 0


def test_a_place_in_the_feed_grows_old(line: Line, sandbox: RunningSandbox) -> None:
    """The feed does not tell of deletions: after twelve hours Exact is counted again."""
    fill(sandbox, *[IN_MARCH] * 200)
    now = datetime.now(UTC)
    first = line.start("w1", **MARCH)
    plan(first, now)
    extracted(first)
    within, _, asked = plan(line.start("w2", **MARCH), now + timedelta(hours=11))
    assert (within.reading, within.after > 1, asked) == ("feed", True, [])
    stale, _, asked = plan(line.start("w3", **MARCH), now + timedelta(hours=13))
    assert (stale.reading, stale.after, asked) == ("feed", 1, [COUNT])


def test_reading_on_does_not_make_a_place_younger(line: Line, sandbox: RunningSandbox) -> None:
    fill(sandbox, *[IN_MARCH] * 200)
    now = datetime.now(UTC)
    for number, hours in enumerate((0, 11)):
        run = line.start(f"w{number}", **MARCH)
        plan(run, now + timedelta(hours=hours))
        extracted(run)
    assert plan(line.start("w2", **MARCH), now + timedelta(hours=13))[0].after == 1


def test_a_place_without_a_needed_column_is_not_read_on(line: Line, sandbox: RunningSandbox) -> None:
    """And whoever reads next keeps the columns of both mappings: no row may lose any."""
    fill(sandbox, *[IN_MARCH] * 200)
    first = line.start("w1", **MARCH)
    plan(first)
    extracted(first)
    assert plan(line.start("w2", only_main_contacts=True, account_role="customer", **MARCH))[2] == []
    employee = load_mapping("Contacts", "employee")
    assert not set(employee.select) <= {*first.mapping.select, *every_column("Contacts")}
    other = line.start("w3", **MARCH)
    window, _, asked = plan(other, mapping=employee)
    assert (window.after, asked) == (1, [COUNT])
    with line.exact(other.key) as exact:
        extract(line.ledger, exact, other.job.stream, "w3", window, select=employee.select, zone=ZONE)
    for number, mapping in enumerate((first.mapping, employee)):
        assert plan(line.start(f"later{number}", **MARCH), mapping=mapping)[0].after > 1


def test_beside_a_run_that_reads_everything_pages_are_read(line: Line, sandbox: RunningSandbox) -> None:
    fill(sandbox, *[IN_MARCH] * 200)
    fill(sandbox, *[IN_APRIL] * 200)
    assert plan(line.start("w1", **MARCH))[0].reading == "feed"
    window, _, asked = plan(line.start("w2", **APRIL))
    assert (window.reading, asked) == ("pages", [COUNT])
    much_later = datetime.now(UTC) + timedelta(hours=2)
    assert plan(line.start("w3", **APRIL), much_later)[0].reading == "feed"


def test_a_moved_division_is_noticed_by_the_lane_of_history(line: Line, sandbox: RunningSandbox) -> None:
    """Its place means nothing any more: all is read again, and afterwards a window costs one call again."""
    march = fill(sandbox, *[IN_MARCH] * 200)
    first = line.start("w1", **MARCH)
    plan(first)
    extracted(first)
    move(sandbox)
    more = fill(sandbox, *[IN_MARCH] * 3)
    second = line.start("w2", **MARCH)
    plan(second)
    assert extracted(second) == [FEED, DIVISIONS, FEED]
    assert staged(line.ledger, first.job.stream) == {*march, *more}
    third = line.start("w3", **MARCH)
    assert plan(third)[2] == []
    assert extracted(third) == [FEED]


@pytest.mark.parametrize("live_lane_knows", [True, False])
def test_a_division_that_moved_before_the_lane_began_has_not_moved_since(
    line: Line, sandbox: RunningSandbox, live_lane_knows: bool
) -> None:
    """The last row that was read is gone after a change: Exact's date of the move is the one known from the first."""
    fill(sandbox, *[IN_MARCH] * 200)
    move(sandbox)
    if live_lane_knows:
        line.run("r1", start_from="now")
    first, second = line.start("w1", **MARCH), line.start("w2", **MARCH)
    plan(first)
    assert extracted(first) == ([FEED] if live_lane_knows else [DIVISIONS, FEED])
    rows = sandbox.sandbox.exact.contents()[str(DIVISION)]["Contacts"]
    last = max(rows, key=lambda row: int(row["Timestamp"]))
    sandbox.sandbox.exact.update(DIVISION, "Contacts", last["ID"], {"Phone": "0201234567"})
    plan(second)
    assert extracted(second) == [FEED, DIVISIONS]
    assert line.ledger.staging.totals(second.job.stream, "w2").read == 1


@pytest.mark.parametrize("bound", [{"preview": True}, {"max_records": 1}])
def test_a_preview_with_fixed_values_takes_no_column_from_the_lane(
    line: Line, sandbox: RunningSandbox, bound: dict[str, Any]
) -> None:
    """It needs fewer columns of the same rows; a window that reads on afterwards needs them all."""
    line.run("r1", start_from="now")
    hire(sandbox, 1, 2, Gender="V", City="Utrecht")
    fill(sandbox, *[IN_MARCH] * 200)
    first = line.start("w1", preview=True, **MARCH)
    plan(first)
    extracted(first)
    hire(sandbox, 3, Gender="V", City="Utrecht")
    fixed = line.start("p1", overrides={"attributes": {"gender": "male"}}, **bound)
    assert "Gender" in set(first.mapping.select) - set(fixed.mapping.select)
    plan(fixed)
    extracted(fixed)
    later = line.start("w2", created_from="2026-05-01")
    assert plan(later)[0].after > 1
    extracted(later)
    later.decide()
    later.load()
    genders = {
        row["email"]: {one["id"]: one["value"] for one in row["attributes"]}["gender"]
        for row in sandbox.sandbox.personio.contents()["applications"]
    }
    assert genders == dict.fromkeys(people(1, 2, 3), "female")

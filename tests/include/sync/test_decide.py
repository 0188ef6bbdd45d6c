"""Windows, canaries, backfills and live runs against the sandbox: who arrives, and that the order does not matter."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from include.replay import plan, replay, selection
from line import DIVISION, ZONE, Line
from moved import applicants, highest, hire, people

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.records import Entity
    from include.sandbox.server import RunningSandbox

JANUARY, FEBRUARY, MARCH = "2026-01-15T12:00:00", "2026-02-15T12:00:00", "2026-03-15T12:00:00"
BOTH = pytest.mark.parametrize("entity", ["Contacts", "Accounts"])


def site(year: int, month: int, day: int) -> datetime:
    """Return when a day begins at the site."""
    return datetime(year, month, day, tzinfo=ZONE).astimezone(UTC)


def joined(sandbox: RunningSandbox, number: int, created: str, **more: Any) -> str:
    """Let an account and its main contact appear, both created then; return the contact's id."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": f"Voorbeeld {number}", "Created": created})
    person = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": f"sanne{number}@example.org", **more}
    return str(exact.add_contact(DIVISION, {"Account": account["ID"], "Created": created, **person})["ID"])


def line_of(ledger: Ledger, sandbox: RunningSandbox, entity: Entity = "Contacts") -> Line:
    made = Line(ledger, sandbox, entity=entity)
    made.log_in()
    return made


def states(line: Line) -> Counter[str]:
    """Return the line's deliveries by state, whichever lane owns them."""
    job = line.job
    lanes = [job.stream, job.stream.history()]
    return sum(
        (Counter(line.ledger.deliveries.counts(lane, job.destination, job.position)) for lane in lanes), Counter()
    )


def live_lane(line: Line) -> list[Any]:
    """Return all that the live lane has: its watermark, its rows, its deliveries."""
    job, ledger = line.job, line.ledger
    return [
        ledger.watermarks.get(job.stream),
        ledger.staging.has_rows(job.stream),
        list(ledger.deliveries.listing(job.stream, job.destination, job.position)),
    ]


def posts(sandbox: RunningSandbox) -> int:
    return sum(one.kind == "v1/recruiting/applications" for one in sandbox.sandbox.log.entries())


@BOTH
def test_window_sends_what_was_created_in_it_and_nothing_else(
    ledger: Ledger, sandbox: RunningSandbox, entity: Entity
) -> None:
    """The first day belongs to it from its first second, the last one does not; the live lane is untouched."""
    line = line_of(ledger, sandbox, entity)
    for number, created in enumerate(
        ["2026-01-31T23:59:59", "2026-02-01T00:00:00", "2026-02-28T23:59:59", "2026-03-01T00:00:00"]
    ):
        joined(sandbox, number, created)
    before = live_lane(line)
    run = line.start("w1", created_from="2026-02-01", created_to="2026-03-01")
    run.go()
    assert applicants(sandbox) == people(1, 2)
    assert live_lane(line) == before == [None, False, []]
    made = run.commit()
    assert line.watermarks == {}
    assert (made["mode"], made["advanced"], made["counts"]) == ("window", False, {"created": 2})
    assert made["from"] == made["to"]


def test_window_over_what_is_loaded_writes_nothing(ledger: Ledger, sandbox: RunningSandbox) -> None:
    line = line_of(ledger, sandbox)
    hire(sandbox, 1, 2, Created=JANUARY)
    line.backfill("b1", site(2026, 1, 1), site(2026, 2, 1))
    sandbox.sandbox.log.clear()
    line.backfill("b2", site(2026, 1, 1), site(2026, 2, 1))
    line.backfill("b1", site(2026, 1, 1), site(2026, 2, 1))
    assert posts(sandbox) == 0
    assert states(line) == {"created": 2}


def test_window_means_only_what_its_filter_lets_through(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """Whoever else the lane has read is left undecided, so that a window without a filter still takes them."""
    line = line_of(ledger, sandbox)
    joined(sandbox, 1, JANUARY)
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Voorbeeld", "Country": "BE", "Created": JANUARY})
    person = {"FirstName": "Sanne", "LastName": "Proef2", "Email": "sanne2@example.org", "Country": "BE"}
    exact.add_contact(DIVISION, {"Account": account["ID"], "Created": JANUARY, **person})
    line.preview("p1", created_from="2026-01-01", created_to="2026-02-01")
    line.window("w1", "2026-01-01", "2026-02-01", country=["BE"])
    assert applicants(sandbox) == people(2)
    assert states(line) == {"created": 1}
    line.window("w2", "2026-01-01", "2026-02-01")
    assert applicants(sandbox) == people(1, 2)


@BOTH
def test_canary_sends_one_and_leaves_nobody_ready(ledger: Ledger, sandbox: RunningSandbox, entity: Entity) -> None:
    """However often it is cleared: exactly one is at Personio, and the window that follows sends the others."""
    line = line_of(ledger, sandbox, entity)
    joined(sandbox, 0, JANUARY, Email=None)
    for number in range(1, 6):
        joined(sandbox, number, JANUARY)
    for _ in range(3):
        line.canary("c1", created_from="2026-01-01", created_to="2026-02-01")
        assert len(applicants(sandbox)) == 1
        assert set(states(line)) <= {"created", "rejected"}
        assert states(line)["created"] == 1
    assert line.start("c1", max_records=1).commit()["mode"] == "canary"
    line.window("w1", "2026-01-01", "2026-02-01")
    assert applicants(sandbox) == people(1, 2, 3, 4, 5)


def test_canary_of_a_live_run_leaves_the_rest_to_the_next_one(ledger: Ledger, sandbox: RunningSandbox) -> None:
    line = line_of(ledger, sandbox)
    hire(sandbox, 0, Created=JANUARY)
    line.run("r1", start_from="2026-03-01")
    hire(sandbox, 1, 2, 3)
    before = live_lane(line)
    line.canary("c1", start_from="2026-03-01")
    assert len(applicants(sandbox)) == 1
    assert live_lane(line) == before
    line.run("r2", start_from="2026-03-01")
    assert applicants(sandbox) == people(1, 2, 3)
    assert states(line) == {"created": 3, "skipped_by_rule": 1}


def test_bound_holds_over_rejections_and_what_waits_already(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """Of ten, three may be sent; two waited already, in the outbox of a run that was stopped before its load."""
    line = line_of(ledger, sandbox)
    for number in range(10):
        joined(sandbox, number, JANUARY, **({"Email": None} if number % 3 == 0 else {}))
    stopped = line.start("w0", created_from="2026-01-01", created_to="2026-02-01", max_records=2)
    stopped.plan()
    stopped.extract()
    assert stopped.decide()["ready"] == 2
    line.start("w1", created_from="2026-01-01", created_to="2026-02-01", max_records=3).go()
    assert len(applicants(sandbox)) == 3
    assert not {"ready", "retry", "sending", "in_doubt"} & set(states(line))


def test_account_of_a_window_does_not_wait_a_day_for_its_contact(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """Its main contact got an address since; the account itself did not change, so no feed brings it."""
    line = line_of(ledger, sandbox, "Accounts")
    contact = joined(sandbox, 1, JANUARY, Email=None)
    line.window("w1", "2026-01-01", "2026-02-01")
    assert line.ledger.deliveries.rejections() == [("exact.Email.missing", "contact.Email", 1)]
    sandbox.sandbox.exact.update(DIVISION, "Contacts", contact, {"Email": "sanne1@example.org"})
    line.window("w2", "2026-01-01", "2026-02-01")
    assert applicants(sandbox) == people(1)


def test_what_a_backfill_rejected_is_sent_by_the_live_run_that_brings_its_correction(
    ledger: Ledger, sandbox: RunningSandbox
) -> None:
    """It was asked for once, so its age does not count any more."""
    line = line_of(ledger, sandbox)
    line.run("r1", start_from="now")
    contact = joined(sandbox, 1, JANUARY, Email=None)
    line.backfill("b1", site(2026, 1, 1), site(2026, 2, 1))
    assert applicants(sandbox) == []
    sandbox.sandbox.exact.update(DIVISION, "Contacts", contact, {"Email": "sanne1@example.org"})
    line.run("r2", start_from="now")
    assert applicants(sandbox) == people(1)
    assert states(line) == {"created": 1}


def test_live_run_never_takes_old_records_that_nobody_asked_for(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """Windows, previews and canaries read them; they change at Exact; the live run says that they are not new."""
    line = line_of(ledger, sandbox)
    contacts = [joined(sandbox, number, created) for number, created in enumerate([JANUARY, FEBRUARY, MARCH])]
    line.run("r1", start_from="now")
    line.preview("p1", created_from="2026-01-01", created_to="2026-04-01")
    line.window("w1", "2026-02-01", "2026-03-01")
    line.canary("c1", start_from="now")
    for contact in contacts:
        sandbox.sandbox.exact.update(DIVISION, "Contacts", contact, {"Notes": "changed"})
    line.run("r2", start_from="now")
    line.run("r3", start_from="now")
    assert applicants(sandbox) == people(1)
    assert ledger.deliveries.rejections(states=("skipped_by_rule",)) == [("rule.Created.not_new", "Created", 2)]


ORDERS = list(permutations(["live", "window", "backfill"]))


@pytest.mark.parametrize("order", ORDERS, ids=["-".join(order) for order in ORDERS])
def test_live_run_and_windows_end_alike_in_any_order(
    ledger: Ledger, sandbox: RunningSandbox, order: tuple[str, ...]
) -> None:
    """Who is asked for has arrived, or is rejected if they are not fit; December is not new."""
    line = line_of(ledger, sandbox)
    hire(sandbox, 0, Created="2025-12-15T12:00:00")
    for number, created in ((1, JANUARY), (2, FEBRUARY), (3, MARCH)):
        hire(sandbox, number, Created=created)
        joined(sandbox, number + 10, created, Email=None)
    runs = {
        "live": lambda run_id: line.run(run_id, start_from="2026-03-01"),
        "window": lambda run_id: line.window(run_id, "2026-01-01", "2026-02-01"),
        "backfill": lambda run_id: line.backfill(run_id, site(2026, 2, 1), site(2026, 4, 1)),
    }
    for number, kind in enumerate([*order, *order[::-1]]):
        runs[kind](f"{kind}{number}")
    assert applicants(sandbox) == people(1, 2, 3)
    assert states(line) == {"created": 3, "rejected": 3, "skipped_by_rule": 1}
    assert ledger.deliveries.rejections(states=("skipped_by_rule",)) == [("rule.Created.not_new", "Created", 1)]
    mark = ledger.watermarks.get(line.job.stream)
    assert mark is not None
    assert mark.value == highest(sandbox, "Contacts")


def test_remap_makes_what_waits_anew_by_the_mapping_of_now(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """One waits since before the mapping changed, one was rejected; nothing is read for it."""
    line = line_of(ledger, sandbox)
    joined(sandbox, 1, JANUARY)
    joined(sandbox, 2, JANUARY, LastName=None)
    stopped = line.start("w1", created_from="2026-01-01", created_to="2026-02-01")
    for stage in (stopped.plan, stopped.extract, stopped.decide):
        stage()
    chosen = selection(ledger, dag=line.job.stream.dag_id, remap=True)
    assert replay(ledger, chosen, plan(ledger, chosen)).marked == 2
    sandbox.sandbox.log.clear()
    changed = {"last_name": "van Proef", "message": "Opnieuw"}
    run = line.start("p1", replay_only=True, overrides=changed)
    run.go()
    made = sandbox.sandbox.personio.contents()["applications"]
    assert applicants(sandbox) == people(1, 2)
    assert {(row["last_name"], row["message"]) for row in made} == {("van Proef", "Opnieuw")}
    assert not any(one.service == "exact" for one in sandbox.sandbox.log.entries())
    assert run.commit()["mode"] == "replay"


def test_replay_takes_what_either_lane_has_read(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """One was rejected by a live run, one by a backfill; a name given by hand mends both."""
    line = line_of(ledger, sandbox)
    refused = {"LastName": None}
    joined(sandbox, 1, MARCH, **refused)
    line.run("r1", start_from="2026-03-01")
    joined(sandbox, 2, JANUARY, **refused)
    line.backfill("b1", site(2026, 1, 1), site(2026, 2, 1))
    assert states(line) == {"rejected": 2}
    chosen = selection(ledger, all_rejected=True)
    replay(ledger, chosen, plan(ledger, chosen))
    line.start("p1", replay_only=True, overrides={"last_name": "van Proef"}).go()
    assert applicants(sandbox) == people(1, 2)
    assert states(line) == {"created": 2}

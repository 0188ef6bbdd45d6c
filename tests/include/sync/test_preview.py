"""Previews: nothing is written at Personio, and what is shown is what the real run then sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from include.ledger.standings import Standing
from include.ledger.states import DeliveryState
from include.records import Decision
from include.sync.preview import WORDS, decided_before, preview_of
from line import DIVISION, Line
from moved import applicants, hire, people

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.ledger.previews import Preview
    from include.records import Entity
    from include.sandbox.server import RunningSandbox
    from include.sync.job import Job

JANUARY = "2026-01-15T12:00:00"
WINDOW = {"created_from": "2026-01-01", "created_to": "2026-02-01"}


def line_of(ledger: Ledger, sandbox: RunningSandbox, entity: Entity = "Contacts") -> Line:
    made = Line(ledger, sandbox, entity=entity)
    made.log_in()
    return made


def joined(sandbox: RunningSandbox, number: int, created: str = JANUARY, **more: Any) -> str:
    """Let an account and its main contact appear; return the contact's id."""
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": f"Voorbeeld {number}", "Created": created, "City": "Delft"})
    person = {"FirstName": "Sanne", "LastName": f"Proef{number}", "Email": f"sanne{number}@example.org"}
    return str(exact.add_contact(DIVISION, {"Account": account["ID"], "Created": created, **person, **more})["ID"])


def shown(line: Line, run_id: str) -> list[Preview]:
    return line.ledger.previews.read(line.job.run_key(run_id), limit=1000)


def writes(sandbox: RunningSandbox) -> list[str]:
    """Return the requests since the log was cleared that could have changed something; logging in does not."""
    asked = [f"{one.method} {one.kind}" for one in sandbox.sandbox.log.entries() if one.method != "GET"]
    return [text for text in asked if not text.endswith(("/auth", "/token"))]


def bodies(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    """Return what Personio was sent for each application, by address."""
    own = {"id", "candidate_id", "stage", "created_at", "updated_at"}
    made = sandbox.sandbox.personio.contents()["applications"]
    found = [{name: value for name, value in row.items() if name not in own} for row in made]
    return sorted(found, key=lambda row: str(row["email"]))


def payloads(previews: list[Preview]) -> list[dict[str, Any]]:
    found = [one.payload for one in previews if one.action in ("create", "send_again") and one.payload is not None]
    return sorted(found, key=lambda row: str(row["email"]))


@pytest.mark.parametrize("entity", ["Contacts", "Accounts"])
@pytest.mark.parametrize("params", [WINDOW, {"start_from": "beginning"}], ids=["window", "live"])
def test_real_run_sends_exactly_what_was_previewed(
    ledger: Ledger, sandbox: RunningSandbox, entity: Entity, params: dict[str, Any]
) -> None:
    """Not one write, no delivery, no watermark; then every payload as it was shown, and nobody else."""
    line = line_of(ledger, sandbox, entity)
    for number in range(4):
        joined(sandbox, number, Mobile=f"061234567{number}", Gender="V")
    joined(sandbox, 9, Email=None)
    sandbox.sandbox.log.clear()
    told = line.preview("p1", **params)
    assert writes(sandbox) == []
    assert told == {"create": 4, "nothing": 1}
    assert ledger.watermarks.get(line.job.stream) is None
    assert not any(stream.counts for stream in ledger.deliveries.overview())
    previews = shown(line, "p1")
    if params is WINDOW:
        line.window("w1", **WINDOW)
    else:
        line.run("r1", **params)
    assert payloads(previews) == bodies(sandbox)
    assert applicants(sandbox) == people(0, 1, 2, 3)


def test_each_record_says_what_why_and_by_which_rule(ledger: Ledger, sandbox: RunningSandbox) -> None:
    line = line_of(ledger, sandbox)
    good, bad = joined(sandbox, 1), joined(sandbox, 2, Email=None)
    line.preview("p1", **WINDOW)
    found = {one.source_id: one for one in shown(line, "p1")}
    assert found[good].trace["email"] == "from Email (built-in)"
    assert found[good].existing == "nothing at Personio"
    assert (found[good].outcome, found[good].action, found[good].reason_code) == ("ready", "create", "")
    assert (found[bad].outcome, found[bad].action) == ("rejected", "nothing")
    assert (found[bad].reason_code, found[bad].field, found[bad].payload) == ("exact.Email.missing", "Email", None)


def test_what_exists_already_is_said(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """Created by us; refused before; and what only Personio knows, here an application that another DAG made."""
    line = line_of(ledger, sandbox)
    ours, refused = joined(sandbox, 1), joined(sandbox, 2, Email=None)
    line.window("w1", **WINDOW)
    theirs = joined(sandbox, 3)
    line_of(ledger, sandbox, "Accounts").window("w1", **WINDOW)
    fresh = joined(sandbox, 4)
    told = line.preview("p1", **WINDOW)
    found = {one.source_id: one for one in shown(line, "p1")}
    assert (found[ours].action, found[ours].existing) == ("nothing", "created by us")
    assert (found[refused].action, found[refused].existing) == ("nothing", "was refused before")
    assert found[refused].reason_code == "exact.Email.missing"
    assert (found[theirs].action, found[fresh].action) == ("create", "create")
    assert found[theirs].existing.endswith("for this position")
    assert found[fresh].existing == "nothing at Personio"
    assert told == {"create": 2, "nothing": 2}


def test_bounded_preview_shows_only_what_the_run_would_get_to(ledger: Ledger, sandbox: RunningSandbox) -> None:
    line = line_of(ledger, sandbox)
    hire(sandbox, *range(5), Created=JANUARY)
    line.preview("p1", max_records=2, **WINDOW)
    previews = shown(line, "p1")
    line.window("w1", max_records=2, **WINDOW)
    assert len(previews) == 2
    assert payloads(previews) == bodies(sandbox)


def test_cleared_preview_is_made_anew(ledger: Ledger, sandbox: RunningSandbox) -> None:
    line = line_of(ledger, sandbox)
    contact = joined(sandbox, 1)
    line.preview("p1", **WINDOW)
    sandbox.sandbox.exact.update(DIVISION, "Contacts", contact, {"LastName": "Anders"})
    told = line.preview("p1", **WINDOW)
    [preview] = shown(line, "p1")
    assert told == {"create": 1}
    assert (preview.payload or {})["last_name"] == "Anders"
    assert preview.existing == "nothing at Personio"


def test_what_got_no_answer_is_shown_as_it_was_sent(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """It is looked up and sent again as it was: the payload on record is the one that Personio may have."""
    line = line_of(ledger, sandbox)
    contact = joined(sandbox, 1)
    stopped = line.start("w1", **WINDOW)
    stopped.plan()
    stopped.extract()
    stopped.decide()
    job = stopped.job
    claim = ledger.deliveries.claim(job.company, job.destination, job.position, run_id=stopped.key)
    assert claim is not None
    ledger.deliveries.settle(claim, "in_doubt", unclear=True)
    sandbox.sandbox.exact.update(DIVISION, "Contacts", contact, {"LastName": "Anders"})
    line.preview("p1", **WINDOW)
    [preview] = shown(line, "p1")
    assert (preview.action, preview.existing) == ("send_again", f"{WORDS['in_doubt']}; nothing at Personio")
    assert (preview.payload or {})["last_name"] == "Proef1"
    line.window("w2", **WINDOW)
    assert bodies(sandbox) == payloads([preview])


def test_preview_of_a_live_run_shows_what_waits_in_its_outbox(ledger: Ledger, sandbox: RunningSandbox) -> None:
    """A load that never ran left somebody ready: the next live run sends them beside what is new."""
    line = line_of(ledger, sandbox)
    joined(sandbox, 1)
    stopped = line.start("r1", start_from="beginning")
    for stage in (stopped.plan, stopped.extract, stopped.decide, stopped.commit):
        stage()
    joined(sandbox, 2)
    line.preview("p1", start_from="beginning")
    previews = shown(line, "p1")
    line.run("r2")
    assert payloads(previews) == bodies(sandbox)
    assert applicants(sandbox) == people(1, 2)


def test_match_looks_up_and_creates_nothing(job: Job) -> None:
    ready = Decision("a", 1, "ready", payload={"email": "a@example.org"}, email="a@example.org")
    matching = type(job)(job.stream, "employee_match", job.company, 0)
    assert preview_of(ready, None, matching).action == "look_up"
    assert preview_of(ready, None, job).action == "create"


def test_every_state_of_a_delivery_has_its_words() -> None:
    states = get_args(DeliveryState)
    assert set(WORDS) == set(states)
    assert {decided_before(Standing("a", state, "", "")).existing for state in states} == set(WORDS.values())

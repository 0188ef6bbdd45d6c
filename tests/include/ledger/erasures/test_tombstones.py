"""Nothing brings back whoever was erased, until they are let in again; and looking for them costs next to nothing."""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from include.ledger import erasures as module
from include.ledger import open_ledger, tombstones
from include.ledger.tombstones import ERASED, MARKER, addresses_in
from include.records import SourceRow, StreamKey
from vera import MAIL
from vera_staged import OTHER_DAG, STREAM, VERA, contents, decide, erase_vera, made, of_state, stage, vera

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any


@pytest.mark.parametrize("lane", [STREAM, STREAM.history(), OTHER_DAG, OTHER_DAG.history()], ids=str)
def test_no_lane_takes_the_person_in_again(ledger: Ledger, lane: StreamKey) -> None:
    """By the same record, read as it was and changed; counts add up, and the same state is no news twice."""
    stage(ledger, vera())
    erase_vera(ledger)
    assert stage(ledger, vera(1, City="Delft"), stream=lane, run="a").read == 1
    again = stage(ledger, vera(1, City="Delft"), stream=lane, run="b")
    assert (again.read, again.unchanged) == (1, 1)
    stage(ledger, vera(9, City="Breda"), stream=lane, run="c")
    assert all(MARKER in content and set(content) <= {"ID", "Modified", MARKER} for content in contents(ledger, lane))


@pytest.mark.parametrize(
    ("stream", "row"),
    [
        (StreamKey("other", 7, "Contacts"), {"FirstName": "V", "BusinessEmail": f" {MAIL.upper()} "}),
        (StreamKey("other", 7, "Contacts"), {"Notes": f"write to <{MAIL}>, please"}),
        (StreamKey("accounts", 124132, "Accounts"), {"Name": "Acme", "MainContact": VERA.upper()}),
        (StreamKey("accounts", 7, "Accounts"), {"Name": "Acme", "Email": MAIL}),
    ],
    ids=["other division, by address", "address in a text", "account by its main contact", "account by address"],
)
def test_another_record_of_the_person_is_kept_out_too(ledger: Ledger, stream: StreamKey, row: dict[str, Any]) -> None:
    stage(ledger, vera())
    erase_vera(ledger)
    other = "00000000-0000-4000-8000-0000000000aa"
    stage(ledger, SourceRow(other, 1, None, {"ID": other} | row), stream=stream)
    assert [MARKER in content for content in contents(ledger, stream)] == [True]
    # What was looked up in other ways, such as a main contact's address, meets the tombstone when it is decided.
    told = decide(ledger, made(1, other), stream=stream)
    assert (told["ready"], told["skipped_by_rule"]) == (0, 1)
    assert ledger.deliveries.rejections(states=("skipped_by_rule",)) == [(ERASED, "", 1)]


def test_a_stranger_is_taken_in_as_before(ledger: Ledger, source: Make, ready: Make) -> None:
    stage(ledger, vera(), source(2))
    erase_vera(ledger)
    stage(ledger, source(3), run="r2")
    assert sorted(MARKER in content for content in contents(ledger)) == [False, False, True]
    assert decide(ledger, ready(2), ready(3))["ready"] == 2


def test_the_first_erasures_wait_until_every_process_knows(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process believes for two seconds that nobody was ever erased; later ones have nobody to wait for."""
    monkeypatch.setattr(module, "SETTLE_SECONDS", 5)
    naps: list[float] = []
    for number in (1, 2, 3):
        ledger.erasures.plant([(1, "Contacts", f"{number}")], [], why="asked", asked_by="me", sleep=naps.append)
        clock.advance(4)
    assert naps == [5, 5]
    assert module.SETTLE_SECONDS > 2 * 2.0


def test_another_process_learns_of_an_erasure(both: Ledger, url: str, key: str) -> None:
    ledger = both
    stage(ledger, vera())
    with open_ledger(url, key) as other:
        stage(other, vera(2), run="r2")
        erase_vera(ledger)
        stage(other, vera(3), run="r3")
    assert [MARKER in content for content in contents(ledger)] == [True]


def test_planting_waits_for_whoever_asked_before(both: Ledger) -> None:
    """Else a run that asked a moment before would write the person right after everything was blanked."""
    ledger = both
    ledger.erasures.plant([(1, "Contacts", "somebody")], [], why="asked", asked_by="me")
    order: list[str] = []

    def plant() -> None:
        ledger.erasures.plant([(124132, "Contacts", VERA)], [], why="asked", asked_by="me")
        order.append("planted")

    planting = Thread(target=plant)
    with ledger._database.write() as connection:
        assert ledger.tombstones.rows(connection, STREAM, [vera()]) == {}
        planting.start()
        planting.join(0.3)
        order.append("written")
    planting.join()
    assert order == ["written", "planted"]


@pytest.mark.parametrize(("anew", "state"), [(False, "created"), (True, "skipped_by_rule")])
def test_whoever_is_let_in_again_is_taken_in(ledger: Ledger, anew: bool, state: str) -> None:
    """What Personio has is sent once more only if it was erased there, too."""
    of_state(ledger, "created")
    name = erase_vera(ledger).erasure
    assert ledger.erasures.standing([(124132, "Contacts", VERA)], []) == [name]
    lifted = ledger.erasures.lift([name], asked_by="officer", anew=anew)
    assert lifted == {"tombstones": 2, "rows": 1, "deliveries": int(anew)}
    assert ledger.deliveries.counts(STREAM, "application", 1001) == {state: 1}
    # The row is empty until it is read again, whatever version it has.
    waiting = list(ledger.staging.undecided(STREAM, "application", 1001, fingerprint="m1"))
    assert waiting == []
    assert stage(ledger, vera(1), run="r2").changed == 1
    assert [content["Email"] for content in contents(ledger)] == [MAIL]
    told = decide(ledger, made(1))
    assert (told["ready"], told["unchanged"] + told["changed_after_load"]) == (int(anew), int(not anew))


def test_a_rejected_person_who_applies_anew_is_decided_anew(ledger: Ledger) -> None:
    of_state(ledger, "rejected")
    name = erase_vera(ledger).erasure
    ledger.erasures.lift([name], asked_by="officer", anew=False)
    stage(ledger, vera(1), run="r2")
    assert decide(ledger, made(1))["ready"] == 1


def queries(ledger: Ledger, work: Callable[[], object]) -> list[str]:
    seen: list[str] = []

    def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(ledger._database.engine, "before_cursor_execute", remember)
    work()
    event.remove(ledger._database.engine, "before_cursor_execute", remember)
    return [statement for statement in seen if "ledger_erasures" in statement]


def test_hot_paths_ask_once_per_batch_by_index_and_not_at_all_without_erasures(
    sqlite_ledger: Ledger, plans: Make, source: Make, ready: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tombstones, "FRESH_SECONDS", 3600)
    ledger = sqlite_ledger
    rows, decisions = [source(n) for n in range(1000)], [ready(n) for n in range(500)]
    # The first page of a process asks whether there are any, nothing after it does.
    ledger._database.erasures.asked_at = time.monotonic()
    assert queries(ledger, lambda: (stage(ledger, *rows), decide(ledger, *decisions))) == []
    stage(ledger, vera())
    erase_vera(ledger)
    for work in (lambda: stage(ledger, *rows, run="r2"), lambda: decide(ledger, *decisions)):
        [asked] = queries(ledger, work)
        told = plans(work)[asked]
        assert told == ["SEARCH ledger_erasures USING INDEX ix_ledger_erasures_mark (mark=?)"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"Email": "Ada@Example.org "}, {"ada@example.org"}),
        ({"a": [{"b": "x <a@b.nl>; c@d.nl,e@f.nl."}]}, {"a@b.nl", "c@d.nl", "e@f.nl"}),
        (
            {"Email": "Sean.O'Brien@example.org", "b": "'quoted@example.org'"},
            {"sean.o'brien@example.org", "quoted@example.org"},
        ),
        ({"Notes": "@ at@ @at", "n": 3, "none": None}, set()),
        ({"long": "x" * 5_000_000 + "@" + "y" * 5_000_000}, set()),
    ],
    ids=["folded", "in texts and lists", "apostrophes", "no addresses", "megabytes"],
)
def test_addresses_are_found_wherever_they_are(content: Any, found: set[str]) -> None:
    assert addresses_in(content) == found

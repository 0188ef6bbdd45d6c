"""Whoever was erased is gone from the ledger and its files, and nothing brings them back."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, text

import fresh_ledger
from include.ledger import erasures as module
from include.ledger import open_ledger, tombstones
from include.ledger.previews import Preview
from include.ledger.tables import deliveries, staged
from include.ledger.tombstones import ERASED, MARKER, addresses_in
from include.privacy.erasing import erase
from include.privacy.person import person
from include.records import Decision, SourceRow, StreamKey, Window
from remains import remains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.ledger import Ledger
    from include.privacy.erasing import Erased
    from tests.include.ledger.conftest import Clock

Make = Any
STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
OTHER_DAG = StreamKey("exact_contacts_to_personio_employees", 124132, "Contacts")
TO: Any = (4242, "application", 1001)
VERA = "d3b07384-0000-4000-8000-000000000001"
MAIL = "vera.unmistakable@example.org"
WORDS = [MAIL, "Unmistakable", "Verafirst"]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(tombstones, "FRESH_SECONDS", 0)


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """Open a ledger whose files are not written anew: that has tests of its own."""
    monkeypatch.setattr(module, "scrub", lambda _: True)
    path = tmp_path / "fresh.db"
    with open_ledger(f"sqlite:///{path}", fresh_ledger.put(path), clock=clock) as opened:
        yield opened


@pytest.fixture
def both(url: str, key: str, clock: Clock) -> Iterator[Ledger]:
    """Open a ledger on either database."""
    with open_ledger(url, key, clock=clock) as opened:
        yield opened


def vera(version: int = 1, **changes: Any) -> SourceRow:
    row = {"ID": VERA, "FirstName": "Verafirst", "LastName": "Unmistakable", "Email": MAIL}
    return SourceRow(VERA, version, None, row | {"Modified": f"/Date({version})/"} | changes)


def made(version: int = 1, source_id: str = VERA, email: str = MAIL) -> Decision:
    payload = {"first_name": "Verafirst", "last_name": "Unmistakable", "email": email}
    return Decision(source_id, version, "ready", payload=payload, email=email, trace={"email": "Email"})


def stage(ledger: Ledger, *rows: SourceRow, stream: StreamKey = STREAM, run: str = "r1") -> Any:
    return ledger.staging.stage(stream, run, rows, resume=None, page=1, versioned=not stream.is_history)


def decide(ledger: Ledger, *decisions: Decision, stream: StreamKey = STREAM, **asked: Any) -> dict[str, int]:
    return ledger.deliveries.decide(stream, "application", 1001, 4242, decisions, "r1", fingerprint="m1", **asked)


def erase_vera(ledger: Ledger, text: str = MAIL) -> Erased:
    return erase(ledger, person(ledger, text), asked_by="officer", exports=Path("/nowhere"))


def contents(ledger: Ledger, stream: StreamKey = STREAM) -> list[dict[str, Any]]:
    with ledger._database.read() as connection:
        sealed = connection.execute(
            staged.select().where(staged.c.dag_id == stream.dag_id, staged.c.division == stream.division)
        ).all()
    return [ledger._cipher.open(row.sealed) for row in sealed]


def of_state(ledger: Ledger, state: str, *, settle: bool = True) -> Any:
    """Bring Vera's delivery into a state; return the claim that did."""
    stage(ledger, vera())
    if state in {"rejected", "skipped_by_rule"}:
        decide(ledger, Decision(VERA, 1, state, "exact.City.missing", "City", email=MAIL))  # type: ignore[arg-type]
        return None
    decide(ledger, made())
    if state == "ready":
        return None
    claim = ledger.deliveries.claim(*TO, run_id="r1")
    assert claim is not None
    if state != "sending" and settle:
        assert ledger.deliveries.settle(claim, state, remote_id="77", result={"warnings": [MAIL]})  # type: ignore[arg-type]
    return claim


STATES = ("ready", "retry", "sending", "in_doubt", "rejected", "skipped_by_rule", "created", "already_there")


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_left_of_a_delivery_in_any_state(ledger: Ledger, state: str) -> None:
    """What was not done is left alone for good; what was done stays done."""
    of_state(ledger, state)
    done = erase_vera(ledger)
    with ledger._database.read() as connection:
        row = connection.execute(deliveries.select()).one()
    assert (row.sealed, row.result, row.email_hash, row.trace) == (None, None, None, None)
    sent = state in {"created", "already_there"}
    assert row.state == (state if sent else "skipped_by_rule")
    assert row.reason_code == ("" if sent else ERASED)
    assert row.was_in_doubt == (state in {"sending", "in_doubt"})
    assert (done.stopped, done.under_way) == (state in {"ready", "retry"}, state in {"sending", "in_doubt"})
    left = [(one.id, one.certain) for one in done.elsewhere if one.service == "Personio"]
    known = "" if state == "sending" else "77"
    assert left == ([(known, sent)] if sent or state in {"sending", "in_doubt"} else [])
    assert [content[MARKER] for content in contents(ledger)] == [done.erasure]
    # And again: a run that meets the same state, and a newer one.
    for version in (1, 2):
        assert sum((told := decide(ledger, made(version))).values()) == 1
        assert told["ready"] == 0
    assert ledger.deliveries.claim(*TO, run_id="r2") is None
    assert ledger.deliveries.claim_in_doubt(*TO, run_id="r2") is None


def test_a_request_that_has_not_left_is_not_sent(ledger: Ledger) -> None:
    """The sender renews its lease right before the request: it has lost the delivery."""
    claim = of_state(ledger, "sending")
    erase_vera(ledger)
    assert not ledger.deliveries.renew(claim)


def test_an_answer_that_comes_afterwards_is_noted_and_brings_nothing_back(ledger: Ledger) -> None:
    claim = of_state(ledger, "sending")
    erase_vera(ledger)
    assert not ledger.deliveries.settle(claim, "created", remote_id="9", result={"warnings": [MAIL]})
    story = [(line.kind, line.to_state) for line in ledger.deliveries.history(VERA)]
    assert story[-1] == ("late_outcome", "created")
    assert ledger.deliveries.results(VERA) == []


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


def test_previews_and_contents_of_single_runs_are_blanked_and_stay_so(both: Ledger) -> None:
    ledger = both
    stage(ledger, vera())
    decide(ledger, made())
    decide(ledger, made(email="vera@second.example.org"), stream=STREAM.history(), selected_for="dag/run")
    shown = Preview(VERA, "ready", "", "", "create", "waits", dict(made().payload or {}), MAIL, {"email": "Email"})
    ledger.previews.add("dag/seen", [shown], stream=STREAM)
    assert erase_vera(ledger).blanked == {
        "run_outbox": 1,
        "delivery": 1,
        "staged": 1,
        "preview": 1,
        "failure": 0,
        "news": 0,
    }
    ledger.previews.add("dag/later", [shown], stream=STREAM)
    for run in ("dag/seen", "dag/later"):
        [line] = ledger.previews.read(run)
        assert (line.action, line.reason_code, line.payload, line.email) == ("nothing", ERASED, None, None)
    assert ledger.deliveries.selected("dag/run") == {}
    assert not any(piece.content for piece in ledger.holdings.pieces())


def data_files(ledger: Ledger, url: str, tmp_path: Path) -> list[Path]:
    if url.startswith("sqlite"):
        return sorted(tmp_path.glob("ledger.db*"))
    with ledger._database.write() as connection:
        names = ("staged", "deliveries", "previews", "run_outbox", "failures", "events", "erasures")
        paths = [connection.execute(text(f"SELECT pg_relation_filepath('ledger_{name}')")).scalar() for name in names]
        folder = Path(str(connection.execute(text("SHOW data_directory")).scalar()))
    with ledger._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
    whole = [folder / str(path) for path in paths]
    return [file for file in whole if file.exists()]


def test_no_byte_of_the_person_is_left_in_the_database(
    both: Ledger, url: str, tmp_path: Path, key: str, source: Make
) -> None:
    """Neither in clear nor in any token that the key opens, also not of states that were overwritten before."""
    ledger = both
    # Many others, so that pages are split, moved and freed.
    stage(ledger, *(source(number) for number in range(2, 200)))
    for version in range(1, 6):
        stage(ledger, vera(version, City=f"city {version}"), run=f"r{version}")
        decide(ledger, made(version))
    shown = Preview(VERA, "ready", "", "", "create", "", dict(made().payload or {}), MAIL)
    ledger.previews.add("dag/seen", [shown], stream=STREAM)
    before = remains(data_files(ledger, url, tmp_path), WORDS, key)
    assert {word for hits in before.values() for word in hits} == {f"sealed {word}" for word in WORDS}
    assert erase_vera(ledger).finished
    stage(ledger, vera(9), run="r9")
    decide(ledger, made(9))
    files = data_files(ledger, url, tmp_path)
    assert files
    assert remains(files, WORDS, key) == {}
    # The scan would find somebody: the others are still there.
    assert remains(files, ["Ada"], key)


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


def test_who_erased_is_on_record_and_nobody_is_named(ledger: Ledger, clock: Clock) -> None:
    stage(ledger, vera())
    erase_vera(ledger)
    [known] = ledger.erasures.known()
    assert (known.asked_by, known.why, known.at, known.records, known.marks) == ("officer", "asked", clock.at, 1, 2)
    assert known.finished_at == clock.at
    with ledger._database.read() as connection:
        rows = [tuple(row) for row in connection.execute(text("SELECT * FROM ledger_erasures"))]
    assert not any(word.lower() in str(rows).lower() for word in (VERA, *WORDS))


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


def test_retention_reaches_what_a_run_kept_for_itself(ledger: Ledger, clock: Clock) -> None:
    """A run that cannot be retried any more sends nothing: what it decided for itself goes with its window."""
    stage(ledger, vera())
    decide(ledger, made())
    lane = STREAM.history()
    ledger.windows.pin(lane, "run", Window("window", 1, advances=False))
    decide(ledger, made(email="vera@second.example.org"), stream=lane, selected_for=f"{STREAM.dag_id}/run")
    own = [piece for piece in ledger.holdings.pieces() if piece.kind == "run_outbox"]
    assert len(own) == 1
    clock.advance(179 * 86_400)
    ledger.retention.purge(clock.at)
    assert [piece for piece in ledger.holdings.pieces() if piece.kind == "run_outbox"] == own
    clock.advance(2 * 86_400)
    ledger.retention.purge(clock.at)
    assert [piece for piece in ledger.holdings.pieces() if piece.kind == "run_outbox"] == []

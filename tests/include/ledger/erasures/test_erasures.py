"""Whoever was erased is gone from the ledger and its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from include.ledger.previews import Preview
from include.ledger.tables import deliveries
from include.ledger.tombstones import ERASED, MARKER
from include.records import Window
from remains import remains
from vera import MAIL
from vera_staged import STREAM, TO, VERA, WORDS, contents, decide, erase_vera, made, of_state, stage, vera

if TYPE_CHECKING:
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

Make = Any


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


def test_who_erased_is_on_record_and_nobody_is_named(ledger: Ledger, clock: Clock) -> None:
    stage(ledger, vera())
    erase_vera(ledger)
    [known] = ledger.erasures.known()
    assert (known.asked_by, known.why, known.at, known.records, known.marks) == ("officer", "asked", clock.at, 1, 2)
    assert known.finished_at == clock.at
    with ledger._database.read() as connection:
        rows = [tuple(row) for row in connection.execute(text("SELECT * FROM ledger_erasures"))]
    assert not any(word.lower() in str(rows).lower() for word in (VERA, *WORDS))


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

"""Erasures that were cut off, wherever that was: they are not taken for ended, and housekeeping ends them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from include.ledger import blanking
from include.ledger.erasure_tables import erasures
from include.ledger.erasures import UNDER_WAY, Erasures
from include.privacy import erasing
from include.privacy.erasing import erase_records
from include.privacy.following import follow_deletions
from include.privacy.readmitting import readmit
from include.privacy.resuming import resume
from line import DIVISION, Line
from moved import hire
from planned import fill
from vera import MAIL, MAY, erased, held

if TYPE_CHECKING:
    from pathlib import Path

    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox


class Cut(BaseException):
    """The process is killed here."""


def cut_off(monkeypatch: pytest.MonkeyPatch, work: Any, place: Any, name: str) -> None:
    """Do something and die when a function is called."""

    def dies(*_: object, **__: object) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(place, name, dies)
        with pytest.raises(Cut):
            work()


def resumed(ledger: Ledger, home: Path) -> int:
    """Let erasures be older than those that may still be under way, and end them."""
    with ledger._database.write() as connection:
        old = datetime.now(UTC) - UNDER_WAY - timedelta(minutes=1)
        connection.execute(update(erasures).values(at=old))
    found = resume(ledger, exports=home / "exports")
    if ledger.erasures.unfinished():
        # As housekeeping does next.
        ledger.erasures.finish()
    return found


def test_it_is_not_taken_for_finished(line: Line, vera: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line.run("first")
    cut_off(monkeypatch, lambda: erased(line.ledger, home), Erasures, "blank")
    line.ledger.erasures.finish()
    [known] = line.ledger.erasures.known()
    assert (known.blanked_at, known.finished_at) == (None, None)
    assert held(line.ledger)


PLACES = [
    (Erasures, "blank"),
    (blanking._Eraser, "staged"),
    (erasing, "gathered"),
    (erasing, "in_exports"),
    (Erasures, "blanked"),
]


@pytest.mark.parametrize("where", PLACES, ids=[name for _, name in PLACES])
@pytest.mark.parametrize("entity", ["Contacts", "Accounts"])
def test_it_is_ended_by_its_marks_wherever_it_was_cut(  # noqa: PLR0917 - fixtures
    line: Line,
    sandbox: RunningSandbox,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: tuple[Any, str],
    entity: Any,
) -> None:
    """Nobody names her again. As an account's main contact she has no row of her own; an export names her, too."""
    hire(sandbox, 1, Email=MAIL, FirstName="Verafirst")
    [other] = fill(sandbox, MAY, FirstName="Bob", Email="bob@example.org")
    Line(line.ledger, sandbox, entity=entity).run("first")
    export = home / "exports" / "rows.jsonl"
    export.parent.mkdir(exist_ok=True)
    export.write_text(json.dumps({"Name": "Verafirst", "Email": MAIL}) + "\n" + json.dumps({"ID": other}) + "\n")
    cut_off(monkeypatch, lambda: erased(line.ledger, home), *where)
    assert resume(line.ledger, exports=home / "exports") == 0
    assert resumed(line.ledger, home) == 1
    assert held(line.ledger) == []
    assert held(line.ledger, "verafirst") == []
    assert json.loads(export.read_text()) == {"ID": other}
    [known] = line.ledger.erasures.known()
    assert known.blanked_at is not None
    assert known.finished_at is not None
    assert resumed(line.ledger, home) == 0


def test_what_personio_has_is_told(
    line: Line, vera: str, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    line.run("first")
    cut_off(monkeypatch, lambda: erased(line.ledger, home), Erasures, "blank")
    with caplog.at_level(logging.INFO):
        resumed(line.ledger, home)
    assert "Personio: application for position 1001" in caplog.text
    assert MAIL not in caplog.text


def test_a_deletion_that_was_cut_off_reaches_the_account(
    line: Line, sandbox: RunningSandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [contact] = hire(sandbox, 1, Email=MAIL, FirstName="Verafirst")
    Line(line.ledger, sandbox, entity="Accounts").run("first")
    gone = [(DIVISION, "Contacts", contact)]
    work = lambda: list(erase_records(line.ledger, gone, asked_by="housekeeping", why="exact.deleted"))  # noqa: E731
    cut_off(monkeypatch, work, Erasures, "blank")
    assert resumed(line.ledger, home) == 1
    assert held(line.ledger) == []


@pytest.mark.parametrize("by", ["deletion", "id"])
def test_another_erasure_of_one_record_does_not_end_it(
    line: Line, sandbox: RunningSandbox, home: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Her two records were meant; one of them is erased by other means before the first erasure is ended."""
    one, _ = [fill(sandbox, MAY, FirstName="Vera", LastName=name, Email=MAIL)[0] for name in ("One", "Two")]
    line.run("first")
    cut_off(monkeypatch, lambda: erased(line.ledger, home), Erasures, "blank")
    if by == "id":
        erased(line.ledger, home, one)
    else:
        sandbox.sandbox.exact.delete(DIVISION, "Contacts", one)
        with line.exact("housekeeping") as client:
            follow_deletions(line.ledger, client, asked_by="housekeeping")
    resumed(line.ledger, home)
    assert held(line.ledger) == []


def test_letting_in_again_is_repeated_after_it_was_cut_off(
    line: Line, vera: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.run("first")
    erased(line.ledger, home)
    work: Any = lambda: readmit(line.ledger, MAIL, division=None, asked_by="officer", anew=True)  # noqa: E731
    cut_off(monkeypatch, work, blanking, "readmit")
    assert "1 deliveries to be decided again" in work()[0]

"""The commands tell, hand out and erase what is held of a person; nothing personal is told unless it is asked for."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import fresh_ledger
from include.cli import app
from include.ledger import erasures, open_ledger, tombstones
from include.records import Decision, SourceRow, StreamKey

if TYPE_CHECKING:
    from pathlib import Path

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
VERA = "d3b07384-0000-4000-8000-000000000001"
MAIL = "vera@example.org"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", fresh_ledger.put(tmp_path / "exact_personio.db"))
    monkeypatch.delenv("EXACT_PERSONIO_LEDGER_URL", raising=False)
    monkeypatch.setattr(erasures, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(tombstones, "FRESH_SECONDS", 0)
    row = {"ID": VERA, "FirstName": "Vera", "LastName": "Jansen", "Email": MAIL}
    with open_ledger() as ledger:
        ledger.staging.stage(STREAM, "r1", [SourceRow(VERA, 1, None, row)], resume=None, page=1)
        made = Decision(VERA, 1, "ready", payload={"first_name": "Vera", "email": MAIL}, email=MAIL)
        ledger.deliveries.decide(STREAM, "application", 1001, 4242, [made], "r1", fingerprint="m1")
    folder = tmp_path / "exports" / "dag" / "run"
    folder.mkdir(parents=True)
    (folder / "task.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return tmp_path


def told(*words: str, answer: str = "", code: int = 0) -> str:
    result = CliRunner().invoke(app, ["privacy", *words], input=answer)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("who", [MAIL, VERA, f"{{{VERA.upper()}}}"])
def test_find_tells_where_and_not_what(who: str) -> None:
    for text in (told("find", who), told("find", who, "--json")):
        assert VERA in text
        assert "task.jsonl" in text
        assert "ready" in text
        assert not any(word in text for word in ("Vera", "Jansen", MAIL))


def test_find_shows_the_data_when_asked() -> None:
    shown = json.loads(told("find", MAIL, "--show"))
    assert shown["addresses"] == [MAIL]
    assert {place["kind"] for place in shown["held"]} == {"staged", "delivery"}


def test_who_is_asked_for_is_on_no_command_line() -> None:
    assert VERA in told("find", answer=f"{MAIL}\n")


def test_export_is_for_its_owner_alone_and_overwrites_nothing(home: Path) -> None:
    file = home / "vera.json"
    assert MAIL not in told("export", str(file), MAIL)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    out = json.loads(file.read_text(encoding="utf-8"))
    contents = [place["content"] for place in out["held"]]
    assert {"ID": VERA, "FirstName": "Vera", "LastName": "Jansen", "Email": MAIL} in contents
    assert [content["sent"]["payload"] for content in contents if "sent" in content] == [
        {"first_name": "Vera", "email": MAIL}
    ]
    assert out["exports"][0]["rows"][0]["LastName"] == "Jansen"
    assert "privacy.file.unwritable" in told("export", str(file), MAIL, code=1)
    assert json.loads(told("export", "-", MAIL))["addresses"] == [MAIL]


def test_erase_asks_first_and_names_what_is_left_to_do(home: Path) -> None:
    assert "Aborted" in told("erase", MAIL, answer="n\n", code=1)
    assert json.loads(told("find", MAIL, "--json"))["kept_out_by"] == []
    done = json.loads(told("erase", MAIL, "--yes", "--json", "--by", "officer"))
    assert (done["stopped"], done["under_way"], done["finished"]) == (1, 0, True)
    assert done["elsewhere"] == [
        {"service": "Exact", "what": "Contacts in division 124132", "id": VERA, "certain": True}
    ]
    assert (home / "exports" / "dag" / "run" / "task.jsonl").read_bytes() == b""
    found = json.loads(told("find", MAIL, "--json"))
    assert (found["held"], found["kept_out_by"]) == ([], [done["erasure"]])
    assert not any(place["has_content"] for place in json.loads(told("find", VERA, "--json"))["held"])
    log = told("log")
    assert "officer" in log
    assert not any(word in log for word in (VERA, MAIL))


def test_an_address_that_nobody_has_can_be_kept_out() -> None:
    """Asked before they were ever read: they are not taken in at all."""
    assert "Nothing is held" in told("find", "nobody@example.org")
    told("erase", "nobody@example.org", "--yes")
    assert "kept out" in told("find", "nobody@example.org")


def test_readmit_lifts_what_was_erased_together() -> None:
    told("erase", MAIL, "--yes")
    assert "1 rows are to be read again" in told("readmit", VERA, "--yes")
    assert json.loads(told("find", MAIL, "--json"))["kept_out_by"] == []
    assert "privacy.erasure.unknown" in told("readmit", MAIL, "--yes", code=1)


@pytest.mark.parametrize("who", ["Jansen", "12345", "d3b07384"])
def test_half_an_id_or_a_name_is_nobody(who: str) -> None:
    """Whom a name or a part of an id means is not sure enough to erase."""
    assert "privacy.person.unknown" in told("erase", who, "--yes", code=1)


def test_scrub_finishes_what_was_left() -> None:
    assert told("scrub") == "Done.\n"

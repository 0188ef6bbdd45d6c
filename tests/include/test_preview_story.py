"""``exact-personio preview`` as a person meets it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from include import preview_story as story
from include.cli import app
from include.ledger import Ledger, open_ledger
from preview_samples import RUN, TERMINAL, hostile, keep, record, rejected, source_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from include.ledger.previews import Preview


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", Fernet.generate_key().decode())
    # As wide as a person's window: narrower ones fold texts in the middle of a word.
    monkeypatch.setenv("COLUMNS", "220")
    with open_ledger() as opened:
        yield opened


def told(*args: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["preview", *args])
    assert result.exit_code == code, result.output
    return result.output


def as_json(*args: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told(*args, "--json"))
    return found


def test_every_field_of_a_payload_has_its_rule() -> None:
    assert [tuple(asdict(line).values()) for line in story.lines(record(1))] == [
        ("first_name", "Sanne", "from FirstName (built-in)"),
        ("last_name", "de Vries 1", "template over MiddleName, LastName (built-in)"),
        ("email", "sanne1@example.org", "from Email (built-in)"),
        ("job_position_id", "1001", "constant (param)"),
        ("tags", '["Exact", "Prospect"]', "constant (file); from Status (file)"),
        ("phase", '{"type": "system", "id": "offer"}', "constant (file)"),
        ("attributes.phone", "+31 20 123 45 67", "from Phone (built-in)"),
    ]


def test_custom_attributes_are_fields_of_their_own() -> None:
    preview = record(1, payload={"custom_attributes": {"dynamic_1": 7}}, trace={"custom_attributes.dynamic_1": "r"})
    assert story.lines(preview) == [story.Line("custom_attributes.dynamic_1", "7", "r")]


@pytest.mark.parametrize(
    ("code", "field", "words"),
    [
        ("", "", ""),
        ("exact.Email.missing", "contact.Email", "contact.Email: missing, in Exact [exact.Email.missing]"),
        ("rule.Created.not_new", "", "Created: not new, by a rule [rule.Created.not_new]"),
        ("mapping.tags.template_failed", "", "tags: template failed, by the mapping [mapping.tags.template_failed]"),
    ],
)
def test_why_names_field_problem_and_code(code: str, field: str, words: str) -> None:
    assert story.why(record(1, reason_code=code, field=field)) == words


def test_table_shows_what_would_be_done_and_why_not(ledger: Ledger) -> None:
    keep(ledger, [record(1), rejected(2), record(3, action="send_again", existing="application 7 for this position")])
    text = told()
    assert RUN in text
    assert "3 records, nothing written" in text
    assert "1 would create" in text
    assert "1 would do nothing exact.Email.missing" in text
    for shown in (
        source_id(1),
        "last_name = de Vries 1  ← template over MiddleName, LastName (built-in)",
        "attributes.phone = +31 20 123 45 67  ← from Phone (built-in)",
        "Email: missing, in Exact [exact.Email.missing]",
        "was refused before",
        "would send again if it is not there",
        "application 7 for this position",
    ):
        assert shown in text


def test_json_holds_exactly_what_was_kept(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """More records than are opened at once, a hostile one among them."""
    monkeypatch.setattr(story, "SLICE", 2)
    records = [*(record(number) for number in range(5)), rejected(5), hostile(6)]
    keep(ledger, records)
    found = as_json()
    assert found["run"] == RUN
    assert found["counts"] == [
        {"action": "create", "reason_code": "", "count": 6},
        {"action": "nothing", "reason_code": "exact.Email.missing", "count": 1},
    ]
    assert sorted(found["records"], key=lambda row: row["ID"]) == [story.plain(one) for one in records]
    assert found["records"][0]["payload"] == records[0].payload
    assert found["records"][0]["rules"] == records[0].trace


def test_newest_preview_is_the_default(ledger: Ledger) -> None:
    keep(ledger, [record(1)], "dag_a/first")
    keep(ledger, [record(2)], "dag_b/second")
    assert as_json()["run"] == "dag_b/second"
    for name in ("dag_a/first", "first"):
        assert [row["ID"] for row in as_json(name)["records"]] == [source_id(1)]


@pytest.mark.parametrize("written", ["{{{0}}}", " {0} ", "{0}"], ids=["braces", "spaces", "plain"])
def test_one_record_however_its_id_was_copied(ledger: Ledger, written: str) -> None:
    keep(ledger, [record(1), record(2)])
    [found] = as_json("--record", written.format(source_id(2).upper()))["records"]
    assert found["ID"] == source_id(2)
    assert source_id(1) not in told("--record", source_id(2))


def test_one_action(ledger: Ledger) -> None:
    keep(ledger, [record(1), rejected(2)])
    assert [row["ID"] for row in as_json("--action", "nothing")["records"]] == [source_id(2)]
    assert len(as_json("--action", "nothing")["counts"]) == 2


def test_table_says_that_it_is_not_all(ledger: Ledger) -> None:
    keep(ledger, [record(number) for number in range(5)])
    text = told("--limit", "2")
    assert source_id(1) in text
    assert source_id(2) not in text
    assert "These are not all" in text
    assert "These are not all" not in told()


@pytest.mark.parametrize(
    ("runs", "args", "code"),
    [
        ([], [], "preview.run.unknown"),
        (["dag_a/one"], ["other"], "preview.run.unknown"),
        (["dag_a/one", "dag_b/one"], ["one"], "preview.run.ambiguous"),
        (["dag_a/one"], ["--record", source_id(9)], "preview.record.unknown"),
        (["dag_a/one"], ["--json", "--record", source_id(9)], "preview.record.unknown"),
    ],
    ids=["none", "unknown", "ambiguous", "record", "record-json"],
)
def test_what_is_not_there_is_a_sentence(ledger: Ledger, runs: Sequence[str], args: list[str], code: str) -> None:
    for run in runs:
        keep(ledger, [record(1)], run)
    assert f"[{code}]" in told(*args, code=1)


def test_hostile_record_does_not_steer_the_terminal(ledger: Ledger) -> None:
    keep(ledger, [hostile(1)])
    text = told()
    assert not {"\x1b", "\x07", "\x00", "\x9b", "\u202e"} & set(text)
    assert "[bold]" in text
    assert "\\u001b]0;owned\\u0007" in text
    assert TERMINAL not in told("--json")


def test_spelled_out_text_loses_nothing_else() -> None:
    assert story.shown("Zoë 👩‍👩‍👧\n\tשמש \ud800") == "Zoë 👩‍👩‍👧\n\tשמש \\ud800"


def test_person_is_named_as_the_payload_says(ledger: Ledger) -> None:
    nobody: Preview = rejected(1)
    assert story.person(record(1)) == "Sanne de Vries 1, sanne1@example.org"
    assert story.person(nobody) == ""

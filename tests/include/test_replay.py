"""``exact-personio replay`` and ``status`` as a person meets them."""

from __future__ import annotations

import json
import tracemalloc
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from include.cli import app
from include.errors import ConfigurationError, CredentialsError
from include.ledger import open_ledger
from include.records import Decision
from include.replay import plan, selection
from refused import DAG, REASONS, STREAM, put_rejected, source_id, stage

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = (
    f"airflow dags trigger {DAG} --conf "
    """'{"replay_only": true, "division": 124132, "job_position_id": 1001}'"""
)


@pytest.mark.parametrize(
    ("named", "fitting"),
    [
        ({"remap": True, "dag": DAG}, 3),
        ({"remap": True, "reason": REASONS[0]}, 1),
        ({"all_rejected": True, "since": "2026-01-01"}, 2),
        ({"all_rejected": True, "since": "2999-01-01T00:00:00+01:00"}, 0),
        ({"all_rejected": True, "destination": "application"}, 2),
        ({"all_rejected": True, "destination": "employee"}, 0),
    ],
)
def test_more_that_can_be_named(named: dict[str, Any], fitting: int) -> None:
    """Two refused records, one of each lane, and one that waits to be sent: only a remap takes that one."""
    with open_ledger("sqlite://", Fernet.generate_key().decode()) as ledger:
        stage(ledger, list(REASONS), [STREAM, STREAM.history(), STREAM])
        ready = Decision(source_id(2), 3, "ready", payload={"job_position_id": 1001}, email="a@example.org")
        ledger.deliveries.decide(STREAM, "application", 1001, 4242, [ready], f"{DAG}/r1", fingerprint="m")
        planned = plan(ledger, selection(ledger, **named))
        assert planned.waiting == fitting
        assert planned.dags() == ([DAG] if fitting else [])


def test_every_position_has_a_run_of_its_own() -> None:
    """A run decides for one position; employees have none."""
    with open_ledger("sqlite://", Fernet.generate_key().decode()) as ledger:
        stage(ledger, [REASONS[0]] * 3)
        refused = Decision(source_id(1), 2, "rejected", REASONS[0])
        ledger.deliveries.decide(STREAM, "application", 1002, 4242, [refused], f"{DAG}/r2", fingerprint="m")
        ledger.deliveries.decide(STREAM, "employee", None, 4242, [refused], f"{DAG}/r3", fingerprint="m")
        planned = plan(ledger, selection(ledger, all_rejected=True))
        assert planned.runs() == [
            (DAG, {"division": 124132, "job_position_id": 1001}),
            (DAG, {"division": 124132, "job_position_id": 1002}),
            (DAG, {"division": 124132}),
        ]
        assert any("for position 1002" in line for line in planned.lines())


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({"remap": True}, "replay.records.missing"),
        ({"all_rejected": True, "since": "yesterday"}, "replay.since.malformed"),
    ],
)
def test_mistakes_of_the_newer_options_are_named(named: dict[str, Any], code: str) -> None:
    with (
        open_ledger("sqlite://", Fernet.generate_key().decode()) as ledger,
        pytest.raises(ConfigurationError) as caught,
    ):
        selection(ledger, **named)
    assert caught.value.reason_code == code
    assert caught.value.way_out


# ---- the command line


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_KEY", Fernet.generate_key().decode())
    with open_ledger() as ledger:
        stage(ledger, [REASONS[0], REASONS[0], REASONS[1], REASONS[2]])


def cli(*arguments: str, typed: str = "") -> tuple[int, str]:
    ran = CliRunner().invoke(app, list(arguments), input=typed)
    return ran.exit_code, ran.output


@pytest.mark.usefixtures("home")
def test_it_counts_asks_marks_and_says_what_is_next() -> None:
    code, told = cli("replay", "--reason", REASONS[0], typed="n\n")
    assert code == 1
    assert f"2 of {DAG}" in told
    code, told = cli("replay", "--reason", REASONS[0], typed="y\n")
    assert code == 0
    assert "Marked: 2." in told
    assert COMMAND in told
    code, told = cli("replay", "--reason", REASONS[0], "--yes")
    assert "2 of them marked already" in told


@pytest.mark.usefixtures("home")
def test_json_without_yes_changes_nothing() -> None:
    for _ in range(2):
        _, told = cli("replay", "--all-rejected", "--json")
        found = json.loads(told)
        assert (found["fitting"], found["marked"]) == (3, None)
        assert found["next"] == [COMMAND]
    assert json.loads(cli("replay", "--all-rejected", "--json", "--yes")[1])["marked"] == 3


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "marked"),
    [
        ([source_id(0), source_id(3)[:8]], 2),
        (["--run", f"{DAG}/r1"], 4),
        (["--run", f"{DAG}/r1", "--dag", "another"], 0),
        (["--all-rejected", "--reason", REASONS[1]], 1),
    ],
    ids=["records", "run", "another dag", "both"],
)
def test_what_can_be_named(arguments: list[str], marked: int) -> None:
    code, told = cli("replay", *arguments, "--yes", "--json")
    assert (code, json.loads(told)["marked"] or 0) == (0, marked)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--yes"], "--all-rejected"),
        (["--dag", DAG, "--yes"], "--all-rejected"),
        (["--reason", "exact.Email.mising", "--yes"], REASONS[0]),
        (["nobody@example.org", "--yes"], "ledger.record.unknown"),
    ],
    ids=["nothing", "a whole dag", "unknown reason", "unknown record"],
)
def test_mistakes_are_one_sentence_with_a_way_out(arguments: list[str], sentence: str) -> None:
    code, told = cli("replay", *arguments)
    assert code == 1
    assert sentence in told
    assert "nobody@" not in told


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("number", [10_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_thousands_of_one_cause_are_one_command(number: int) -> None:
    with open_ledger() as ledger:
        put_rejected(ledger, number)
    code, told = cli("replay", "--reason", "personio.files.not_readable", "--yes", "--json")
    assert (code, json.loads(told)["marked"]) == (0, number)
    again = json.loads(cli("replay", "--reason", "personio.files.not_readable", "--yes", "--json")[1])
    assert (again["marked"], again["streams"][0]["marked"]) == (None, number)


@pytest.mark.usefixtures("home")
def test_memory_does_not_grow_with_their_number() -> None:
    """Less than a third of what their lines would take, were they held at once."""
    with open_ledger() as ledger:
        put_rejected(ledger, 20_000)
    tracemalloc.start()
    _, told = cli("replay", "--reason", "personio.files.not_readable", "--yes", "--json")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert json.loads(told)["marked"] == 20_000
    assert peak < 8 * 1024 * 1024


@pytest.mark.usefixtures("home")
def test_status_shows_each_stream_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure that a later commit has overtaken is shown as solved."""
    monkeypatch.setenv("COLUMNS", "240")
    with open_ledger() as ledger:
        error = CredentialsError("Refused.", reason_code="personio.login.refused", way_out="Enter the token.")
        ledger.failures.record(f"{DAG}/r1", "load", error)
    code, told = cli("status")
    assert code == 0
    for text in (DAG, "124132", "3 rejected", "1 skipped_by_rule", "personio.login.refused", "Enter the token."):
        assert text in told
    [stream] = json.loads(cli("status", "--json")[1])
    assert (stream["destination"], stream["watermark"], stream["age_seconds"]) == ("application", None, None)
    assert stream["counts"]["rejected"] == 3
    assert stream["counts"]["in_doubt"] == 0
    assert stream["last_failure"]["solved"] is False
    with open_ledger() as ledger:
        ledger.watermarks.advance(STREAM, expected=None, to=2**60, run_id="r2", created_from=None)
    [stream] = json.loads(cli("status", "--json")[1])
    assert (stream["watermark"], stream["last_failure"]["solved"]) == (str(2**60), True)
    assert 0 <= stream["age_seconds"] < timedelta(minutes=5).total_seconds()
    assert "a later run went through" in cli("status")[1]


def test_status_of_an_empty_ledger_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    code, told = cli("status")
    assert (code, told.strip()) == (0, "No run has read anything yet.")

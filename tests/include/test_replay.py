"""``exact-personio replay`` and ``status`` as a person meets them; and that replays commute."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from include.cli import app
from include.errors import CredentialsError
from include.ledger import Ledger, open_ledger
from include.ledger.replays import Selection
from include.records import Decision, SourceRow, StreamKey
from include.sync.job import Job
from include.sync.load import Loader, Sent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from include.ledger.claims import Claim

DAG = "exact_contacts_to_personio_applications"
STREAM = StreamKey(DAG, 124132, "Contacts")
JOB = Job(STREAM, "application", company=4242, position=1001)
REASONS = ("exact.Email.missing", "mapping.last_name.empty", "rule.Created.not_new")


def source_id(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


def stage(ledger: Ledger, reasons: list[str]) -> None:
    """Read one record per reason, and refuse each for it."""
    rows = [SourceRow(source_id(n), n + 1, None, {"ID": source_id(n)}) for n in range(len(reasons))]
    ledger.staging.stage(STREAM, "r1", rows, resume=None, page=1)
    decisions = [
        Decision(source_id(n), n + 1, "skipped_by_rule" if reason.startswith("rule") else "rejected", reason)
        for n, reason in enumerate(reasons)
    ]
    write(ledger, decisions)


def write(ledger: Ledger, decisions: list[Decision]) -> None:
    ledger.deliveries.decide(STREAM, "application", 1001, 4242, decisions, f"{DAG}/r1", fingerprint="m")


class Counting:
    """A destination that takes everything, and counts."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        hold()
        self.sent.append(claim.source_id)
        return Sent()

    def find(self, claim: Claim) -> str | None:  # noqa: ARG002 - it is never asked
        return None


def run(ledger: Ledger, delivery: Counting) -> None:
    """Decide what is to be decided, now without a reason to refuse it, and load it."""
    for rows in ledger.staging.undecided(STREAM, "application", 1001, fingerprint="m", company=4242):
        write(
            ledger,
            [
                Decision(
                    row.source_id, row.row_version, "ready", payload={"job_position_id": 1001}, email="a@example.org"
                )
                for row in rows
            ],
        )
    Loader(ledger, delivery, JOB, f"{DAG}/r2").run()


selections = st.one_of(
    st.sampled_from(REASONS).map(lambda reason: Selection(reason_code=reason)),
    st.lists(st.integers(0, 9), max_size=5).map(
        lambda numbers: Selection(sources=[(124132, "Contacts", source_id(n)) for n in numbers])
    ),
    st.just(Selection(states=("rejected",))),
    st.just(Selection(run_id=f"{DAG}/r1")),
)


@settings(max_examples=30, deadline=None)
@given(
    reasons=st.lists(st.sampled_from(REASONS), min_size=1, max_size=10),
    steps=st.lists(st.one_of(selections, st.just("run")), max_size=8),
)
def test_replays_of_any_subsets_in_any_order_end_in_the_same_state(
    reasons: list[str], steps: list[Selection | str]
) -> None:
    """Whatever was replayed before, twice or between runs: in the end everybody has arrived, once."""
    with open_ledger("sqlite://", Fernet.generate_key().decode()) as ledger:
        delivery = Counting()
        stage(ledger, reasons)
        for step in [*steps, Selection(), "run"]:
            if isinstance(step, Selection):
                ledger.deliveries.replay_all(step, run_id="cli")
            else:
                run(ledger, delivery)
        assert sorted(delivery.sent) == [source_id(n) for n in range(len(reasons))]
        assert ledger.deliveries.counts(STREAM, "application", 1001) == {"created": len(reasons)}


@settings(max_examples=20, deadline=None)
@given(
    reasons=st.lists(st.sampled_from(REASONS), min_size=1, max_size=10),
    steps=st.lists(selections, max_size=5),
    data=st.data(),
)
def test_order_of_replays_does_not_matter(reasons: list[str], steps: list[Selection], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(steps))
    ends = []
    for order in (steps, shuffled):
        with open_ledger("sqlite://", Fernet.generate_key().decode()) as ledger:
            delivery = Counting()
            stage(ledger, reasons)
            for step in order:
                ledger.deliveries.replay_all(step, run_id="cli")
            run(ledger, delivery)
            rows = ledger.deliveries.listing(STREAM, "application", 1001)
            ends.append([(row.source_id, row.state, row.reason_code, row.attempt) for row in rows])
    assert ends[0] == ends[1]


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
    assert f"airflow dags trigger {DAG}" in told
    code, told = cli("replay", "--reason", REASONS[0], "--yes")
    assert "2 of them marked already" in told


@pytest.mark.usefixtures("home")
def test_json_without_yes_changes_nothing() -> None:
    for _ in range(2):
        _, told = cli("replay", "--all-rejected", "--json")
        found = json.loads(told)
        assert (found["fitting"], found["marked"]) == (3, None)
        assert found["next"] == [f"airflow dags trigger {DAG}"]
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

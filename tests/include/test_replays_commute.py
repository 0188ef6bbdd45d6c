"""Replays of any records, of either lane, in any order and between any runs: the end is the same."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from include.ledger import Ledger, open_ledger
from include.ledger.replays import Selection
from include.ledger.states import REMAPPABLE
from include.records import SourceRow, Window
from include.sync.decide import decide
from include.sync.job import Job
from include.sync.load import Loader, LoadSettings, Sent
from refused import DAG, MAPPING, REASONS, STREAM, source_id, stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger.claims import Claim
    from include.records import StreamKey
    from include.sync.delivery import Found

JOB = Job(STREAM, "application", company=4242, position=1001)
REPLAY = Window(mode="replay", after=1, advances=False, reading="nothing")
LIVE = Window(mode="live", after=1)


class Counting:
    """A destination that takes everything, and counts."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, claim: Claim, hold: Callable[[], None]) -> Sent:
        hold()
        self.sent.append(claim.source_id)
        return Sent()

    def find(self, claim: Claim) -> Found | None:  # noqa: ARG002 - it is never asked
        return None


def run(ledger: Ledger, delivery: Counting, window: Window = REPLAY) -> None:
    """Decide and load as a run of this window would; no contact is looked up, so Exact is not asked."""
    job = JOB if window.mode == "live" else JOB.history()
    exact: Any = SimpleNamespace(config=SimpleNamespace(zone=ZoneInfo("Europe/Amsterdam")))
    decide(ledger, exact, job, mapping=MAPPING, run_id="r2", window=window)
    settings = LoadSettings(selected=window.mode != "live")
    Loader(ledger, delivery, job, job.run_key("r2"), settings=settings).run()


def ends(ledger: Ledger) -> list[tuple[str, str, str, int]]:
    """Return every delivery as it is, whichever lane owns it."""
    rows = [row for lane in LANES for row in ledger.deliveries.listing(lane, "application", 1001)]
    return sorted((row.source_id, row.state, row.reason_code, row.attempt) for row in rows)


LANES = (STREAM, STREAM.history())
selections = st.one_of(
    st.sampled_from(REASONS).map(lambda reason: Selection(reason_code=reason)),
    st.lists(st.integers(0, 9), max_size=5).map(
        lambda numbers: Selection(sources=[(124132, "Contacts", source_id(n)) for n in numbers])
    ),
    st.just(Selection(states=("rejected",))),
    st.just(Selection(run_id=f"{DAG}/r1")),
    st.just(Selection(dag_id=DAG, states=REMAPPABLE)),
)
records = st.lists(st.tuples(st.sampled_from(REASONS), st.sampled_from(LANES)), min_size=1, max_size=10)


@settings(max_examples=30)
@given(records=records, steps=st.lists(st.one_of(selections, st.sampled_from([REPLAY, LIVE])), max_size=8))
def test_replays_of_any_subsets_in_any_order_end_in_the_same_state(
    records: list[tuple[str, StreamKey]], steps: list[Selection | Window]
) -> None:
    """Whatever was replayed before, twice or between runs: in the end everybody has arrived, once."""
    with open_ledger("sqlite://", Fernet.generate_key().decode()) as ledger:
        delivery = Counting()
        stage(ledger, [reason for reason, _ in records], [lane for _, lane in records])
        for step in [*steps, Selection(), REPLAY]:
            if isinstance(step, Selection):
                ledger.deliveries.replay_all(step, run_id="cli")
            else:
                run(ledger, delivery, step)
        assert sorted(delivery.sent) == [source_id(n) for n in range(len(records))]
        assert [(found[0], found[1]) for found in ends(ledger)] == [
            (source_id(n), "created") for n in range(len(records))
        ]


@settings(max_examples=20)
@given(records=records, steps=st.lists(selections, max_size=5), data=st.data())
def test_order_of_replays_does_not_matter(
    records: list[tuple[str, StreamKey]], steps: list[Selection], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(steps))
    found = []
    for order in (steps, shuffled):
        with open_ledger("sqlite://", Fernet.generate_key().decode()) as ledger:
            stage(ledger, [reason for reason, _ in records], [lane for _, lane in records])
            for step in order:
                ledger.deliveries.replay_all(step, run_id="cli")
            run(ledger, Counting())
            found.append(ends(ledger))
    assert found[0] == found[1]


def test_only_the_newer_of_two_copies_is_decided() -> None:
    """Both lanes have read the record; a backfill has read its correction."""
    with open_ledger("sqlite://", Fernet.generate_key().decode()) as ledger:
        delivery = Counting()
        stage(ledger, [REASONS[0]])
        newer = {"ID": source_id(0), "Email": None, "FirstName": "A", "LastName": "B"}
        row = SourceRow(source_id(0), 9, datetime(2026, 1, 1, tzinfo=UTC), newer)
        ledger.staging.stage(STREAM.history(), "b1", [row], resume=None, page=1)
        ledger.deliveries.replay_all(Selection(), run_id="cli")
        run(ledger, delivery)
        assert delivery.sent == []
        assert ends(ledger) == [(source_id(0), "rejected", "exact.Email.missing", 0)]

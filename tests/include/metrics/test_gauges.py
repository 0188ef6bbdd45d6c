"""The gauges as Prometheus reads them: its own parser judges the text, and the ledger's contents the figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from include.cli import app
from include.clients.token_chain import bury
from include.ledger import open_ledger
from include.ledger.alarms import Trouble
from include.ledger.reconciliations import Check
from include.metrics.exposition import exposition
from include.metrics.gauges import gauges
from include.metrics.samples import Gauge, Sample
from include.metrics.server import Scraped
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.ledger import Ledger

DAG = "exact_contacts_to_personio_applications"
STREAM = StreamKey(DAG, 124132, "Contacts")
TO: Any = (4242, "application", 1001)
LIVE = {"dag_id": DAG, "lane": "live", "division": "124132", "entity": "Contacts"}


class Clock:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[Ledger]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    with open_ledger(clock=clock) as opened:
        yield opened


def scraped(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    families = text_string_to_metric_families(text)
    return {one.name: [(sample.labels, sample.value) for sample in one.samples] for one in families}


def decided(ledger: Ledger, stream: StreamKey, *numbers: int, outcome: Any = "ready") -> None:
    code = "exact.Email.missing" if outcome == "rejected" else ""
    made = [
        Decision(f"00000000-0000-4000-8000-{n:012d}", 1, outcome, code, payload={"n": n}, email=f"p{n}@example.org")
        for n in numbers
    ]
    ledger.deliveries.decide(stream, "application", 1001, 4242, made, "run", fingerprint="m1")


def test_figures_are_what_the_ledger_holds(ledger: Ledger, clock: Clock) -> None:
    ledger.watermarks.advance(STREAM, expected=None, to=9, run_id="r", created_from=None)
    ledger.watermarks.advance(STREAM.history(), expected=None, to=9, run_id="r", created_from=None)
    decided(ledger, STREAM, 1, 2)
    decided(ledger, STREAM, 3, outcome="rejected")
    claim = ledger.deliveries.claim(*TO, run_id="r")
    assert claim is not None
    ledger.deliveries.settle(claim, "in_doubt")
    clock.at += timedelta(hours=2)
    found = scraped(exposition(gauges(ledger)))
    to = LIVE | {"destination": "application"}
    assert found["exact_personio_ledger_up"] == [({}, 1)]
    assert found["exact_personio_watermark_age_seconds"] == [(LIVE, 7200)], "a lane of history has no age"
    assert found["exact_personio_deliveries_pending"] == [(to | {"state": s}, 1) for s in ("in_doubt", "ready")]
    assert found["exact_personio_oldest_pending_age_seconds"] == [(to, 7200)]
    assert found["exact_personio_deliveries_in_doubt"] == [({}, 1)]
    assert found["exact_personio_decided_recently"] == [(to, 3)]
    ((labels, share),) = found["exact_personio_rejected_share"]
    assert labels == to
    assert share == pytest.approx(1 / 3)


def test_quota_is_what_exact_said_and_what_personio_allows(ledger: Ledger) -> None:
    for bucket in ("exact:124132:day", "personio:4242:recruiting", "personio:a-client-id:v2"):
        ledger.pacer.acquire(bucket, limit=20, seconds=60)
    ledger.pacer.learn("exact:124132:day", remaining=4321, reset_in=3600)
    found = scraped(exposition(gauges(ledger)))["exact_personio_quota_left"]
    assert found == [
        ({"service": "exact", "owner": "124132", "window": "day"}, 4321),
        ({"service": "personio", "owner": "4242", "window": "recruiting"}, 19),
        ({"service": "personio", "owner": "", "window": "v2"}, 599),
    ]


def test_clients_without_a_company_are_one_figure(ledger: Ledger) -> None:
    """Two with the same labels would be two samples, and Prometheus refuses the whole scrape."""
    for bucket in ("personio:one-client:v2", "personio:other-client:v2", "personio:other-client:v2"):
        ledger.pacer.acquire(bucket, limit=600, seconds=60)
    found = scraped(exposition(gauges(ledger)))
    labels = {"service": "personio", "owner": "", "window": "v2"}
    assert found["exact_personio_calls_used"] == [(labels, 3)]
    assert found["exact_personio_quota_left"] == [(labels, 598)], "of the one that has the least"


def test_logins_have_days_left_and_a_dead_one_none(ledger: Ledger, clock: Clock) -> None:
    for name in ("alive", "dead"):
        ledger.vault(name).save("access", "refresh", clock.at, clock.at)
    with ledger.vault("dead").locked() as chain:
        bury(chain, "exact.refresh_token.old", None, clock.at)
    clock.at += timedelta(days=10)
    found = scraped(exposition(gauges(ledger)))
    assert found["exact_personio_token_days_left"] == [({"connection": "alive"}, 20), ({"connection": "dead"}, 0)]
    assert found["exact_personio_login_alive"] == [({"connection": "alive"}, 1), ({"connection": "dead"}, 0)]
    clock.at += timedelta(days=21)
    assert [value for _, value in scraped(exposition(gauges(ledger)))["exact_personio_login_alive"]] == [0, 0]


def test_trouble_and_differences_are_named_by_their_codes(ledger: Ledger, clock: Clock) -> None:
    ledger.alarms.note(DAG, Trouble("exact.refresh_token.old", "The login is dead.", "exact-personio login"))
    check = Check("124132/Contacts", "personio.application.missing", 2, ("a", "b"), "exact-personio trace a")
    ledger.reconciliations.keep({"run": "r", "depth": "personio", "verdict": "difference"}, clock.at, [check])
    clock.at += timedelta(hours=1)
    ledger.reconciliations.keep({"run": "s", "depth": "ledger", "verdict": "agreement"}, clock.at, [])
    clock.at += timedelta(hours=1)
    found = scraped(exposition(gauges(ledger)))
    assert found["exact_personio_stream_in_trouble"] == [
        ({"dag_id": DAG, "reason_code": "exact.refresh_token.old"}, 1)
    ]
    kind = {"part": "124132/Contacts", "kind": "personio.application.missing"}
    assert found["exact_personio_differences"] == [(kind, 2)]
    assert sorted(found["exact_personio_reconciliation_age_seconds"], key=str) == [
        ({"depth": "ledger"}, 3600),
        ({"depth": "personio"}, 7200),
    ]


def test_nothing_of_persons_or_keys_is_told(ledger: Ledger) -> None:
    decided(ledger, STREAM, 1)
    with ledger.error_budget("client-id:124132").reserved("crm/Contacts") as count:
        count(404)
    text = exposition(gauges(ledger))
    assert 'exact_personio_error_budget_used{division="124132",endpoint="crm/contacts"} 1' in text
    assert "example.org" not in text
    assert "client-id" not in text


def test_odd_labels_survive_the_text_format() -> None:
    odd = 'a"b\\c\nd'
    assert scraped(exposition([Gauge("odd", "One\nline.", ("name",), (Sample({"name": odd}, 0.5),))])) == {
        "exact_personio_odd": [({"name": odd}, 0.5)]
    }


def test_ledger_that_is_away_is_told_and_comes_back(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", "postgresql+psycopg://nobody@127.0.0.1:9/none")
    answered = Scraped()
    assert scraped(exposition(answered.gauges())) == {"exact_personio_ledger_up": [({}, 0)]}
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    assert scraped(exposition(answered.gauges()))["exact_personio_ledger_up"] == [({}, 1)]
    answered.close()


def test_command_prints_the_same(ledger: Ledger) -> None:
    decided(ledger, STREAM, 1)
    ran = CliRunner().invoke(app, ["metrics", "show", "--days", "3"])
    assert ran.exit_code == 0
    assert len(scraped(ran.output)["exact_personio_deliveries_pending"]) == 1

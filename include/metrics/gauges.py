"""The gauges: what the ledger says of itself, as named figures with labels. Nothing about people is in them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from include.clients.token_chain import death_of, dies_at
from include.errors import ExactPersonioError
from include.metrics.quotas import quotas
from include.metrics.samples import Gauge, Labels, Sample
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.ledger.vitals import Decided, Pending

DAYS: Final = 7
"""How far back the rejected share looks, in days."""

_LANE: Final = ("dag_id", "lane", "division", "entity")
_TARGET: Final = (*_LANE, "destination")


def gauges(ledger: Ledger, *, days: int = DAYS) -> list[Gauge]:
    """Return all gauges; a dozen queries on indexes, whatever the ledger's size.

    :param ledger: the open ledger.
    :param days: how far back the rejected share looks.
    """
    now = ledger.vitals.now()
    return [
        _gauge("ledger_up", "1 if the ledger answers.", (), [Sample({}, 1.0)]),
        _watermark_age(ledger, now),
        *_pending(ledger, now),
        *_decided(ledger, days),
        *quotas(ledger),
        *_logins(ledger, now),
        _alarms(ledger),
        *_reconciled(ledger, now),
    ]


def down() -> list[Gauge]:
    """Return what there is to say while the ledger does not answer."""
    return [_gauge("ledger_up", "1 if the ledger answers.", (), [Sample({}, 0.0)])]


def _gauge(name: str, doc: str, labels: tuple[str, ...], samples: list[Sample]) -> Gauge:
    return Gauge(name, doc, labels, tuple(samples))


def _lane(dag_id: str, division: int, entity: str) -> Labels:
    lane = "history" if dag_id.endswith(HISTORY) else "live"
    return {"dag_id": dag_id.removesuffix(HISTORY), "lane": lane, "division": str(division), "entity": entity}


def _target(one: Pending | Decided) -> Labels:
    return _lane(one.dag_id, one.division, one.entity) | {"destination": one.destination}


def _watermark_age(ledger: Ledger, now: datetime) -> Gauge:
    # A lane of history moves when somebody wants it to: its age says nothing.
    samples = [
        Sample(_lane(one.dag_id, one.division, one.entity), _seconds(now, one.at))
        for one in ledger.vitals.committed()
        if not one.dag_id.endswith(HISTORY)
    ]
    return _gauge("watermark_age_seconds", "Seconds since a live run last committed its watermark.", _LANE, samples)


def _pending(ledger: Ledger, now: datetime) -> Iterator[Gauge]:
    waiting: list[Sample] = []
    oldest: dict[tuple[str, ...], datetime] = {}
    in_doubt = 0
    for one in ledger.vitals.pending():
        target = _target(one)
        waiting.append(Sample(target | {"state": one.state}, one.count))
        key = tuple(target.values())
        oldest[key] = min(oldest.get(key, one.oldest), one.oldest)
        in_doubt += one.count if one.state == "in_doubt" else 0
    yield _gauge("deliveries_pending", "Records that wait, by state.", (*_TARGET, "state"), waiting)
    ages = [Sample(dict(zip(_TARGET, key, strict=True)), _seconds(now, at)) for key, at in oldest.items()]
    yield _gauge("oldest_pending_age_seconds", "Seconds since the oldest waiting record was decided.", _TARGET, ages)
    doc = "Records sent without a clear answer, which the next load clears up."
    yield _gauge("deliveries_in_doubt", doc, (), [Sample({}, in_doubt)])


def _decided(ledger: Ledger, days: int) -> Iterator[Gauge]:
    counts, shares = [], []
    for one in ledger.vitals.decided(timedelta(days=days)):
        labels = _target(one)
        counts.append(Sample(labels, one.count))
        shares.append(Sample(labels, one.rejected / one.count))
    doc = f"Records decided in the last {days} days, of the newest 5,000; without those that a rule skipped."
    yield _gauge("decided_recently", doc, _TARGET, counts)
    yield _gauge("rejected_share", "Share of decided_recently that is rejected, 0 to 1.", _TARGET, shares)


def _logins(ledger: Ledger, now: datetime) -> Iterator[Gauge]:
    left, alive = [], []
    for connection, renewed in ledger.vitals.renewed().items():
        dead = _is_dead(ledger, connection)
        days = max((dies_at(renewed) - now) / timedelta(days=1), 0.0)
        left.append(Sample({"connection": connection}, 0.0 if dead else days))
        alive.append(Sample({"connection": connection}, 0.0 if dead or not days else 1.0))
    yield _gauge("token_days_left", "Days until a login at Exact dies without use; 0: dead.", ("connection",), left)
    yield _gauge("login_alive", "1 if a login at Exact can still be renewed.", ("connection",), alive)


def _is_dead(ledger: Ledger, connection: str) -> bool:
    """Say whether a login is known to be dead; what cannot be opened with our key is not."""
    try:
        stored = ledger.vault(connection).read()
    except ExactPersonioError:
        return False
    return stored is not None and bool(death_of(stored))


def _alarms(ledger: Ledger) -> Gauge:
    samples = [
        Sample({"dag_id": one.dag_id, "reason_code": one.trouble.reason_code}, 1.0)
        for one in ledger.alarms.standing()
    ]
    doc = "1 while a stream does not go on, as its notifiers were told."
    return _gauge("stream_in_trouble", doc, ("dag_id", "reason_code"), samples)


def _reconciled(ledger: Ledger, now: datetime) -> Iterator[Gauge]:
    samples = [
        Sample({"part": check.part, "kind": check.kind}, check.count)
        for check, _ in ledger.reconciliations.standing()
    ]
    yield _gauge("differences", "Differences that the last reconciliation found.", ("part", "kind"), samples)
    last: dict[str, datetime] = {}
    for run in ledger.reconciliations.runs():
        last[run.depth] = max(last.get(run.depth, run.ended_at), run.ended_at)
    ages = [Sample({"depth": depth}, _seconds(now, at)) for depth, at in last.items()]
    yield _gauge(
        "reconciliation_age_seconds", "Seconds since a reconciliation ended, by its depth.", ("depth",), ages
    )


def _seconds(now: datetime, at: datetime) -> float:
    return max((now - at).total_seconds(), 0.0)

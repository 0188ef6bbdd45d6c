"""The page of what is rejected: how many for which reason, since when, and what to do about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from exact_console.charts import DAYS
from exact_console.guard import may_read_dag, may_run_dag
from exact_console.pages import page
from exact_console.record_filter import Filter
from include.ledger import open_ledger
from include.reasons import Advice, advice_on
from include.records import StreamKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from include.ledger import Ledger
    from include.ledger.rejections import Rejected
    from include.records import Destination, Entity

router = APIRouter(prefix="/rejections")

MOST: Final = 40
"""Reasons on the page, the most frequent first: whoever has more has one trouble behind most of them."""
DECIDED: Final = ("created", "already_there", "matched", "unmatched", "rejected", "pending")
"""What a run decided to send or refused; what a rule skipped was never meant to arrive."""


@dataclass(frozen=True, slots=True)
class Row:
    """Rejected records of one stream with one reason and field, in both of its lanes."""

    field: str
    stream: str
    count: int
    newest: datetime
    example: str
    """``division/entity/id``; empty: it is gone by now."""


@dataclass(frozen=True, slots=True)
class Reason:
    """All that is rejected for one reason.

    :param share: of all that is rejected.
    :param days: how many were last touched on each day.
    :param dags: of those that the user may replay: DAG, how many of its records, and the address that means them.
    """

    code: str
    advice: Advice | None
    count: int
    share: float
    days: list[tuple[date, int]]
    rows: list[Row]
    dags: list[tuple[str, int, str]]


@router.get("/")
def overview(request: Request, user: GetUserDep, stream: str = "") -> Response:
    """Show what is rejected in the streams of DAGs that the user may read."""
    with open_ledger() as ledger:
        found = ledger.rejections.groups()
        readable = {dag_id for dag_id in {one.dag_id for one in found} if may_read_dag(user, dag_id)}
        mine = [one for one in found if one.dag_id in readable]
        groups = [one for one in mine if stream in {"", stream_of(one)}]
        runnable = {dag_id for dag_id in {one.dag_id for one in groups} if may_run_dag(user, dag_id)}
        span = _span(ledger)
        reasons = reasons_in(ledger, groups, span, runnable, whole=not stream)
        shares = shares_of(ledger, groups, span)
    return page(
        request,
        "rejections.html",
        stream=stream if groups else "",
        streams=sorted({stream_of(one) for one in mine}),
        total=sum(one.count for one in groups),
        reasons=reasons[:MOST],
        left_out=len({one.reason_code for one in groups}) - len(reasons[:MOST]),
        shares=shares,
        first=span[0],
    )


def stream_of(group: Rejected) -> str:
    """Return the name of a group's stream, the same in both of its lanes."""
    return f"{group.dag_id}/{group.division}/{group.entity}/{group.destination}"


def reasons_in(
    ledger: Ledger, groups: Sequence[Rejected], span: Sequence[date], runnable: Collection[str], *, whole: bool
) -> list[Reason]:
    """Return what is rejected by reason, the most frequent first, and no more than are shown.

    :param groups: in the streams that are shown.
    :param span: the days that are told one by one.
    :param runnable: DAGs whose records the user may replay.
    :param whole: whether these are all streams of their DAGs, and not one that was chosen.
    """
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.reason_code] += group.count
    codes = sorted(counts, key=lambda code: (-counts[code], code))[:MOST]
    shown = [group for group in groups if group.reason_code in set(codes)]
    daily = ledger.rejections.by_day(shown, span[0], len(span))
    examples = ledger.rejections.examples(group.example for group in shown)
    per_day: dict[str, list[int]] = {code: [0] * len(span) for code in codes}
    for group, found in zip(shown, daily, strict=True):
        per_day[group.reason_code] = [had + new for had, new in zip(per_day[group.reason_code], found, strict=True)]
    return [
        Reason(
            code,
            advice_on(code),
            counts[code],
            counts[code] / counts.total(),
            list(zip(span, per_day[code], strict=True)),
            _rows([group for group in shown if group.reason_code == code], examples),
            _by_dag([group for group in shown if group.reason_code == code], runnable, whole=whole),
        )
        for code in codes
    ]


def shares_of(ledger: Ledger, groups: Iterable[Rejected], span: Sequence[date]) -> list[tuple[date, int, int]]:
    """Return day, rejected and decided of what the runs of these streams came to; a day without runs has zeros.

    From what each run noted of itself, a row per run: to count deliveries would take seconds where there are many.
    """
    streams = {(group.dag_id, group.division, group.entity, group.destination) for group in groups}
    totals = {day: [0, 0] for day in span}
    for dag_id, division, entity, destination in streams:
        live = StreamKey(dag_id, division, cast("Entity", entity))
        for lane in (live, live.history()):
            told = ledger.run_results.per_day(lane, cast("Destination", destination), len(span))
            for day, counts in told.items():
                if day not in totals:
                    continue
                totals[day][0] += counts.get("rejected", 0)
                totals[day][1] += sum(counts.get(name, 0) for name in DECIDED)
    return [(day, rejected, decided) for day, (rejected, decided) in totals.items()]


def _span(ledger: Ledger) -> list[date]:
    today = ledger.vitals.now().date()
    return [today - timedelta(days=back) for back in reversed(range(DAYS))]


def _rows(groups: Sequence[Rejected], examples: Mapping[int, str]) -> list[Row]:
    together: dict[tuple[str, str], list[Rejected]] = {}
    for group in groups:
        together.setdefault((group.field, stream_of(group)), []).append(group)
    rows = []
    for (field, stream), lanes in together.items():
        last = max(lanes, key=lambda group: group.newest)
        source = examples.get(last.example)
        example = f"{last.division}/{last.entity}/{source}" if source else ""
        rows.append(Row(field, stream, sum(group.count for group in lanes), last.newest, example))
    return sorted(rows, key=lambda row: (-row.count, row.field, row.stream))


def _by_dag(groups: Sequence[Rejected], runnable: Collection[str], *, whole: bool) -> list[tuple[str, int, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for group in groups:
        place = ("", "", "") if whole else (str(group.division), group.entity, group.destination)
        meant = Filter(state="rejected", reason=group.reason_code, stream="|".join((group.dag_id, *place)))
        counts[group.dag_id, meant.query(act="replay")] += group.count
    return sorted((dag_id, count, meant) for (dag_id, meant), count in counts.items() if dag_id in runnable)

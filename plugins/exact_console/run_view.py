"""What the pages of runs show: runs with their windows, and one run with all that is known of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from exact_console.language import N_
from include import preview_story as previews
from include.ledger.run_results import FORECAST
from include.reasons import Advice, advice_on
from include.records import StreamKey
from include.run_story import Compared, compared, fewest, forecast_of, took

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from include.ledger import Ledger
    from include.ledger.approvals import Approval
    from include.ledger.failures import Failure
    from include.ledger.run_results import RunResult
    from include.ledger.windows import PinnedWindow
    from include.records import Entity

COUNTS: Final = {
    "created": N_("created"),
    "already_there": N_("already there"),
    "matched": N_("matched"),
    "unmatched": N_("not matched"),
    "ready": N_("ready to be sent"),
    "pending": N_("pending"),
    "rejected": N_("rejected"),
    "skipped_by_rule": N_("skipped by a rule"),
}
"""What records come to, in the order of the bar."""
FIGURES: Final = {
    "to_send": N_("Records to send"),
    "rejected": N_("Records rejected"),
    "skipped_by_rule": N_("Records skipped"),
    "exact": N_("Calls to Exact"),
    "personio": N_("Calls to Personio"),
    "minutes": N_("Minutes"),
}
RECENT: Final = 20
"""Failed runs that are looked at for those that did not go on."""


@dataclass(frozen=True, slots=True)
class Line:
    """One run of one stream.

    :param bar: state -> number of records, those that there are.
    :param fewest: service -> calls that the work takes at the least.
    """

    result: RunResult
    window: PinnedWindow | None
    bar: list[tuple[str, int]]
    fewest: dict[str, int]
    took: timedelta | None

    @property
    def read(self) -> int:
        """Rows that Exact sent."""
        return self.result.counts.get("read", 0)


@dataclass(frozen=True, slots=True)
class Told:
    """What was foretold of a run.

    :param run: which run foretold it.
    :param figures: beside what came; empty: nothing came yet.
    :param sentences: of the forecast itself.
    """

    run: str
    made_at: datetime | None
    figures: list[Compared]
    sentences: list[str]


@dataclass(frozen=True, slots=True)
class Run:
    """One run with all that is known of it.

    :param windows: what it was to read, by stream.
    :param reasons: reason code, field, count, advice.
    :param all_reasons: whether the whole log was looked at.
    :param calls: service, endpoint -> status, count.
    """

    name: str
    lines: list[Line]
    windows: list[PinnedWindow]
    reasons: list[tuple[str, str, int, Advice | None]]
    all_reasons: bool
    calls: list[tuple[str, str, list[tuple[int, int]]]]
    failures: list[Failure]
    approval: Approval | None
    told: list[Told]
    preview: list[dict[str, Any]]

    @property
    def dag_id(self) -> str:
        """Its DAG."""
        return self.name.partition("/")[0]

    @property
    def run_id(self) -> str:
        """Airflow's name of it."""
        return self.name.partition("/")[2]

    @property
    def is_known(self) -> bool:
        """Whether the ledger knows anything of it."""
        return bool(self.lines or self.windows or self.failures or self.calls or self.preview or self.approval)


def lines_of(ledger: Ledger, results: Sequence[RunResult]) -> list[Line]:
    """Return runs with their windows, in the same order.

    :param results: of the runs.
    """
    pinned = ledger.windows.of_runs([(_stream(result), result.run_id) for result in results])
    return [_line(result, pinned.get((_stream(result), result.run_id))) for result in results]


def run_of(ledger: Ledger, name: str) -> Run:
    """Return one run; of one that nobody knows everything is empty.

    :param name: ``DAG/run``.
    """
    results = ledger.run_results.of_run(name)
    lines = lines_of(ledger, results)
    reasons, all_reasons = ledger.rejections.of_run(name)
    return Run(
        name,
        lines,
        ledger.windows.of_run(name),
        [(code, field, count, advice_on(code)) for code, field, count in reasons],
        all_reasons,
        _calls(ledger.calls(name)),
        ledger.failures.of_run(name),
        ledger.approvals.get(name),
        [told for line in lines if (told := _told(ledger, line))],
        [{**row, "said": previews.said(row["action"])} for row in previews.counted(ledger, name)],
    )


def stopped(ledger: Ledger, readable: Callable[[str], bool]) -> list[Failure]:
    """Return the last failure of each run that failed lately and has not committed since, the newest first.

    :param readable: says of a DAG whether the user may read it.
    """
    found = {failure.run_id: failure for failure in ledger.failures.newest(RECENT, readable)}
    ended: dict[str, datetime] = {}
    for name in found:
        ends = [result.ended_at for result in ledger.run_results.of_run(name) if result.ended_at]
        if ends:
            ended[name] = max(ends)
    return [failure for name, failure in found.items() if name not in ended or ended[name] < failure.at]


def _stream(result: RunResult) -> StreamKey:
    return StreamKey(result.dag_id, result.division, cast("Entity", result.entity))


def _line(result: RunResult, pinned: PinnedWindow | None) -> Line:
    bar = [(name, result.counts[name]) for name in COUNTS if result.counts.get(name)]
    return Line(result, pinned, bar, fewest(result, pinned), took(result))


def _calls(counted: dict[tuple[str, str, int], int]) -> list[tuple[str, str, list[tuple[int, int]]]]:
    found: dict[tuple[str, str], Counter[int]] = {}
    for (service, endpoint, status), count in counted.items():
        found.setdefault((service, endpoint), Counter())[status] += count
    ordered = sorted(found.items(), key=lambda item: (item[0][0], -item[1].total(), item[0][1]))
    return [(service, endpoint, sorted(statuses.items())) for (service, endpoint), statuses in ordered]


def _told(ledger: Ledger, line: Line) -> Told | None:
    forecast = forecast_of(ledger, line.result, line.window)
    if forecast is None or forecast.forecast is None:
        return None
    figures = [] if line.result.mode == FORECAST else compared(dict(forecast.forecast), line.result)
    return Told(forecast.run, forecast.ended_at, figures, list(forecast.forecast.get("lines", [])))

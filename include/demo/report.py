"""The report: per run what came, what became of it, what it cost; on screen and as JSON."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.demo.airflow_api import RunResult

FEED_PAGE = 1000
LOOKUP_PAGE = 60


@dataclass(frozen=True, slots=True)
class RunReport:
    """One DAG run's figures."""

    phase: str
    dag_id: str
    run_id: str
    state: str
    read: int
    new: int
    created: int
    already_there: int
    rejected: dict[str, int]
    skipped: dict[str, int]
    pending: int
    calls: dict[str, int]
    minimum_calls: dict[str, int]
    watermark_from: str
    watermark_to: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)


def run_report(
    phase: str,
    run: RunResult,
    *,
    rejected: Mapping[str, int],
    skipped: Mapping[str, int],
    calls: Mapping[tuple[str, str, int], int],
    pending: int,
) -> RunReport:
    """Put one run's report together.

    :param rejected: reason code -> records that this run rejected.
    :param skipped: reason code -> records that this run left alone by a rule.
    :param calls: (service, endpoint, status) -> requests that this run made.
    :param pending: records that wait for a later run.
    """
    extract = run.results.get("extract") or {}
    sent = Counter(run.results.get("load") or {})
    made: Counter[str] = Counter()
    for (service, _, _), count in calls.items():
        made[service] += count
    return RunReport(
        phase=phase,
        dag_id=run.dag_id,
        run_id=run.run_id,
        state=run.state,
        read=int(extract.get("read", 0)),
        new=int(extract.get("new", 0)),
        created=sent["created"],
        already_there=sent["already_there"],
        rejected=dict(rejected),
        skipped=dict(skipped),
        pending=pending,
        calls=dict(made),
        minimum_calls=minimum(run, calls),
        watermark_from=str(run.watermark.get("from", "")),
        watermark_to=str(run.watermark.get("to", "")),
    )


def minimum(run: RunResult, calls: Mapping[tuple[str, str, int], int]) -> dict[str, int]:
    """Return the fewest calls that could have done it: full pages, full look-ups, one post a record."""
    extract, load = run.results.get("extract") or {}, run.results.get("load") or {}
    transform = run.results.get("transform") or {}
    looked_up = int(transform.get("looked_up", 0))
    tokens = sum(count for (service, endpoint, _), count in calls.items() if endpoint == "oauth2/token")
    return {
        "exact": max(1, math.ceil(int(extract.get("read", 0)) / FEED_PAGE))
        + math.ceil(looked_up / LOOKUP_PAGE)
        + tokens,
        "personio": sum(int(count) for count in load.values()),
    }


def table(reports: list[RunReport]) -> Table:
    """Return the reports as a table for the terminal."""
    view = Table(title="What each run did", show_lines=True)
    for name in ("run", "read", "new", "created", "already there", "rejected", "not new or skipped", "pending"):
        view.add_column(name, justify="left" if name in {"run", "rejected", "not new or skipped"} else "right")
    view.add_column("calls (minimum)")
    view.add_column("watermark")
    for report in reports:
        view.add_row(
            f"{report.phase}\n{report.dag_id}\n{report.run_id.split('__')[0]}, {report.state}",
            str(report.read),
            str(report.new),
            str(report.created),
            str(report.already_there),
            by_reason(report.rejected),
            by_reason(report.skipped),
            str(report.pending),
            "\n".join(
                f"{service} {report.calls.get(service, 0)} ({fewest})"
                for service, fewest in report.minimum_calls.items()
            ),
            f"{report.watermark_from}\n→ {report.watermark_to}",
        )
    return view


def by_reason(counts: Mapping[str, int]) -> str:
    """Return one line per reason, the most frequent first."""
    rows = sorted(counts.items(), key=lambda item: -item[1])
    return "\n".join(f"{count} {reason}" for reason, count in rows) or "0"

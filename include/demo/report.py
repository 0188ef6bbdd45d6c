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


def tables(reports: list[RunReport]) -> list[Table]:
    """Return the reports as tables for the terminal: what each run did, and why records were not sent."""
    return [runs_table(reports), reasons_table(reports)]


def runs_table(reports: list[RunReport]) -> Table:
    """Return one row per run."""
    view = Table(title="What each run did; calls beside the fewest possible")
    for name in ("phase", "stream", "run", "state"):
        view.add_column(name)
    for name in ("read", "new", "created", "already there", "rejected", "skipped", "pending", "Exact", "Personio"):
        view.add_column(name, justify="right")
    view.add_column("watermark: from, to")
    for report in reports:
        numbers = (
            report.read,
            report.new,
            report.created,
            report.already_there,
            sum(report.rejected.values()),
            sum(report.skipped.values()),
            report.pending,
        )
        view.add_row(
            report.phase,
            report.dag_id.split("_")[1],
            report.run_id.split("__")[0],
            report.state,
            *(str(number) for number in numbers),
            *(
                f"{report.calls.get(service, 0)} / {report.minimum_calls[service]}"
                for service in ("exact", "personio")
            ),
            f"{report.watermark_from}, {report.watermark_to}",
        )
    return view


def reasons_table(reports: list[RunReport]) -> Table:
    """Return one row per reason for which records were not sent."""
    view = Table(title="Why records were not sent")
    view.add_column("reason")
    view.add_column("records", justify="right")
    total: Counter[str] = Counter()
    for report in reports:
        total.update(report.rejected)
        total.update(report.skipped)
    for reason, count in total.most_common():
        view.add_row(reason, str(count))
    return view

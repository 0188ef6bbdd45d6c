"""The words of the question before a load: counts, ids of Exact and days, nothing about people."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from include.environment import setting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from include.records import Window
    from include.sync.job import Job

HOURS: Final = 24
LONGEST: Final = 24 * 365
SETTING: Final = "EXACT_PERSONIO_APPROVAL_HOURS"
AGAIN: Final = "To be asked again, clear the task `transform` with what follows."


def response_timeout() -> timedelta:
    """Return how long a question stays open: ``EXACT_PERSONIO_APPROVAL_HOURS``, 24 by default.

    This is read while DAG files are parsed: what cannot be used there must not take all DAGs away.
    """
    hours = _hours()
    return timedelta(hours=HOURS if hours is None else hours)


def unusable_timeout() -> str:
    """Return what is wrong with the setting, for the log of the task; empty: nothing."""
    if _hours() is not None:
        return ""
    return f"{SETTING} is no number of hours above 0, up to {LONGEST}: {HOURS} are used. Correct it, or unset it."


def _hours() -> float | None:
    text = setting(SETTING)
    try:
        hours = float(text or HOURS)
    except ValueError:
        return None
    return hours if math.isfinite(hours) and 0 < hours <= LONGEST else None


def question(
    job: Job,
    window: Window,
    count: int,
    sample: Sequence[tuple[str, Any]],
    live: Sequence[tuple[str, datetime | None]] = (),
) -> str:
    """Return what a person is shown, as Markdown.

    :param sample: (id at Exact, when it was created) of the first records.
    :param live: (DAG, created from when) whose live runs send such records by themselves.
    """
    becomes = f"applications for job position {job.position}" if job.destination == "application" else "employees"
    start, end = (_minute(moment) for moment in (window.created_from, window.created_to))
    lines = [
        f"**{count}** {job.stream.entity.lower()} of division {job.stream.division} would become {becomes}.",
        "",
        f"- Run: {window.name}; created from {start or 'the beginning'} until {end or 'now'} (UTC, not included)",
        f"- At 20 requests a minute: about {max(1, -(-count // 20))} minutes",
        *(_no_to_history(live) if job.stream.is_history else [_NO_TO_LIVE]),
        "",
        f"The first {len(sample)}:",
        "",
        "| ID at Exact | created |",
        "|---|---|",
        *(f"| `{source_id}` | {created.date().isoformat() if created else ''} |" for source_id, created in sample),
    ]
    return "\n".join(lines)


_NO_TO_LIVE: Final = (
    "- **Reject**, or no answer in time: this run sends nothing, but the records stay ready and the next scheduled "
    "run sends them. If they must not be sent, pause the DAG first"
)
_NO_TO_HISTORY: Final = (
    "- **Reject**, or no answer in time: nothing is sent; the records are put aside (`approval.rejected`) until a "
    f"run asks for them again. {AGAIN}"
)


def _no_to_history(live: Sequence[tuple[str, datetime | None]]) -> list[str]:
    """Return what becomes of the records after a no, and what does not depend on it."""
    lines = [_NO_TO_HISTORY]
    for dag_id, since in live:
        which = f"Those created since {_minute(since)} (UTC)" if since else "All of them"
        lines.append(f"- {which} also belong to the live DAG `{dag_id}`, which sends them on its schedule")
    return lines


def _minute(moment: datetime | None) -> str:
    return moment.isoformat(timespec="minutes") if moment else ""


def after_no(by: str, *, live: bool, put_aside: int) -> str:
    """Return the line of the log after a rejection, or after nobody answered.

    :param by: who said no; empty: nobody answered in time.
    :param live: whether the run is a plain live run.
    :param put_aside: how many records wait now until a run asks for them again.
    """
    who = f"Rejected by {by}" if by else "Nobody answered in time"
    if live:
        return f"{who}: this run sends nothing. The next scheduled run sends the records, unless the DAG is paused."
    return f"{who}: nothing is sent. {put_aside} records are put aside (approval.rejected). {AGAIN}"

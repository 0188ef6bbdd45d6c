"""``exact-personio status``: how every stream stands, in one line each."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from include.ledger import Ledger
    from include.ledger.overview import StreamStatus

OPEN: Final = ("ready", "sending", "retry", "in_doubt")
DONE: Final = ("created", "already_there", "matched", "unmatched")
NOT_SENT: Final = ("rejected", "skipped_by_rule")
TITLES: Final = (
    "DAG",
    "division",
    "entity",
    "destination",
    "watermark",
    "waiting",
    "done",
    "not sent",
    "last failure",
)


def statuses(ledger: Ledger, *, now: datetime | None = None) -> list[dict[str, Any]]:
    """Return each stream as plain data; every state is there, with nought where there is none."""
    now = now or datetime.now(UTC)
    return [_plain(stream, now) for stream in ledger.deliveries.overview()]


def _plain(stream: StreamStatus, now: datetime) -> dict[str, Any]:
    failure, committed = stream.failure, stream.committed_at
    return {
        "dag_id": stream.dag_id,
        "division": stream.division,
        "entity": stream.entity,
        "destination": stream.destination or None,
        # As text: row versions have 64 bits.
        "watermark": None if stream.watermark is None else str(stream.watermark),
        "committed_at": committed,
        "age_seconds": None if committed is None else int((now - committed).total_seconds()),
        "counts": {state: stream.counts.get(state, 0) for state in (*OPEN, *DONE, *NOT_SENT)},
        "last_failure": None
        if failure is None
        else asdict(failure) | {"solved": committed is not None and failure.at <= committed},
    }


def show(console: Console, streams: list[dict[str, Any]]) -> None:
    """Print one row per stream; states without records are left out."""
    if not streams:
        console.print("No run has read anything yet.")
        return
    table = Table(show_lines=True)
    for title in TITLES:
        table.add_column(title, overflow="fold")
    for stream in streams:
        cells = (
            stream["dag_id"],
            str(stream["division"]),
            stream["entity"],
            stream["destination"] or "",
            _watermark(stream),
            *(_counted(stream["counts"], states) for states in (OPEN, DONE, NOT_SENT)),
            _failed(stream["last_failure"]),
        )
        # As Text: reason codes stand in brackets, which rich would take for markup.
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


def _watermark(stream: dict[str, Any]) -> str:
    if stream["watermark"] is None:
        return "none yet"
    return f"{stream['watermark']}\n{_age(stream['age_seconds'])} ago"


def _age(seconds: int) -> str:
    age = timedelta(seconds=max(seconds, 0))
    if age.days:
        return f"{age.days} d"
    minutes = age.seconds // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004 - an hour


def _counted(counts: dict[str, int], states: tuple[str, ...]) -> str:
    return "\n".join(f"{counts[state]} {state}" for state in states if counts[state])


def _failed(failure: dict[str, Any] | None) -> str:
    if failure is None:
        return ""
    at = f"{failure['at']:%Y-%m-%d %H:%M} UTC"
    if failure["solved"]:
        return f"{at} {failure['stage']}: {failure['reason_code']}; a later run went through"
    return f"{at} {failure['stage']}: {failure['what']} [{failure['reason_code']}]\n{failure['way_out']}"

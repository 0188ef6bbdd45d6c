"""What a person, a schedule or a backfill asks of a run: the form's values, checked, before anything is called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from include.clients.exact_feed import BEFORE_EVERYTHING
from include.records import RecordFilter
from include.sync.asked_days import day_of, days_of, interval_of, mistake
from include.sync.asked_values import HIGHEST, switch, whole
from include.sync.filters import filter_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.records import Entity, Mode

APPROVE_ABOVE: Final = 200
"""A manual run that would make more records than this waits for a person, unless the form says otherwise."""

CONFIRMED: Final = "reset"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a run.

    :param mode: ``live``, ``window``, ``backfill`` or ``replay``.
    :param created_from: aware UTC; None: since the beginning.
    :param created_to: aware UTC, exclusive; None: until now.
    :param where: which records of it are meant.
    :param max_records: make and send at most so many; None: all.
    :param preview: decide and show, write nothing at Personio.
    :param forecast: only say what it would do and cost.
    :param start_from: for a live run: ``now``, ``beginning`` or a day.
    :param reset_watermark_to: row version to read on from; None: from the watermark.
    :param require_approval: whether a person decides before anything is sent.
    :param approve_above: more ready records than this wait for a person; None: none do.
    """

    mode: Mode = "live"
    created_from: datetime | None = None
    created_to: datetime | None = None
    where: RecordFilter = field(default_factory=RecordFilter)
    max_records: int | None = None
    preview: bool = False
    forecast: bool = False
    start_from: str = "now"
    reset_watermark_to: int | None = None
    require_approval: bool = False
    approve_above: int | None = None

    @property
    def history(self) -> bool:
        """Whether the run keeps to the second lane; only a plain live run does not."""
        return self.mode != "live" or self.preview or self.forecast or self.max_records is not None


def asked(
    params: Mapping[str, Any],
    *,
    run_type: str,
    interval: tuple[datetime, datetime] | None,
    zone: ZoneInfo,
    entity: Entity,
    now: datetime,
    windows_only: bool = False,
) -> Asked:
    """Return what a run is asked to do.

    :param params: the form's values by name; what is missing or empty was not asked for.
    :param run_type: Airflow's: ``manual``, ``scheduled``, ``backfill`` and so on.
    :param interval: the run's data interval, aware; only a backfill reads it. None: the run has none.
    :param zone: the site's time zone, in which a day begins.
    :param entity: whose records the filter speaks of.
    :param now: aware.
    :param windows_only: of a DAG that never moves a watermark: a run has to say which records it means.
    :raises ConfigurationError: the form contradicts itself or holds a value that cannot be meant; the code is
        ``params.<field>.<problem>``.
    """
    mode, created_from, created_to = _span(params, run_type, interval, zone, now)
    found = Asked(
        mode=mode,
        created_from=created_from,
        created_to=created_to,
        where=filter_of(params, entity, *days_of(params, "modified", zone)),
        max_records=whole(params, "max_records", least=1),
        preview=switch(params, "preview"),
        forecast=switch(params, "forecast"),
        start_from=_start_from(params),
        reset_watermark_to=_reset(params),
        require_approval=switch(params, "require_approval"),
        approve_above=_approve_above(params, run_type),
    )
    _check(found, windows_only=windows_only)
    return found


def _span(
    params: Mapping[str, Any],
    run_type: str,
    interval: tuple[datetime, datetime] | None,
    zone: ZoneInfo,
    now: datetime,
) -> tuple[Mode, datetime | None, datetime | None]:
    """Return the mode, and which records it means by their creation."""
    created_from, created_to = days_of(params, "created", zone)
    windowed = created_from is not None or created_to is not None
    if run_type == "backfill":
        _refuse_beside_backfill(params, windowed=windowed)
        return "backfill", *interval_of(interval)
    if switch(params, "replay_only"):
        if windowed:
            raise mistake(
                "replay_only",
                "with_window",
                "A replay takes the records that were marked for it, whenever they were created; the form also "
                "names days.",
                "Empty created_from and created_to, or switch replay_only off.",
            )
        return "replay", None, None
    if created_from is not None and created_from >= now:
        raise mistake(
            "created_from",
            "in_the_future",
            f"created_from is {params['created_from']}, and nothing was created there yet.",
            "Choose an earlier day.",
        )
    return ("window", created_from, created_to) if windowed else ("live", None, None)


def _refuse_beside_backfill(params: Mapping[str, Any], *, windowed: bool) -> None:
    if windowed:
        raise mistake(
            "created_from",
            "in_backfill",
            "A backfill run takes its days from its data interval; the form names others.",
            "Leave created_from and created_to out of the backfill's configuration.",
        )
    if switch(params, "replay_only"):
        raise mistake(
            "replay_only",
            "in_backfill",
            "A backfill run reads its data interval; a replay reads nothing.",
            "Leave replay_only out of the backfill's configuration; trigger the DAG by hand for a replay.",
        )


def _start_from(params: Mapping[str, Any]) -> str:
    text = str(params.get("start_from") or "now")
    if text not in {"now", "beginning"} and day_of(text) is None:
        raise mistake(
            "start_from",
            "malformed",
            f"start_from is {text!r}; it must be now, beginning or a date like 2026-01-31.",
            "Choose one of these.",
        )
    return text


def _approve_above(params: Mapping[str, Any], run_type: str) -> int | None:
    limit = whole(params, "approve_above", least=0)
    # Nobody sits beside a schedule or a backfill; who wants to be asked there sets require_approval.
    if run_type != "manual":
        return None
    return APPROVE_ABOVE if limit is None else limit


def _reset(params: Mapping[str, Any]) -> int | None:
    text = str(params.get("reset_watermark_to") or "").strip()
    if not text:
        return None
    if text != "beginning" and not (re.fullmatch(r"[0-9]{1,19}", text) and int(text) <= HIGHEST):
        raise mistake(
            "reset_watermark_to",
            "malformed",
            "reset_watermark_to is neither beginning nor a row version, a whole number of Exact.",
            "Choose one of these; `exact-personio status` shows where the stream stands.",
        )
    if str(params.get("confirm_reset") or "").strip() != CONFIRMED:
        raise mistake(
            "reset_watermark_to",
            "not_confirmed",
            "Setting the watermark back makes the run read everything after it once more.",
            f"If that is meant, write the word {CONFIRMED} into confirm_reset; else empty reset_watermark_to.",
        )
    return BEFORE_EVERYTHING if text == "beginning" else max(int(text), BEFORE_EVERYTHING)


def _check(found: Asked, *, windows_only: bool) -> None:
    """Refuse what cannot go together.

    :raises ConfigurationError: with the field that has to change.
    """
    narrowed = found.where != RecordFilter()
    if found.reset_watermark_to is not None and (found.history or windows_only):
        raise mistake(
            "reset_watermark_to",
            "needs_live_run",
            "Only a live run has a watermark to set back; this run has days, a bound, a preview or a replay.",
            "Empty reset_watermark_to, or empty the other fields.",
        )
    if found.mode == "replay" and narrowed:
        raise mistake(
            "replay_only",
            "with_filter",
            "A replay takes the records that were marked for it, all of them; the form also filters records.",
            "Empty the filter, and mark only what is meant: `exact-personio replay --help`.",
        )
    if windows_only and found.mode == "live":
        raise mistake(
            "created_from",
            "missing",
            "This DAG is for history and moves no watermark, so the run has to say which days are meant.",
            "Fill in created_from or created_to, or start a backfill.",
        )
    if narrowed and not found.history:
        raise mistake(
            "where",
            "needs_window",
            "A live run moves the watermark over all it has read: records that the filter leaves out would never "
            "come again.",
            "Fill in created_from or created_to as well, or empty the filter.",
        )

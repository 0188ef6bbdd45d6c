"""A forecast as plain data and as sentences; nothing of it is about a person."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from include.forecast.forecasting import MINUTE

if TYPE_CHECKING:
    from datetime import datetime

    from include.forecast.costs import WindowCost
    from include.forecast.forecasting import Forecast
    from include.forecast.pace import Quota

NAMES: Final = {
    "count": "to count",
    "search": "to find where to start",
    "pages": "for pages of 60",
    "feed": "for the feed",
    "look_up": "to look up",
    "moves": "to see whether Exact moved the division",
    "create": "to create",
    "upload": "for files",
    "login": "to log in",
    "total": "in all",
}
"""Kinds of calls as people call them."""
NINETEEN_OF_TWENTY: Final = 1.96
"""Standard deviations that hold so many of all samples."""
MOST_WINDOWS: Final = 240
"""Windows told one by one: twenty years by the month."""


def as_json(told: Forecast) -> dict[str, Any]:
    """Return the forecast as values that JSON knows."""
    whole, zone = {service: _summed(told.calls(service)) for service in told.paces}, ZoneInfo(told.zone)
    return {
        "made_at": told.made_at.isoformat(timespec="seconds"),
        "from": _local(told.windows[0].span.start, zone),
        "to": _local(told.windows[-1].span.end, zone),
        "zone": told.zone,
        "runs": len(told.windows),
        "windows": [_window(window, zone) for window in told.windows[:MOST_WINDOWS]],
        "records": records(told),
        "reasons": reasons(told),
        "calls": whole,
        "minutes": minutes(told),
        "finish": told.finish.isoformat(timespec="minutes"),
        "quota": None if told.quota is None else _quota(told.quota, whole["exact"]["total"]),
        "per_minute": {service: _minutely(told, service) for service in told.paces},
        "spent": told.spent,
        "sampled": told.tally.tried,
        "exact": told.tally.complete,
        "margins": margins(told),
        "lines": lines(told),
    }


def records(told: Forecast) -> dict[str, int | None]:
    """Return the records of all windows by what would become of them."""
    names = ("rejected", "skipped_by_rule", "done_already", "refused_before", "sent_elsewhere")
    sent, could = sum(window.to_send for window in told.windows), round(told.tally.outcomes["to_send"])
    counted = sum(told.survey.counted)
    return {
        "total": round(counted),
        "to_send": sent,
        **{name: round(told.tally.outcomes[name]) for name in names},
        "left_for_later": could - sent if told.bounded else 0,
        "not_meant": round(max(counted - sum(told.tally.outcomes.values()), 0)),
        "for_same_address": told.tally.same_address,
    }


def reasons(told: Forecast) -> list[dict[str, Any]]:
    """Return why records would not be sent, the most frequent first."""
    found = sorted(told.tally.reasons.items(), key=lambda item: (-item[1], item[0].reason_code, item[0].field))
    return [
        {"outcome": why.outcome, "reason_code": why.reason_code, "field": why.field, "records": round(count)}
        for why, count in found
    ]


def margins(told: Forecast) -> dict[str, int] | None:
    """Return by how many records the outcomes may be off, nineteen times of twenty; None: all were looked at."""
    if told.tally.complete:
        return None
    seen, whole = max(told.tally.tried, 1), max(sum(told.tally.outcomes.values()), 1)
    unseen = max(1 - seen / whole, 0)
    shares = {name: told.tally.outcomes[name] / whole for name in ("to_send", "rejected", "skipped_by_rule")}
    return {
        name: ceil(NINETEEN_OF_TWENTY * whole * sqrt(share * (1 - share) / seen * unseen))
        for name, share in shares.items()
    }


def minutes(told: Forecast) -> dict[str, float]:
    """Return how long the limits hold the runs up."""
    found = {name: round(seconds / MINUTE, 2) for name, seconds in told.seconds.items()}
    return {**found, "total": round(sum(told.seconds.values()) / MINUTE, 2)}


def lines(told: Forecast) -> list[str]:
    """Return the forecast as sentences."""
    calls = {service: _summed(told.calls(service)) for service in told.paces}
    said = [*_outcome(told), told.survey.how]
    kinds = [f"{calls[service]['total']} to {service.capitalize()}{_kinds(calls[service])}" for service in calls]
    said.append(f"Calls: {', '.join(kinds)}.")
    said.append(_time(told))
    said.append(_share(told, calls["exact"]["total"]))
    if calls["personio"]["total"]:
        said.append(_others(told))
    said.append(f"This forecast took {told.spent} calls to Exact and wrote nothing.")
    return said


def _outcome(told: Forecast) -> list[str]:
    found, about = records(told), "" if told.tally.complete else "about "
    runs = "1 run" if len(told.windows) == 1 else f"{len(told.windows)} runs"
    first = (
        f"{runs} over {about}{found['total']} records: {about}{found['to_send']} would be sent, {found['rejected']} "
        f"rejected, {found['skipped_by_rule']} skipped by a rule; {found['done_already']} are done already."
    )
    more = {
        "refused_before": "were rejected or skipped before, and are so again.",
        "left_for_later": "more could be sent, but a run makes no more than max_records.",
        "not_meant": "are left out by the filter.",
        "sent_elsewhere": "were sent for another position and are left out.",
        "for_same_address": "of those to be sent have the address of another one: Personio will know them already.",
    }
    said = [first]
    if off := margins(told):
        said.append(
            f"A sample tells so: in 19 of 20 cases to be sent within {off['to_send']}, rejected within "
            f"{off['rejected']}, skipped within {off['skipped_by_rule']}."
        )
    return said + [f"{found[name]} {text}" for name, text in more.items() if found[name]]


def _time(told: Forecast) -> str:
    found = minutes(told)
    days = f", and {round(found['new_day'] / 60)} hours until Exact counts anew" if found["new_day"] else ""
    return (
        f"At the limits that is {found['exact']:.1f} minutes at Exact and {found['personio']:.1f} at Personio{days}. "
        f"Started now, the last request leaves about {told.finish:%Y-%m-%d %H:%M} UTC, later by what Airflow takes "
        "to start its tasks."
    )


def _share(told: Forecast, calls: int) -> str:
    if told.quota is None:
        return "Exact did not tell how many calls of today are left."
    quota = _quota(told.quota, calls)
    if told.quota.limit is None:
        return f"Exact allows {quota['left_now']} more calls today; {quota['left_after']} of them would be left."
    if calls > told.quota.left:
        return (
            f"Exact allows {quota['limit']} calls a day and {quota['left_now']} more today: that is not enough, the "
            "runs wait for the next day by themselves."
        )
    return (
        f"{quota['share']} % of Exact's {quota['limit']} calls a day; {quota['left_now']} are left today, and "
        f"{quota['left_after']} would be afterwards, for everything else that uses this app."
    )


def _others(told: Forecast) -> str:
    pace = told.paces["personio"]
    every = "minute" if round(pace.seconds / MINUTE) == 1 else f"{pace.seconds:.1f} seconds"
    return (
        f"While it sends, it uses up to {pace.limit} requests a {every}, which is all that Personio allows for this: "
        "other apps find none left. While live runs send, it keeps to "
        f"{round(100 * told.share)} % and takes so much longer."
    )


def _window(window: WindowCost, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "from": _local(window.span.start, zone),
        "to": _local(window.span.end, zone),
        "records": window.records,
        "to_send": window.to_send,
        "reading": window.reading,
        "why": window.why,
        "calls": {"exact": sum(window.exact.values()), "personio": sum(window.personio.values())},
    }


def _quota(quota: Quota, calls: int) -> dict[str, Any]:
    return {
        "limit": quota.limit,
        "left_now": quota.left,
        "left_after": max(quota.left - calls, 0),
        "share": round(100 * calls / quota.limit, 1) if quota.limit else None,
        "resets_at": quota.resets_at.isoformat(timespec="seconds"),
    }


def _minutely(told: Forecast, service: str) -> dict[str, Any]:
    """Return what is used of a service's minute while the runs wait for it, and what is left for others."""
    pace, busy = told.paces[service], told.seconds[service] > 0
    used = pace.limit if busy else min(sum(told.calls(service).values()), pace.limit)
    return {"limit": pace.limit, "seconds": round(pace.seconds, 2), "left_for_others": pace.limit - used}


def _summed(calls: dict[str, int]) -> dict[str, int]:
    return {**{kind: count for kind, count in calls.items() if count}, "total": sum(calls.values())}


def _kinds(calls: dict[str, int]) -> str:
    told = ", ".join(f"{count} {NAMES.get(kind, kind)}" for kind, count in calls.items() if kind != "total")
    return f" ({told})" if told else ""


def _local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else moment.astimezone(zone).isoformat(timespec="seconds")

"""Decide what becomes of each row: ready with a record, rejected or skipped with a reason."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from include.records import Decision
from include.transform.filling import Fill, NotReadyError, context_of
from include.transform.frame import build_frame, records

if TYPE_CHECKING:
    import collections.abc
    from collections.abc import Collection, Sequence

    from include.records import Outcome, Row
    from include.transform.frame import Staged
    from include.transform.mapping import Mapping, Skip

Window = tuple[datetime | None, datetime | None]


def decide_rows(
    rows: Sequence[Staged],
    mapping: Mapping,
    *,
    created_from: datetime | None,
    created_to: datetime | None,
    main_contacts: collections.abc.Mapping[str, Row],
    now: datetime | None,
    asked_for: Collection[str],
) -> list[Decision]:
    """Decide on every row; see :func:`include.transform.transform_rows`."""
    if not rows:
        return []
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    frame = build_frame(rows, mapping, main_contacts)
    window = (created_from, created_to)
    return [
        _decide(staged, values, mapping, window, today, asked=staged.source_id in asked_for)
        for staged, values in zip(rows, records(frame), strict=True)
    ]


def _decide(
    staged: Staged, values: dict[str, Any], mapping: Mapping, window: Window, today: date, *, asked: bool
) -> Decision:
    """Decide on one row: first whether it is meant at all, then whether it can be sent."""
    fill = Fill(mapping, context_of(mapping, values), values, today)
    outcome: Outcome = "ready"
    code = field = ""
    try:
        _in_window(staged.created, window, asked=asked)
        _not_anonymised(values, "IsAnonymised")
        _not_skipped(fill, [skip for skip in mapping.skips if not skip.needs_contact])
        if mapping.needs_contact:
            _has_contact(values)
            _not_anonymised(values, "contact.IsAnonymised")
            _not_skipped(fill, [skip for skip in mapping.skips if skip.needs_contact])
        fill.run()
    except NotReadyError as reason:
        outcome, code, field = reason.outcome, reason.code, reason.field
    ready = outcome == "ready"
    return Decision(
        source_id=staged.source_id,
        row_version=staged.row_version,
        outcome=outcome,
        reason_code=code,
        field=field,
        payload=fill.payload if ready else None,
        email=fill.payload.get("email"),
        trace=fill.trace,
    )


def _skip(column: str, problem: str) -> NoReturn:
    raise NotReadyError("skipped_by_rule", f"rule.{column.rpartition('.')[2]}.{problem}", column)


def _reject(column: str, problem: str) -> NoReturn:
    raise NotReadyError("rejected", f"exact.{column.rpartition('.')[2]}.{problem}", column)


def _in_window(created: datetime | None, window: Window, *, asked: bool) -> None:
    """Keep what was created inside the window or was asked for; a row without a date is shown, not guessed at."""
    start, end = window
    if start is None and end is None:
        return
    if created is None:
        _reject("Created", "missing")
    if asked:
        return
    moment = created if created.tzinfo else created.replace(tzinfo=UTC)
    if (start is not None and moment < start) or (end is not None and moment >= end):
        _skip("Created", "not_new")


def _not_anonymised(values: dict[str, Any], column: str) -> None:
    """Leave out whom Exact anonymised: the row stays there, the person is gone."""
    if values.get(column) not in {None, 0, "0", "false"}:
        _reject(column, "anonymised")


def _has_contact(values: dict[str, Any]) -> None:
    if values["MainContact"] is None:
        _reject("MainContact", "missing")
    if values["contact.ID"] is None:
        _reject("MainContact", "not_found")


def _not_skipped(fill: Fill, skips: Sequence[Skip]) -> None:
    for skip in skips:
        if fill.holds(skip):
            _skip(skip.field, skip.problem)

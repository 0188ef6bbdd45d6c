"""What an unanswered create may have left at Exact: rows of that time with the values that were sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from include.clients.exact_time import utc_to_literal
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.clients.endpoints import EndpointInfo
    from include.clients.exact import ExactClient
    from include.records import Row

_NOT_KEPT: Final = frozenset(
    # Taken and not shown again, or Exact's own as soon as the row is there.
    {"Picture", "Logo", "SkipValidation", "EntryNumber", "ErrorText", "HourStatus", "Amount", "Price"}
)
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the site's wall clock has no zone
_ROUNDING: Final = 1e-4


def rows_like(client: ExactClient, info: EndpointInfo, body: Mapping[str, Any], since: datetime) -> list[str]:
    """Return the keys of the rows created since a moment that hold the values that were sent.

    Only plain values are compared; lists, such as the lines of an invoice, are not.

    :param info: the endpoint.
    :param body: what was sent, as plain values.
    :param since: aware.
    :raises ConfigurationError: the endpoint cannot be searched, so nobody can tell.
    """
    sent = {name: value for name, value in body.items() if _comparable(name, value, body)}
    if not (info.listed and info.key and "GET" in info.methods and sent):
        raise _unsearchable(info.path)
    # `Created` is told by Exact's clock: where that is behind ours, so is the row that our attempt made.
    since += min(client.clock_skew(), timedelta(0))
    asked = f"Created ge {utc_to_literal(since, client.config.zone)}"
    try:
        rows = [row for page in client.pages(info.path, filter=asked) for row in page.rows]
    except ConfigurationError:
        raise _unsearchable(info.path) from None
    return [str(row[info.key]) for row in rows if row.get(info.key) and _holds(row, sent)]


def _comparable(name: str, value: Any, body: Mapping[str, Any]) -> bool:
    # The account of hours is the one of their project, whatever was sent.
    derived = name == "Account" and bool(body.get("Project"))
    return isinstance(value, str | int | float) and value != "" and name not in _NOT_KEPT and not derived


def _holds(row: Row, sent: Mapping[str, Any]) -> bool:
    return all(same_value(row[name], value) for name, value in sent.items() if name in row)


def same_value(kept: Any, sent: Any) -> bool:
    """Tell whether what Exact shows is what was sent: it pads texts, lowers GUIDs and has dates of its own.

    :param kept: as Exact shows it.
    :param sent: as it was sent.
    """
    if isinstance(sent, bool) or isinstance(kept, bool):
        return bool(kept) == bool(sent)
    if isinstance(kept, int | float) or isinstance(sent, int | float):
        return _same_number(kept, sent)
    # Line ends may come back as others.
    one, other = (" ".join(str(text).split()) for text in (kept or "", sent))
    if one.startswith("/Date("):
        return _same_time(one, other)
    return one.casefold() == other.casefold()


def _same_number(kept: Any, sent: Any) -> bool:
    try:
        return abs(float(kept) - float(sent)) < _ROUNDING
    except (TypeError, ValueError):
        return False


def _same_time(kept: str, sent: str) -> bool:
    """Compare wall clocks; a column may keep the day only, and SQL Server rounds to 3 ms."""
    try:
        there = _EPOCH + timedelta(milliseconds=int(kept.removeprefix("/Date(").partition(")")[0]))
        here = datetime.fromisoformat(sent).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return False
    only_day = there.time() == datetime.min.time() and there.date() == here.date()
    return only_day or abs((there - here).total_seconds()) < 1


def _unsearchable(path: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path}: an earlier attempt got no answer, and the endpoint cannot be searched for what it created.",
        reason_code="ledger.write.unsearchable",
        way_out="Look for the record in Exact Online: if it is there, mark the task as success; "
        "if not, trigger a new run.",
    )

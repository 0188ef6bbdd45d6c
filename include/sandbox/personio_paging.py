"""Personio's v2 lists: a cursor that carries the filters, and absolute links with the sandbox's own host."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from starlette.responses import JSONResponse

from include.sandbox.personio_errors import Refused, bad_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.responses import Response

    from include.sandbox.personio_access import Call

Row = TypeVar("Row")
Key = list[Any]
BAD_CURSOR = "Provided filter encoding is invalid."


@dataclass(frozen=True)
class Listing:
    """How one v2 list is cut into pages.

    :param filters: query names that the cursor carries; other names are ignored.
    :param always_next: whether even the last page links to a next one, which is then empty.
    :param self_loop: whether the link to the next page points to this one.
    """

    default_limit: int
    max_limit: int
    filters: tuple[str, ...]
    always_next: bool = False
    self_loop: bool = False


@dataclass(frozen=True)
class Asked:
    """What the caller asks for: filters, page size and the key of the last row it has."""

    filters: dict[str, str]
    limit: int
    after: Key | None


def asked(call: Call, listing: Listing) -> Asked:
    """Read query and cursor; what the cursor carries wins, resending it beside the cursor does no harm.

    :raises Refused: 400 for a limit out of range or a cursor that was not issued here.
    """
    query = call.request.query_params
    sent = {name: query[name] for name in listing.filters if name in query}
    size = _limit(call, query.get("limit"), listing)
    if "cursor" not in query:
        return Asked(sent, size or listing.default_limit, None)
    carried = _decoded(call, query["cursor"])
    return Asked({**sent, **carried["f"]}, size or carried["l"], carried["a"])


def page(
    call: Call,
    listing: Listing,
    wanted: Asked,
    rows: Iterable[Row],
    *,
    key: Callable[[Row], Key],
    show: Callable[[Row], dict[str, Any]],
) -> Response:
    """Answer one page of rows that come in ascending order of ``key``."""
    after = wanted.after
    left = [row for row in rows if after is None or key(row) > after]
    shown = left[: wanted.limit]
    self_url = f"{call.origin}{call.request.url.path}"
    links = {"self": {"href": self_url}}
    if len(left) > len(shown) or listing.always_next:
        last = key(shown[-1]) if shown else after
        if listing.self_loop and after is not None:
            last = after
        links["next"] = {"href": f"{self_url}?cursor={_encoded(wanted, last)}"}
    return JSONResponse({"_data": [show(row) for row in shown], "_meta": {"links": links}})


def _limit(call: Call, text: str | None, listing: Listing) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= listing.max_limit:
        raise Refused(bad_request(call.now))
    return int(text)


def _encoded(wanted: Asked, last: Key | None) -> str:
    text = json.dumps({"f": wanted.filters, "l": wanted.limit, "a": last})
    return quote("cur_" + base64.urlsafe_b64encode(text.encode()).decode().rstrip("="), safe="")


def _decoded(call: Call, cursor: str) -> dict[str, Any]:
    try:
        raw = cursor.removeprefix("cur_")
        found = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
        if cursor.startswith("cur_") and {"f", "l", "a"} <= set(found):
            return dict(found)
    except (ValueError, TypeError):
        pass
    raise Refused(bad_request(call.now, BAD_CURSOR))


def moment(call: Call, text: str) -> datetime:
    """Read an RFC 3339 moment of a filter.

    :raises Refused: 400 if it is none, or has no zone.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(bad_request(call.now)) from None
    if at.tzinfo is None:
        raise Refused(bad_request(call.now))
    return at.astimezone(UTC)


def iso(at: datetime) -> str:
    """Write a moment as Personio's v2 does: whole seconds, ``Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_range(call: Call, wanted: Asked, name: str, at: datetime) -> bool:
    """Whether a moment passes the filters ``name``, ``name.gt`` and ``name.lt``."""
    at = at.replace(microsecond=0)
    filters = wanted.filters
    return (
        (name not in filters or at == moment(call, filters[name]))
        and (f"{name}.gt" not in filters or at > moment(call, filters[f"{name}.gt"]))
        and (f"{name}.lt" not in filters or at < moment(call, filters[f"{name}.lt"]))
    )

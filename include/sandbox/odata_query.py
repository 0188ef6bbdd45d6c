"""Query options of one request, and the page of rows that they ask for."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from include.sandbox.odata_filter import Filter, compile_filter
from include.sandbox.odata_types import (
    Column,
    ODataError,
    Row,
    guid_order,
    quote_value,
    read_literal,
    write_literal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from include.sandbox.exact_store import Source
    from include.sandbox.odata_entity import EntitySet

_OPTIONS = frozenset(
    {"$select", "$filter", "$orderby", "$top", "$skip", "$skiptoken", "$inlinecount", "$expand", "$format"}
)


@dataclass
class Query:
    """Parsed options of a request."""

    pairs: list[tuple[str, str]]
    select: frozenset[str] | None
    expand: frozenset[str]
    filter: Filter | None
    orderby: list[tuple[Column, bool]]
    top: int | None
    skip: int
    token: list[Any] | None
    counted: bool
    fold: bool


@dataclass
class Page:
    """One page of rows.

    :param next_token: skip token of the next page, or an empty string.
    :param count: number of all matches if it was asked for.
    :param bare: whether the answer is a bare array.
    """

    rows: list[Row]
    next_token: str
    count: int | None
    bare: bool


class _Descending:
    """Turns an ordering round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


def parse_query(text: str, entity: EntitySet, *, fold: bool) -> Query:
    """Read the options of a list or single request.

    :param text: query part of the URL, encoded.
    :param entity: the endpoint.
    :param fold: compare text without regard to case.
    :raises ODataError: if the service would refuse them.
    """
    pairs = parse_qsl(text, keep_blank_values=True)
    options = {name: value for name, value in pairs if name.startswith("$")}
    if unknown := sorted(options.keys() - _OPTIONS):
        raise ODataError(f"The query parameter '{unknown[0]}' is not supported.")
    if "$skip" in options and not entity.skippable:
        raise ODataError("The query option $skip is not supported for this resource.")
    orderby = _orderby(options.get("$orderby", ""), entity)
    return Query(
        pairs=pairs,
        select=_select(options.get("$select"), entity),
        expand=_expand(options.get("$expand", ""), entity),
        filter=_filter(options.get("$filter"), entity, fold=fold),
        orderby=orderby,
        top=_integer("$top", options["$top"]) if "$top" in options else None,
        skip=_integer("$skip", options.get("$skip", "0")),
        token=_token(options["$skiptoken"], len(orderby) + 1) if "$skiptoken" in options else None,
        counted=options.get("$inlinecount", "none") == "allpages",
        fold=fold,
    )


def check_list(query: Query, entity: EntitySet) -> None:
    """Refuse a list that the endpoint does not give.

    :param query: parsed options.
    :param entity: the endpoint.
    :raises ODataError: if ``$select`` or ``$filter`` is missing where it is required.
    """
    if entity.select_required and query.select is None and query.top != 1:
        raise ODataError("Please add a $select or a $top=1 statement to the query string.")
    if entity.filter_required and (query.filter is None or not query.filter.columns):
        raise ODataError(
            "This endpoint has mandatory filtering applied. A GET request for this endpoint must have a $filter "
            f"parameter with one of the following fields in the url:{','.join(entity.columns)}."
        )


def _integer(name: str, text: str) -> int:
    if not text.isdigit():
        raise ODataError(f"Incorrect format for {name} argument '{text}'.")
    return int(text)


def _select(text: str | None, entity: EntitySet) -> frozenset[str] | None:
    if text is None or not text.strip():
        return None
    names = frozenset(name.strip() for name in text.split(","))
    if "*" in names:
        if not entity.star:
            raise ODataError("This endpoint does not support query { $select=* }")
        return frozenset({*entity.columns, *entity.navigation})
    for name in sorted(names):
        if name not in entity.columns and name not in entity.navigation:
            raise ODataError(f"Could not find a property named '{name}' on type '{entity.type_name}'.")
    return names


def _expand(text: str, entity: EntitySet) -> frozenset[str]:
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    for name in sorted(names):
        if name not in entity.navigation:
            raise ODataError(f"Could not find a property named '{name}' on type '{entity.type_name}'.")
    return names


def _filter(text: str | None, entity: EntitySet, *, fold: bool) -> Filter | None:
    if text is None:
        return None
    found = compile_filter(text, entity.columns, entity.type_name, fold=fold)
    if entity.filterable is not None and (refused := sorted(found.columns - entity.filterable)):
        raise ODataError(f"Filtering on these fields is not supported: {', '.join(refused)}")
    return found


def _orderby(text: str, entity: EntitySet) -> list[tuple[Column, bool]]:
    result: list[tuple[Column, bool]] = []
    for part in (part.split() for part in text.split(",") if part.strip()):
        direction = part[1:] or ["asc"]
        if part[0] not in entity.columns or direction not in (["asc"], ["desc"]):
            raise ODataError(f"No property '{part[0]}' exists in type '{entity.type_name}' at position 0.")
        result.append((entity.columns[part[0]], direction == ["desc"]))
    return result


def _token(text: str, arity: int) -> list[Any]:
    # Some clients cut the token out of the link and encode it a second time.
    text = unquote(text) if "%" in text else text
    values: list[Any] = []
    position = 0
    while (found := read_literal(text, position)) is not None:
        values.append(found[0].value)
        position = found[1]
        if not text.startswith(",", position):
            break
        position += 1
    if position != len(text) or len(values) != arity:
        raise ODataError("The skip token is not valid for this resource.")
    return values


def fetch(source: Source, entity: EntitySet, query: Query) -> Page:
    """Return the page that a query asks for.

    :param source: rows in key order.
    :param entity: the endpoint.
    :param query: parsed options.
    """
    limit = entity.page_size if query.top is None else min(query.top, entity.page_size)
    rows = list(islice(_ordered(source, entity, query, limit), query.skip, query.skip + limit + 1))
    more = len(rows) > limit and (query.top is None or query.top > limit)
    rows = rows[:limit]
    count = sum(1 for _ in _matching(source, entity, query, None)) if query.counted else None
    bare = query.top is not None and query.top <= entity.page_size and not query.counted
    return Page(rows, _next_token(entity, query, rows[-1]) if more and rows else "", count, bare)


def count_rows(source: Source, entity: EntitySet, query: Query) -> int:
    """Return how many rows match.

    :param source: rows in key order.
    :param entity: the endpoint.
    :param query: parsed options.
    """
    return sum(1 for _ in _matching(source, entity, query, None))


def _matching(source: Source, entity: EntitySet, query: Query, after: Any) -> Iterator[Row]:
    if query.filter is None:
        return source.scan(after)
    matches = query.filter.matches
    return (row for row in _candidates(source, entity, query.filter, after) if matches(row) is True)


def _candidates(source: Source, entity: EntitySet, condition: Filter, after: Any) -> Iterable[Row]:
    only = condition.only.get(entity.key)
    if only is not None:
        found = [row for key in only if (row := source.get(key)) is not None]
        key = entity.columns[entity.key]
        found.sort(key=lambda row: _sortable(key, key.value(row), fold=False))
        if after is None:
            return found
        border = _sortable(key, after, fold=False)
        return [row for row in found if _sortable(key, key.value(row), fold=False) > border]
    lowest = condition.lowest.get(entity.key)
    if lowest is not None:
        # Without this every page of a sync would read the table from its beginning.
        after = lowest if after is None else max(after, lowest)
    return source.scan(after)


def _ordered(source: Source, entity: EntitySet, query: Query, limit: int) -> Iterable[Row]:
    if not query.orderby:
        return _matching(source, entity, query, None if query.token is None else query.token[0])
    parts = [*query.orderby, (entity.columns[entity.key], False)]

    def place(row: Row) -> list[Any]:
        return [_part(column, column.value(row), down=down, fold=query.fold) for column, down in parts]

    rows: Iterable[Row] = _matching(source, entity, query, None)
    if query.token is not None:
        border = [
            _part(column, value, down=down, fold=query.fold)
            for (column, down), value in zip(parts, query.token, strict=True)
        ]
        rows = (row for row in rows if border < place(row))
    return heapq.nsmallest(query.skip + limit + 1, rows, key=place)


def _part(column: Column, value: Any, *, down: bool, fold: bool) -> Any:
    key = _sortable(column, value, fold=fold)
    return _Descending(key) if down else key


def _sortable(column: Column, value: Any, *, fold: bool) -> tuple[Any, ...]:
    if value is None:
        return (0,)
    if column.edm == "Guid":
        return (1, guid_order(value))
    if column.edm == "String":
        value = value.rstrip(" ")
        return (1, value.lower() if fold else value)
    return (1, value)


def _next_token(entity: EntitySet, query: Query, last: Row) -> str:
    names = [*(column for column, _ in query.orderby), entity.columns[entity.key]]
    return ",".join(write_literal(column.edm, column.value(last)) for column in names)


def next_link(url: str, query: Query, page: Page) -> str:
    """Return the link to the next page, or an empty string.

    ``$skip`` is dropped, ``$top`` is reduced by what was sent, and ``$skiptoken`` stands last with a literal
    dollar sign, because clients cut it out of the text.

    :param url: absolute URL of the endpoint.
    :param query: parsed options.
    :param page: the page just made.
    """
    if not page.next_token:
        return ""
    parts = []
    for name, value in query.pairs:
        if name in {"$skip", "$skiptoken"}:
            continue
        shown = str((query.top or 0) - len(page.rows)) if name == "$top" else quote_value(value)
        parts.append(f"{quote_value(name)}={shown}")
    return f"{url}?{'&'.join([*parts, f'$skiptoken={page.next_token}'])}"

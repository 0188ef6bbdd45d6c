"""Which endpoints the Exact Online half has, and which rows stand behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.sandbox.exact_columns import with_timestamp
from include.sandbox.exact_kinds import BY_BULK, BY_PATH, BY_SYNC, KINDS
from include.sandbox.exact_store import KeyOrder, Rows, Source, Table, VersionOrder
from include.sandbox.exact_system import SYSTEM, me
from include.sandbox.odata_entity import EntitySet
from include.sandbox.odata_types import NUMBERS, ODataError, Row, read_literal

if TYPE_CHECKING:
    from include.sandbox.exact_division import Division
    from include.sandbox.exact_kinds import Lines
    from include.sandbox.exact_state import ExactState
    from include.sandbox.odata_entity import Below

# The reference names these for contacts; for accounts nothing beyond the key is known for sure.
_BULK_FILTERS = {
    "Accounts": frozenset({"ID"}),
    "Contacts": frozenset({"Account", "ID", "IdentificationDocument", "IdentificationUser", "Person"}),
}
_SYNC_FILTERS = frozenset({"Timestamp"})
_WIDE: dict[str, Any] = {"select_required": True, "skippable": False}
_TIME = 1

Endpoint = tuple[EntitySet, Source]


def find(state: ExactState, path: str, division: int | None, query: str) -> Endpoint | None:
    """Return the endpoint of a path, or None if there is none.

    :param state: the companies.
    :param path: path behind the division, without key; any case.
    :param division: company in the URL, if any.
    :param query: query text; only functions read it.
    """
    name = path.lower()
    if name == "current/me" or (name == "system/me" and division is not None):
        return me(state, path)
    if division is None:
        return None
    company = state.divisions[division]
    if name in BY_PATH:
        return _single(state, company, BY_PATH[name])
    if name in BY_BULK:
        return _bulk(state, company, BY_BULK[name])
    if name in BY_SYNC:
        return _sync(state, company, BY_SYNC[name])
    make = SYSTEM.get(name)
    return make(state, company, query) if make is not None else None


def _single(state: ExactState, company: Division, table: str) -> Endpoint:
    exact, kind = state.settings.exact, KINDS[table]
    entity = EntitySet(
        kind.path,
        kind.model,
        kind.key,
        company.columns[table],
        exact.page_size,
        filter_required=exact.mandatory_filter and bool(kind.bulk),
        navigation={name: lines.before for name, lines in kind.lines.items()},
        below={name: _below(state, company, lines) for name, lines in kind.lines.items()},
        table=table,
        methods=kind.methods,
    )
    if table == "TimeTransactions":
        return entity, Rows(company.tables[table], lambda row: _own_time(state, row))
    return entity, KeyOrder(company.tables[table])


def _own_time(state: ExactState, row: Row) -> bool:
    """Whether a transaction is listed: hours of the user; costs and other people's only come with the sync."""
    own = row.get("Employee") == state.employee_id or not state.settings.exact.own_hours_only
    return row.get("Type") == _TIME and own


def _below(state: ExactState, company: Division, lines: Lines) -> Below:
    def find_below(row: Row) -> Endpoint:
        table = Table()
        rows = company.tables[lines.table].rows.values()
        table.load(one for one in rows if one.get(lines.column) == row["ID"])
        return _single(state, company, lines.table)[0], KeyOrder(table)

    return find_below


def _bulk(state: ExactState, company: Division, table: str) -> Endpoint:
    kind = KINDS[table]
    entity = EntitySet(
        kind.bulk,
        kind.model,
        kind.key,
        company.columns[table],
        state.settings.exact.bulk_page_size,
        filterable=_BULK_FILTERS[table],
        table=table,
        **_WIDE,
    )
    return entity, KeyOrder(company.tables[table])


def _sync(state: ExactState, company: Division, table: str) -> Endpoint:
    kind = KINDS[table]
    entity = EntitySet(
        kind.sync,
        f"Sync.{kind.model}",
        "Timestamp",
        with_timestamp(company.columns[table]),
        state.settings.exact.bulk_page_size,
        star=False,
        filterable=_SYNC_FILTERS,
        table=table,
        **_WIDE,
    )
    return entity, VersionOrder(company.tables[table])


def parse_key(entity: EntitySet, text: str) -> Any:
    """Read the key in a path.

    :param entity: the endpoint.
    :param text: what stands between the parentheses.
    :raises ODataError: if it is no literal of the key's type.
    """
    found = read_literal(text, 0)
    wanted = entity.columns[entity.key].edm
    if found is not None and found[1] == len(text):
        given = found[0].edm
        if given == wanted or {given, wanted} <= NUMBERS:
            return found[0].value
    raise ODataError(f"Bad Request - Error in query syntax: the key '{text}' is no {wanted}.")

"""Which endpoints the Exact Online half has, and which rows stand behind them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from include.sandbox.exact_columns import (
    DELETED,
    DIVISION,
    ME,
    SYNC_TIMESTAMP,
    columns,
    with_timestamp,
)
from include.sandbox.exact_store import Few, KeyOrder, Source, VersionOrder
from include.sandbox.odata_entity import EntitySet
from include.sandbox.odata_types import NUMBERS, ODataError, Row, read_literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.sandbox.exact_division import Division
    from include.sandbox.exact_state import ExactState

_SINGULAR = {"Accounts": "Account", "Contacts": "Contact"}
_NAVIGATION = {"Accounts": {"BankAccounts": "Blocked"}, "Contacts": {}}
# The reference names these for contacts; for accounts nothing beyond the key is known for sure.
_BULK_FILTERS = {
    "Accounts": frozenset({"ID"}),
    "Contacts": frozenset({"Account", "ID", "IdentificationDocument", "IdentificationUser", "Person"}),
}
_SYNC_FILTERS = frozenset({"Timestamp"})
_DELETED_COLUMNS = columns(DELETED)
_DIVISION_COLUMNS = columns(DIVISION)
_ME_COLUMNS = columns(ME)
_STAMP_COLUMNS = columns(SYNC_TIMESTAMP)
_RECENT = 5

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
        return _me(state, path)
    if division is None:
        return None
    company = state.divisions[division]
    service, _, entity = name.rpartition("/")
    if (proper := entity.capitalize()) in _SINGULAR and service in {"crm", "bulk/crm", "sync/crm"}:
        return _crm(state, company, service, proper)
    makers: dict[str, Callable[[], Endpoint]] = {
        "system/divisions": lambda: _divisions(state, "system/Divisions"),
        "system/alldivisions": lambda: _divisions(state, "system/AllDivisions"),
        "hrm/divisions": lambda: _divisions(state, "hrm/Divisions"),
        "system/getmostrecentlyuseddivisions": lambda: _divisions(
            state, "system/GetMostRecentlyUsedDivisions", _RECENT
        ),
        "sync/deleted": lambda: _deleted(state, company),
        "read/sync/sync/synctimestamp": lambda: _sync_timestamp(state, company, query),
    }
    make = makers.get(name)
    return make() if make is not None else None


def _crm(state: ExactState, company: Division, service: str, entity: str) -> Endpoint:
    exact = state.settings.exact
    base, table = company.columns[entity], company.tables[entity]
    model, navigation = _SINGULAR[entity], _NAVIGATION[entity]
    if service == "crm":
        single = EntitySet(
            f"crm/{entity}",
            model,
            "ID",
            base,
            exact.page_size,
            filter_required=exact.mandatory_filter,
            navigation=navigation,
        )
        return single, KeyOrder(table)
    wide: dict[str, Any] = {"select_required": True, "skippable": False}
    if service == "bulk/crm":
        allowed = _BULK_FILTERS[entity]
        bulk = EntitySet(f"bulk/CRM/{entity}", model, "ID", base, exact.bulk_page_size, filterable=allowed, **wide)
        return bulk, KeyOrder(table)
    sync = EntitySet(
        f"sync/CRM/{entity}",
        f"Sync.{model}",
        "Timestamp",
        with_timestamp(base),
        exact.bulk_page_size,
        star=False,
        filterable=_SYNC_FILTERS,
        **wide,
    )
    return sync, VersionOrder(table)


def _deleted(state: ExactState, company: Division) -> Endpoint:
    entity = EntitySet(
        "sync/Deleted",
        "Sync.Deleted",
        "Timestamp",
        _DELETED_COLUMNS,
        state.settings.exact.bulk_page_size,
        select_required=True,
        filterable=frozenset({"Timestamp", "EntityType"}),
        skippable=False,
    )
    return entity, Few(state.deleted_log(company.code), "Timestamp")


def _divisions(state: ExactState, path: str, most: int | None = None) -> Endpoint:
    current = state.settings.exact.current_division
    rows: list[Row] = [
        {
            "Code": company.code,
            "Hid": number,
            "Description": company.name,
            "CustomerName": company.name,
            "Country": "NL ",
            "Legislation": "NL ",
            "Currency": "EUR",
            "Current": company.code == current,
            "Status": 1,
            "BlockingStatus": 0,
            "StartDate": company.created.replace(hour=0, minute=0, second=0, microsecond=0),
            "DivisionMoveDate": company.moved,
            "IsMainDivision": number == 1,
            "IsDossierDivision": False,
            "IsPracticeDivision": False,
            "Created": company.created,
            "Modified": company.moved or company.created,
        }
        for number, company in enumerate(state.divisions.values(), start=1)
    ]
    entity = EntitySet(path, "System.Division", "Code", _DIVISION_COLUMNS, state.settings.exact.page_size)
    return entity, Few(rows[:most], "Code")


def _me(state: ExactState, path: str) -> Endpoint:
    exact = state.settings.exact
    zone = ZoneInfo(exact.zone)
    offset = state.clock.now().astimezone(zone).utcoffset() or timedelta(0)
    row: Row = {
        "UserID": state.user_id,
        "AccountingDivision": exact.current_division,
        "CurrentDivision": exact.current_division,
        "Email": "sam@example.org",
        "FirstName": "Sam",
        "LastName": "Sandbox",
        "FullName": "Sam Sandbox",
        "UserName": "sam@example.org",
        "Gender": "O",
        "Language": "NL-NL",
        "LanguageCode": "nl-NL",
        "Legislation": 128,
        # A plain text in the site's clock, unlike every other date.
        "ServerTime": state.local_now().isoformat(timespec="seconds"),
        "ServerUtcOffset": int(offset.total_seconds()),
    }
    shown = "system/Me" if path.lower().startswith("system") else "current/Me"
    return EntitySet(shown, "System.Me", "UserID", _ME_COLUMNS, exact.page_size), Few([row], "UserID")


def _sync_timestamp(state: ExactState, company: Division, query: str) -> Endpoint:
    given = {name: values[0] for name, values in parse_qs(query).items()}
    modified, endpoint = (read_literal(given.get(name, ""), 0) for name in ("modified", "endPoint"))
    if modified is None or endpoint is None or (modified[0].edm, endpoint[0].edm) != ("DateTime", "String"):
        raise ODataError("The parameters modified and endPoint are mandatory.")
    name = endpoint[0].value
    version = 0
    if name in company.tables:
        if not state.settings.exact.sync_timestamp_for_crm:
            raise ODataError(f"The endpoint '{name}' is not supported.")
        border = modified[0].value
        rows = company.tables[name].rows.values()
        version = max((row["Timestamp"] for row in rows if row["Modified"] < border), default=0)
    row = {"Modified": modified[0].value, "API": name, "TimeStampAsBigInt": version}
    entity = EntitySet("read/sync/Sync/SyncTimestamp", "Sync.SyncTimestamp", "API", _STAMP_COLUMNS, 60)
    return entity, Few([row], "API")


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

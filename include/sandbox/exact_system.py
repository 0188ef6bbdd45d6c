"""The endpoints of the Exact Online half that stand on no table: the user, the companies, functions."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from include.sandbox.exact_columns import DELETED, DIVISION, ME, SYNC_TIMESTAMP, columns
from include.sandbox.exact_columns_trade import CURRENCY, STOCK_POSITION
from include.sandbox.exact_kinds import BY_SYNC
from include.sandbox.exact_store import Few, Source
from include.sandbox.odata_entity import EntitySet
from include.sandbox.odata_types import Constant, ODataError, Row, read_literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.sandbox.exact_division import Division
    from include.sandbox.exact_state import ExactState

    Endpoint = tuple[EntitySet, Source]
    Make = Callable[[ExactState, Division, str], Endpoint]

_DELETED_COLUMNS = columns(DELETED)
_DIVISION_COLUMNS = columns(DIVISION)
_ME_COLUMNS = columns(ME)
_STAMP_COLUMNS = columns(SYNC_TIMESTAMP)
_STOCK_COLUMNS = columns(STOCK_POSITION)
_CURRENCY_COLUMNS = columns(CURRENCY)
_CURRENCIES = (("EUR", "Euro"), ("GBP", "Pound sterling"), ("USD", "US dollar"))
_RECENT = 5
# The reference pages of the CRM's sync endpoints do not name SyncTimestamp.
_CRM = {"Accounts", "Contacts"}
_STAMPED = {path.rpartition("/")[2]: table for path, table in BY_SYNC.items()}


def me(state: ExactState, path: str) -> Endpoint:
    """Return the endpoint that tells who the user is.

    :param state: the companies.
    :param path: how it was asked for.
    """
    exact = state.settings.exact
    zone = ZoneInfo(exact.zone)
    offset = state.clock.now().astimezone(zone).utcoffset() or timedelta(0)
    shown_time = state.local_now() + timedelta(seconds=exact.clock_skew_seconds)
    row: Row = {
        "UserID": state.user_id,
        "AccountingDivision": exact.current_division,
        "CurrentDivision": exact.current_division,
        "Email": "sam@example.org",
        "EmployeeID": state.employee_id,
        "FirstName": "Sam",
        "LastName": "Sandbox",
        "FullName": "Sam Sandbox",
        "UserName": "sam@example.org",
        "Gender": "O",
        "Language": "NL-NL",
        "LanguageCode": "nl-NL",
        "Legislation": 128,
        # A plain text in the site's clock, unlike every other date.
        "ServerTime": shown_time.isoformat(timespec="seconds"),
        "ServerUtcOffset": int(offset.total_seconds()),
    }
    shown = "system/Me" if path.lower().startswith("system") else "current/Me"
    return EntitySet(shown, "System.Me", "UserID", _ME_COLUMNS, exact.page_size), Few([row], "UserID")


def _deleted(state: ExactState, company: Division, _query: str) -> Endpoint:
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


def _divisions(
    path: str, most: int | None, state: ExactState, _company: Division, _query: str, *, everything: bool = False
) -> Endpoint:
    exact = state.settings.exact
    rows: list[Row] = [
        {
            "Code": company.code,
            "Hid": number,
            "Description": company.name,
            "CustomerName": company.name,
            "Country": "NL ",
            "Legislation": "NL ",
            "Currency": "EUR",
            "Current": company.code == exact.current_division,
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
        if everything or company.code not in exact.inaccessible_divisions
    ]
    entity = EntitySet(path, "System.Division", "Code", _DIVISION_COLUMNS, exact.page_size)
    return entity, Few(rows[:most], "Code")


def _sync_timestamp(state: ExactState, company: Division, query: str) -> Endpoint:
    modified, endpoint = (_parameter(query, name) for name in ("modified", "endPoint"))
    if modified is None or endpoint is None or (modified.edm, endpoint.edm) != ("DateTime", "String"):
        raise ODataError("The parameters modified and endPoint are mandatory.")
    name = endpoint.value
    version = 0
    if (table := _STAMPED.get(name.lower())) is not None:
        if table in _CRM and not state.settings.exact.sync_timestamp_for_crm:
            raise ODataError(f"The endpoint '{name}' is not supported.")
        border = modified.value
        rows = company.tables[table].rows.values()
        version = max((row["Timestamp"] for row in rows if row["Modified"] < border), default=0)
    row = {"Modified": modified.value, "API": name, "TimeStampAsBigInt": version}
    entity = EntitySet("read/sync/Sync/SyncTimestamp", "Sync.SyncTimestamp", "API", _STAMP_COLUMNS, 60)
    return entity, Few([row], "API")


def _stock_position(_state: ExactState, company: Division, query: str) -> Endpoint:
    wanted = _parameter(query, "itemId")
    if wanted is None or wanted.edm != "Guid":
        raise ODataError("The parameter itemId is mandatory.")
    item = company.tables["Items"].rows.get(wanted.value)
    rows = [] if item is None else [{"ItemId": item["ID"], "InStock": item.get("Stock") or 0.0}]
    entity = EntitySet("read/logistics/StockPosition", "StockPosition", "ItemId", _STOCK_COLUMNS, 60)
    return entity, Few(rows, "ItemId")


def _currencies(state: ExactState, company: Division, _query: str) -> Endpoint:
    size = state.settings.exact.page_size
    made: Row = {"AmountPrecision": 0.01, "PricePrecision": 0.01, "Created": company.created}
    rows = [{**made, "Code": code, "Description": text} for code, text in _CURRENCIES]
    return EntitySet("general/Currencies", "Currency", "Code", _CURRENCY_COLUMNS, size), Few(rows, "Code")


def _parameter(query: str, name: str) -> Constant | None:
    text = parse_qs(query).get(name, [""])[0]
    found = read_literal(text, 0)
    return found[0] if found is not None and found[1] == len(text) else None


SYSTEM: dict[str, Make] = {
    "system/divisions": partial(_divisions, "system/Divisions", None),
    "system/alldivisions": partial(_divisions, "system/AllDivisions", None, everything=True),
    "hrm/divisions": partial(_divisions, "hrm/Divisions", None),
    "system/getmostrecentlyuseddivisions": partial(_divisions, "system/GetMostRecentlyUsedDivisions", _RECENT),
    "sync/deleted": _deleted,
    "read/sync/sync/synctimestamp": _sync_timestamp,
    "read/logistics/stockposition": _stock_position,
    "general/currencies": _currencies,
}

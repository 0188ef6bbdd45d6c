"""What Exact Online fills in by itself when a row is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.sandbox.exact_kinds import KINDS
from include.sandbox.exact_rows import padded

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.sandbox.exact_division import Division
    from include.sandbox.exact_state import ExactState
    from include.sandbox.odata_types import Row

    Filler = Callable[[ExactState, Division, Row], Row]

_PLACEHOLDER = "https://start.exactonline.nl//docs/images/placeholder_contact_myeol.png"
_TIME, _DRAFT_QUOTATION, _OPEN_INVOICE, _SALES_INVOICE = 1, 20, 20, 8020


def new_row(state: ExactState, company: Division, table: str, values: Row) -> Row:
    """Return a row with what the service fills in.

    :param state: for identifiers and the time.
    :param company: where it belongs.
    :param table: its table.
    :param values: stored values.
    """
    values = adjusted(company, table, {}, values)
    filled = _FILLERS[table](state, company, values)
    row = {**_stamps(state, company, table), **filled, **values}
    # A client that serialises a whole object sends the key of a new row as null.
    return row if row.get("ID") else {**row, "ID": state.new_id()}


def adjusted(company: Division, table: str, before: Row, values: Row) -> Row:
    """Return values with those that follow from them once, at the moment of writing.

    :param company: where the row belongs.
    :param table: its table.
    :param before: the row as it was; empty for a new one.
    :param values: stored values.
    """
    key = KINDS[table].key
    if key in values and key != "ID":
        rest = {name: value for name, value in values.items() if name != key}
        values = {**rest, "ID": values[key]} if values[key] else rest
    if table == "Contacts" and before and "Email" in values and "BusinessEmail" not in values:
        return {**values, "BusinessEmail": values["Email"]}
    return _priced(company, before, values) if table == "TimeTransactions" else values


def _priced(company: Division, before: Row, values: Row) -> Row:
    """Return values with the price as it is now; the obsolete Price means PriceFC, the obsolete Amount nothing."""
    rest = {name: value for name, value in values.items() if name not in {"Amount", "Price"}}
    if values.get("Price") is not None:
        rest.setdefault("PriceFC", values["Price"])
    elif "Item" in values and values["Item"] != before.get("Item"):
        rest.setdefault("PriceFC", company.value("Items", values["Item"], "StandardSalesPrice") or 0.0)
    return rest


def _stamps(state: ExactState, company: Division, table: str) -> Row:
    now = state.local_now()
    made = {
        "ID": state.new_id(),
        "Created": now,
        "Modified": now,
        "Creator": state.user_id,
        "CreatorFullName": "Sam Sandbox",
        "Modifier": state.user_id,
        "ModifierFullName": "Sam Sandbox",
        "Division": company.code,
    }
    known = company.columns[table]
    return {name: value for name, value in made.items() if name in known or name == "ID"}


def _today(state: ExactState) -> datetime:
    return state.local_now().replace(hour=0, minute=0, second=0, microsecond=0)


def _account(state: ExactState, company: Division, values: Row) -> Row:
    company.highest_code = max(company.highest_code + ("Code" not in values), _number(values.get("Code")))
    texts = {"Code": f"{company.highest_code:07d}", "Country": "NL", "Language": "NL"}
    known = company.columns["Accounts"]
    fixed = {name: padded(known[name], text) for name, text in texts.items()}
    return {**fixed, "Status": "A", "StartDate": _today(state)}


def _number(code: str | None) -> int:
    text = (code or "").strip()
    return int(text) if text.isdigit() else 0


def _contact(state: ExactState, company: Division, values: Row) -> Row:
    company.highest_hid = max(company.highest_hid + ("HID" not in values), values.get("HID") or 0)
    account = company.tables["Accounts"].rows.get(values.get("Account") or "", {})
    filled: Row = {
        "BirthName": values.get("LastName"),
        "Gender": "O",
        "HID": company.highest_hid,
        "Language": account.get("Language", padded(company.columns["Contacts"]["Language"], "NL")),
        "Person": state.new_id(),
        "PictureUrl": _PLACEHOLDER,
        "StartDate": _today(state),
    }
    # Each pair holds the same value, whichever of the two was sent.
    for first, second in (("Email", "BusinessEmail"), ("Phone", "BusinessPhone"), ("Mobile", "BusinessMobile")):
        filled[first], filled[second] = values.get(second), values.get(first)
    return filled


def _item(state: ExactState, _company: Division, _values: Row) -> Row:
    return {"CostPriceCurrency": "EUR", "StartDate": _today(state), "Unit": "pc", "UnitType": "O"}


def _project(state: ExactState, _company: Division, _values: Row) -> Row:
    return {"StartDate": _today(state)}


def _time_transaction(state: ExactState, company: Division, _values: Row) -> Row:
    return {
        "Currency": "EUR",
        "Date": _today(state),
        "Employee": state.employee_id,
        "EntryNumber": company.next_number("TimeTransactions"),
        "HourStatus": state.settings.exact.new_hour_status,
        "Type": _TIME,
    }


def _quotation(state: ExactState, company: Division, _values: Row) -> Row:
    number = company.next_number("Quotations")
    dates = {"QuotationDate": _today(state), "VersionNumber": 1}
    return {"Currency": "EUR", **dates, "QuotationNumber": number, "Status": _DRAFT_QUOTATION}


def _invoice(state: ExactState, company: Division, values: Row) -> Row:
    return {
        "Currency": "EUR",
        "InvoiceDate": _today(state),
        "InvoiceTo": values.get("OrderedBy"),
        "OrderDate": _today(state),
        "OrderNumber": company.next_number("SalesInvoices"),
        "Status": _OPEN_INVOICE,
        "Type": _SALES_INVOICE,
    }


def _line(_state: ExactState, company: Division, values: Row) -> Row:
    item = values.get("Item")
    return {
        "Description": company.value("Items", item, "Description"),
        "Quantity": 1.0,
        "UnitPrice": company.value("Items", item, "StandardSalesPrice") or 0.0,
    }


_FILLERS: dict[str, Filler] = {
    "Accounts": _account,
    "Contacts": _contact,
    "BankAccounts": lambda _state, _company, _values: {"Type": "A"},
    "Items": _item,
    "Projects": _project,
    "TimeTransactions": _time_transaction,
    "Quotations": _quotation,
    "QuotationLines": _line,
    "SalesInvoices": _invoice,
    "SalesInvoiceLines": _line,
}

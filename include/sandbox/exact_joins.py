"""The properties that Exact Online joins or computes when a row is read."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.sandbox.exact_division import Division
    from include.sandbox.odata_types import Row

    Derive = Callable[[Row], Any]

PROJECT_TYPES = {1: "Campaign", 2: "Fixed Price", 3: "Time and Material", 4: "Non billable", 5: "Prepaid"}


def derived(company: Division) -> dict[str, dict[str, Derive]]:
    """Return how to compute the joined properties, by table and name.

    :param company: whose rows are joined.
    """
    return {
        "Contacts": _contacts(company),
        "BankAccounts": {
            "AccountName": _through(company, "BankAccounts", "Account", "Accounts", "Name"),
            "TypeDescription": lambda row: "Account" if row.get("Type", "A") == "A" else None,
        },
        "Projects": {
            "AccountCode": _through(company, "Projects", "Account", "Accounts", "Code"),
            "AccountName": _through(company, "Projects", "Account", "Accounts", "Name"),
            "DivisionName": lambda _row: company.name,
            "TypeDescription": lambda row: PROJECT_TYPES.get(row.get("Type") or 0),
        },
        "TimeTransactions": _time_transactions(company),
        **_documents(company),
    }


def _through(company: Division, table: str, column: str, target: str, name: str) -> Derive:
    """Return the property of the row that another property names."""

    def get(row: Row) -> Any:
        return company.value(target, company.columns[table][column].value(row), name)

    return get


def product(quantity: float | None, price: float | None) -> float | None:
    """Multiply as with pencil and paper: 3 times 0.1 is 0.3.

    :param quantity: first factor.
    :param price: second factor.
    """
    if quantity is None or price is None:
        return None
    return float(Decimal(str(quantity)) * Decimal(str(price)))


def _contacts(company: Division) -> dict[str, Derive]:
    def account(row: Row) -> Row:
        return company.tables["Accounts"].rows.get(row.get("Account") or "", {})

    return {
        "AccountIsCustomer": lambda row: account(row).get("Status") == "C",
        "AccountIsSupplier": lambda row: bool(account(row).get("IsSupplier")),
        "AccountMainContact": lambda row: account(row).get("MainContact"),
        "AccountName": lambda row: account(row).get("Name"),
        "Code": lambda row: account(row).get("Code"),
        "Country": lambda row: account(row).get("Country"),
        "FullName": _full_name,
        "IsMainContact": lambda row: account(row).get("MainContact") == row["ID"],
    }


def _full_name(row: Row) -> str:
    return " ".join(part for part in (row.get("FirstName"), row.get("MiddleName"), row.get("LastName")) if part)


def _time_transactions(company: Division) -> dict[str, Derive]:
    table = "TimeTransactions"

    def amount(row: Row) -> float | None:
        return product(row.get("Quantity"), row.get("PriceFC"))

    return {
        "Account": _through(company, table, "Project", "Projects", "Account"),
        "AccountName": _through(company, table, "Account", "Accounts", "Name"),
        "Amount": amount,
        "AmountFC": amount,
        "DivisionDescription": lambda _row: company.name,
        "ItemDescription": _through(company, table, "Item", "Items", "Description"),
        "ItemDivisable": lambda row: bool(company.value("Items", row.get("Item"), "IsFractionAllowedItem")),
        "Price": lambda row: row.get("PriceFC"),
        "ProjectAccount": _through(company, table, "Project", "Projects", "Account"),
        "ProjectAccountCode": _through(company, table, "Project", "Projects", "AccountCode"),
        "ProjectAccountName": _through(company, table, "Project", "Projects", "AccountName"),
        "ProjectCode": _through(company, table, "Project", "Projects", "Code"),
        "ProjectDescription": _through(company, table, "Project", "Projects", "Description"),
    }


def _documents(company: Division) -> dict[str, dict[str, Derive]]:
    found: dict[str, dict[str, Derive]] = {}
    for table, lines, above in (
        ("Quotations", "QuotationLines", "QuotationID"),
        ("SalesInvoices", "SalesInvoiceLines", "InvoiceID"),
    ):
        total = _total(company, lines, above)
        found[table] = {above: lambda row: row["ID"], "AmountDC": total, "AmountFC": total}
        found[lines] = {
            "AmountDC": _line_amount,
            "AmountFC": _line_amount,
            "ItemDescription": _through(company, lines, "Item", "Items", "Description"),
        }
    found["Quotations"] |= {
        "OrderAccountCode": _through(company, "Quotations", "OrderAccount", "Accounts", "Code"),
        "OrderAccountName": _through(company, "Quotations", "OrderAccount", "Accounts", "Name"),
        "ProjectCode": _through(company, "Quotations", "Project", "Projects", "Code"),
        "ProjectDescription": _through(company, "Quotations", "Project", "Projects", "Description"),
        "StatusDescription": lambda row: "Draft" if row.get("Status") == 20 else None,  # noqa: PLR2004 - its code
    }
    found["QuotationLines"]["QuotationNumber"] = lambda row: company.value(
        "Quotations", row.get("QuotationID"), "QuotationNumber"
    )
    found["SalesInvoices"] |= {
        "InvoiceToName": _through(company, "SalesInvoices", "InvoiceTo", "Accounts", "Name"),
        "OrderedByName": _through(company, "SalesInvoices", "OrderedBy", "Accounts", "Name"),
        "StatusDescription": lambda row: "Open" if row.get("Status") == 20 else None,  # noqa: PLR2004 - its code
    }
    found["SalesInvoiceLines"]["ItemCode"] = _through(company, "SalesInvoiceLines", "Item", "Items", "Code")
    return found


def _line_amount(row: Row) -> float | None:
    price = row.get("NetPrice")
    return product(row.get("Quantity"), row.get("UnitPrice") if price is None else price)


def _total(company: Division, lines: str, above: str) -> Derive:
    def get(row: Row) -> float:
        owned = (line for line in company.tables[lines].rows.values() if line.get(above) == row["ID"])
        return float(sum((Decimal(str(_line_amount(line) or 0)) for line in owned), Decimal(0)))

    return get

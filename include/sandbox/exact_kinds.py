"""The tables of the Exact Online half: where each is served, what may be done to it, what it refers to."""

from __future__ import annotations

from dataclasses import dataclass, field

from include.sandbox import exact_columns as crm
from include.sandbox import exact_columns_trade as trade

_ALL = frozenset({"GET", "POST", "PUT", "DELETE"})
_READ = frozenset({"GET"})
_READ_AND_ADD = frozenset({"GET", "POST"})


@dataclass(frozen=True)
class Lines:
    """A collection below a row, such as the lines of an invoice.

    :param table: where its rows are.
    :param column: their property that names the row above.
    :param before: property of the row above in front of which the collection stands.
    :param posted: whether POST takes its rows along with the row above.
    """

    table: str
    column: str
    before: str
    posted: bool = False


@dataclass(frozen=True)
class Kind:
    """One table.

    :param path: single endpoint behind the division.
    :param model: type name behind ``Exact.Web.Api.Models.``.
    :param layout: its properties.
    :param methods: what the single endpoint takes.
    :param key: name of the key property; inside, every row has its key as ``ID``.
    :param sync: sync endpoint, or an empty text.
    :param bulk: bulk endpoint, or an empty text.
    :param deleted_type: EntityType in ``sync/Deleted``; 0 leaves no trace.
    :param mandatory: properties that a row must have.
    :param references: properties that must name a row, with its table.
    :param unique: properties that no two rows share.
    :param lines: collections by property name.
    """

    path: str
    model: str
    layout: str
    methods: frozenset[str] = _ALL
    key: str = "ID"
    sync: str = ""
    bulk: str = ""
    deleted_type: int = 0
    mandatory: tuple[str, ...] = ()
    references: dict[str, str] = field(default_factory=dict)
    unique: tuple[str, ...] = ()
    lines: dict[str, Lines] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "Accounts": Kind(
        "crm/Accounts",
        "Account",
        crm.ACCOUNT,
        sync="sync/CRM/Accounts",
        bulk="bulk/CRM/Accounts",
        deleted_type=2,
        mandatory=("Name",),
        unique=("Code",),
        lines={"BankAccounts": Lines("BankAccounts", "Account", "Blocked")},
    ),
    "Contacts": Kind(
        "crm/Contacts",
        "Contact",
        crm.CONTACT,
        sync="sync/CRM/Contacts",
        bulk="bulk/CRM/Contacts",
        deleted_type=5,
        mandatory=("Account",),
        references={"Account": "Accounts"},
    ),
    "BankAccounts": Kind(
        "crm/BankAccounts",
        "BankAccount",
        trade.BANK_ACCOUNT,
        deleted_type=48,
        mandatory=("Account", "BankAccount"),
        references={"Account": "Accounts"},
    ),
    "Items": Kind(
        "logistics/Items",
        "Item",
        trade.ITEM,
        sync="sync/Logistics/Items",
        deleted_type=9,
        mandatory=("Code", "Description"),
        unique=("Code",),
    ),
    "Projects": Kind(
        "project/Projects",
        "Project",
        trade.PROJECT,
        sync="sync/Project/Projects",
        deleted_type=21,
        mandatory=("Account", "Code", "Description", "Type"),
        references={"Account": "Accounts"},
        unique=("Code",),
    ),
    "TimeTransactions": Kind(
        "project/TimeTransactions",
        "TimeTransaction",
        trade.TIME_TRANSACTION,
        sync="sync/Project/TimeCostTransactions",
        deleted_type=14,
        mandatory=("Item", "Quantity"),
        references={"Item": "Items", "Project": "Projects", "Account": "Accounts"},
    ),
    "Quotations": Kind(
        "crm/Quotations",
        "Quotation",
        trade.QUOTATION,
        _READ_AND_ADD,
        "QuotationID",
        mandatory=("OrderAccount", "QuotationLines"),
        references={"OrderAccount": "Accounts", "Project": "Projects"},
        lines={"QuotationLines": Lines("QuotationLines", "QuotationID", "QuotationNumber", posted=True)},
    ),
    "QuotationLines": Kind(
        "crm/QuotationLines",
        "QuotationLine",
        trade.QUOTATION_LINE,
        _READ,
        mandatory=("Item",),
        references={"Item": "Items"},
    ),
    "SalesInvoices": Kind(
        "salesinvoice/SalesInvoices",
        "SalesInvoice",
        trade.SALES_INVOICE,
        _READ_AND_ADD,
        "InvoiceID",
        mandatory=("Journal", "OrderedBy", "SalesInvoiceLines"),
        references={"OrderedBy": "Accounts", "InvoiceTo": "Accounts"},
        lines={"SalesInvoiceLines": Lines("SalesInvoiceLines", "InvoiceID", "Status", posted=True)},
    ),
    "SalesInvoiceLines": Kind(
        "salesinvoice/SalesInvoiceLines",
        "SalesInvoiceLine",
        trade.SALES_INVOICE_LINE,
        _READ,
        mandatory=("Item",),
        references={"Item": "Items"},
    ),
}

BY_PATH: dict[str, str] = {kind.path.lower(): table for table, kind in KINDS.items()}
BY_SYNC: dict[str, str] = {kind.sync.lower(): table for table, kind in KINDS.items() if kind.sync}
BY_BULK: dict[str, str] = {kind.bulk.lower(): table for table, kind in KINDS.items() if kind.bulk}

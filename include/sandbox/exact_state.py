"""The companies of the Exact Online half: what is in them, and how it changes."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from include.sandbox.exact_division import Division
from include.sandbox.exact_fills import adjusted, new_row
from include.sandbox.exact_kinds import KINDS
from include.sandbox.exact_limits import ErrorBlock, RateLimits
from include.sandbox.exact_rows import stored
from include.sandbox.exact_tokens import TokenService
from include.sandbox.odata_render import RAW
from include.sandbox.odata_types import Row, plain, sql_datetime
from include.sandbox.settings import DEFAULT_DIVISION, SECOND_DIVISION

if TYPE_CHECKING:
    from datetime import datetime

    from include.sandbox.clock import Clock
    from include.sandbox.settings import SandboxSettings

# What a deletion takes along: tables, with the property that names the deleted row.
_OWNED: dict[str, tuple[tuple[str, str], ...]] = {
    "Accounts": (("Contacts", "Account"), ("BankAccounts", "Account")),
    "Quotations": (("QuotationLines", "QuotationID"),),
    "SalesInvoices": (("SalesInvoiceLines", "InvoiceID"),),
}


class ExactState:
    """Divisions with their tables, the deleted log, the tokens and the limits.

    :param clock: the sandbox's time.
    :param settings: switches, read at every use.
    """

    def __init__(self, clock: Clock, settings: SandboxSettings) -> None:
        self.clock = clock
        self.settings = settings
        self.random = random.Random(settings.exact.seed)
        self.user_id = self.new_id()
        self.employee_id = str(uuid5(UUID(self.user_id), "employee"))
        self.divisions: dict[int, Division] = {}
        self.tokens = TokenService(clock, settings.exact, self.random)
        self.limits = RateLimits(clock, settings)
        self.errors = ErrorBlock(clock, settings.exact)
        self.add_division(DEFAULT_DIVISION, "Sandbox B.V.")
        self.add_division(SECOND_DIVISION, "Sandbox Services B.V.")

    def new_id(self) -> str:
        """Return a new GUID; the same seed gives the same ones."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def local_now(self) -> datetime:
        """Return the site's wall clock, naive, in SQL Server's steps."""
        zone = ZoneInfo(self.settings.exact.zone)
        return sql_datetime(self.clock.now().astimezone(zone).replace(tzinfo=None))

    def add_division(self, code: int, name: str) -> None:
        """Add an empty company; one that exists is renamed.

        :param code: its number.
        :param name: its description.
        """
        if code in self.divisions:
            self.divisions[code].name = name
            return
        first = self.settings.exact.rowversion_start
        self.divisions[code] = Division(code, name, self.local_now(), first)

    def division(self, code: int) -> Division:
        """Return a company.

        :param code: its number.
        :raises KeyError: if there is none.
        """
        return self.divisions[code]

    def add(self, division: int, table: str, fields: Row) -> Row:
        """Add a row as a user of the web interface would; an account's first contact becomes its main contact.

        :param division: company number.
        :param table: its table.
        :param fields: properties; times as naive local datetimes or ISO text.
        :raises KeyError: if the company or the table is unknown.
        :raises ValueError: if a property is unknown or has a wrong value.
        """
        company = self.divisions[division]
        values = stored(fields, company.columns[table])
        row = self._put(company, table, new_row(self, company, table, values))
        account = company.tables["Accounts"].rows.get(row.get("Account") or "") if table == "Contacts" else None
        if account is not None and not account.get("MainContact"):
            self._touch(company, "Accounts", account, {"MainContact": row["ID"]})
        return row

    def add_account(self, division: int, fields: Row) -> Row:
        """Add an account: see :meth:`add`."""
        return self.add(division, "Accounts", fields)

    def add_contact(self, division: int, fields: Row) -> Row:
        """Add a contact: see :meth:`add`."""
        return self.add(division, "Contacts", fields)

    def _put(self, company: Division, entity: str, row: Row) -> Row:
        if "Timestamp" not in row:
            row["Timestamp"] = company.next_version()
        company.tables[entity].put(row)
        return row

    def _touch(self, company: Division, entity: str, row: Row, changes: Row) -> Row:
        fresh = {**row, "Modified": self.local_now(), "Timestamp": company.next_version(), **changes}
        company.tables[entity].put(fresh)
        return fresh

    def update(self, division: int, entity: str, row_id: str, fields: Row) -> Row:
        """Change a row; a change to the values it already has leaves Modified and Timestamp alone.

        :param division: company number.
        :param entity: its table.
        :param row_id: its ID.
        :param fields: properties to change.
        :raises KeyError: if the company or the row is unknown.
        :raises ValueError: if a property is unknown or has a wrong value.
        """
        company = self.divisions[division]
        known = company.columns[entity]
        row = company.tables[entity].rows[row_id]
        values = adjusted(company, entity, row, stored(fields, known))
        values.pop("ID", None)
        special = {name: value for name, value in values.items() if name not in known}
        changed = {name: value for name, value in values.items() if name in known and known[name].value(row) != value}
        return self._touch(company, entity, row, {**changed, **special}) if changed or special else row

    def touch(self, division: int, entity: str, row_id: str) -> Row:
        """Save a row again without a change of its contents: only its version and Modified move.

        :param division: company number.
        :param entity: its table.
        :param row_id: its ID.
        :raises KeyError: if the company or the row is unknown.
        """
        company = self.divisions[division]
        return self._touch(company, entity, company.tables[entity].rows[row_id], {})

    def distort(self, division: int, entity: str, row_id: str, raw: dict[str, str | None]) -> Row:
        """Have a row shown with raw JSON in place of some values; they are stored, filtered and sorted as before.

        :param division: company number.
        :param entity: its table.
        :param row_id: its ID.
        :param raw: property -> JSON text, put into the answer as it is; None leaves the property out.
        :raises KeyError: if the company or the row is unknown.
        :raises ValueError: if a property is unknown.
        """
        company = self.divisions[division]
        row = company.tables[entity].rows[row_id]
        if unknown := sorted(set(raw) - {*company.columns[entity], "Timestamp"}):
            raise ValueError(f"The property '{unknown[0]}' does not exist.")
        return self._touch(company, entity, row, {RAW: raw})

    def delete(self, division: int, entity: str, row_id: str) -> None:
        """Delete a row and note it in the deleted log; what hangs on it goes along.

        :param division: company number.
        :param entity: its table.
        :param row_id: its ID.
        :raises KeyError: if the company or the row is unknown.
        """
        company = self.divisions[division]
        row = company.tables[entity].rows[row_id]
        if entity == "Contacts":
            account = company.tables["Accounts"].rows.get(row.get("Account") or "")
            if account is not None and account.get("MainContact") == row_id:
                self._touch(company, "Accounts", account, {"MainContact": None})
        for table, column in _OWNED.get(entity, ()):
            owned = [one["ID"] for one in company.tables[table].rows.values() if one.get(column) == row_id]
            for one in owned:
                self._delete(company, table, one)
        self._delete(company, entity, row_id)

    def _delete(self, company: Division, entity: str, row_id: str) -> None:
        company.tables[entity].remove(row_id)
        if not KINDS[entity].deleted_type:
            return
        company.deleted.append(
            {
                "Timestamp": company.next_version(),
                "DeletedBy": self.user_id,
                "DeletedDate": self.local_now(),
                "Division": company.code,
                "EntityKey": row_id,
                "EntityType": KINDS[entity].deleted_type,
                "ID": self.new_id(),
            }
        )

    def deleted_log(self, division: int) -> list[Row]:
        """Return the deletions of the last two months; older ones are gone for good.

        :param division: company number.
        """
        company = self.divisions[division]
        oldest = self.local_now() - timedelta(days=self.settings.exact.deleted_days)
        company.deleted = [entry for entry in company.deleted if entry["DeletedDate"] >= oldest]
        return company.deleted

    def bulk_load(self, division: int, entity: str, rows: list[Row]) -> int:
        """Insert many rows fast; versions follow the order of the list.

        :param division: company number.
        :param entity: its table.
        :param rows: rows with OData names and typed values (naive local datetimes); ID, Created and Modified are
            added where they are missing, nothing else.
        :return: number of rows.
        :raises KeyError: if the company is unknown.
        """
        company = self.divisions[division]
        now = self.local_now()
        main = entity == "Contacts"
        accounts = company.tables["Accounts"].rows
        for row in rows:
            if "ID" not in row:
                row["ID"] = self.new_id()
            row.setdefault("Created", now)
            row.setdefault("Modified", row["Created"])
            row.setdefault("Division", division)
            row.setdefault("Timestamp", company.next_version())
            account = accounts.get(row.get("Account") or "") if main else None
            if account is not None and not account.get("MainContact"):
                account["MainContact"] = row["ID"]
        company.tables[entity].load(rows)
        company.highest_code = max(company.highest_code, *_numbers(rows, "Code"))
        company.highest_hid = max(company.highest_hid, *_numbers(rows, "HID"))
        return len(rows)

    def move_division(self, code: int) -> None:
        """Move a company to another database: every Timestamp is made anew, and lower than before.

        :param code: its number.
        :raises KeyError: if the company is unknown.
        """
        company = self.divisions[code]
        company.restart_versions()
        for table in company.tables.values():
            table.renumber(company.next_version)
        for entry in company.deleted:
            entry["Timestamp"] = company.next_version()
        company.moved = self.local_now()

    def contents(self) -> dict[str, dict[str, list[Row]]]:
        """Return what is truly there, as plain values in the service's JSON form."""
        return {
            str(code): {
                entity: [
                    {name: plain(_edm(company, entity, name), value) for name, value in row.items() if name != RAW}
                    for row in table.by_version(None)
                ]
                for entity, table in company.tables.items()
            }
            for code, company in self.divisions.items()
        }

    def expire_tokens(self) -> None:
        """End all access tokens now; refresh tokens stay good."""
        self.tokens.expire()

    def revoke_tokens(self) -> None:
        """End all access and refresh tokens: a person has to log in again."""
        self.tokens.revoke()

    def issue_tokens(self) -> dict[str, str]:
        """Log in without a browser.

        :return: ``access_token`` and ``refresh_token``.
        """
        grant = self.tokens.grant()
        return {"access_token": grant["access_token"], "refresh_token": grant["refresh_token"]}


def _numbers(rows: list[Row], name: str) -> list[int]:
    texts = (str(row.get(name) or "").strip() for row in rows)
    return [0, *(int(text) for text in texts if text.isdigit())]


def _edm(company: Division, entity: str, name: str) -> str:
    if name == "Timestamp":
        return "Int64"
    column: Any = company.columns[entity].get(name)
    return column.edm if column is not None else "String"

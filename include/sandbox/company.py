"""A made-up company for the Exact Online half: the same seed gives the same people, in any number.

Real companies' data is dirty, so every fourth contact has one of the troubles of ``CONTACT_TROUBLES`` and every
eighth account one of ``ACCOUNT_TROUBLES``, in turn: a small company has them all, a large one in equal shares.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.sandbox.company_names import CITIES, COMPANY_WORDS, FIRST_NAMES, JOB_TITLES, LAST_NAMES, LEGAL_FORMS

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]

YEARS = 8
UNCHANGED = 0.7
SUPPLIERS = 0.2
CONTACT_TROUBLES = (
    "no_email",
    "malformed_email",
    "duplicate_email",
    "blank_first_name",
    "blank_last_name",
    "ended",
    "anonymised",
    "padded_email",
    "repeated_hour",
    "upper_case_email",
    "no_names",
    "long_name",
)
ACCOUNT_TROUBLES = ("no_main_contact", "dangling_main_contact", "ended", "blocked", "padded_name", "repeated_hour")
MALFORMED = ("{0}.example.org", "{0}@", "{0}@@example.org", "{0} at example.org", "{0}@example,org", "n.v.t.")


@dataclass
class Company:
    """Accounts and contacts as Exact's columns, dates in the site's wall clock.

    :param troubles: for tests and demos: id of a row -> the trouble it was given.
    """

    accounts: list[Row] = field(default_factory=list)
    contacts: list[Row] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)


def make_company(
    *, seed: int, accounts: int, contacts: int, division: int, until: datetime, dirty: bool = True, start: int = 0
) -> Company:
    """Return a company.

    :param seed: same seed, same company.
    :param accounts: how many accounts; at least one if there are contacts.
    :param contacts: how many contacts, spread over the accounts.
    :param division: code of the division, written into every row.
    :param until: naive wall-clock time before which everything was created.
    :param dirty: False leaves all troubles out.
    :param start: numbers in codes and addresses continue after it, beside a company that is there already.
    """
    maker = _Maker(random.Random(f"{seed}/{start}"), division, until, dirty=dirty, start=start)
    maker.make_accounts(max(accounts, 1 if contacts else 0))
    maker.make_contacts(contacts)
    maker.finish()
    return maker.company


def repeated_hour(year: int) -> datetime:
    """Return the start of the hour that comes twice in October, 02:00 of its last Sunday."""
    last = datetime(year, 10, 31, 2)  # noqa: DTZ001 - a wall clock has no zone
    return last - timedelta(days=(last.weekday() + 1) % 7)


class _Maker:
    def __init__(self, rng: random.Random, division: int, until: datetime, *, dirty: bool, start: int) -> None:
        self.company = Company()
        self._rng = rng
        self._division = division
        self._until = until.replace(microsecond=0)
        self._dirty = dirty
        self._first = start + 1
        self._span = YEARS * 365 * 86_400
        year = until.year if until > repeated_hour(until.year) + timedelta(hours=1) else until.year - 1
        self._repeated = repeated_hour(year)
        self._creator = self._guid()

    def make_accounts(self, count: int) -> None:
        rng, rows = self._rng, self.company.accounts
        for number, created in enumerate(self._moments(count)):
            row = self._account(number, created)
            rows.append(row)
            if self._dirty and number % 8 == 5:  # noqa: PLR2004 - every eighth, from the sixth on
                self._spoil_account(row, ACCOUNT_TROUBLES[number // 8 % len(ACCOUNT_TROUBLES)])
            row["Modified"] = self._after(row["Created"], rng)

    def make_contacts(self, count: int) -> None:
        rng, rows, accounts = self._rng, self.company.contacts, self.company.accounts
        for number, created in enumerate(self._moments(count)):
            # Every account gets one before any gets a second, except those that shall have none.
            account = accounts[number] if number < len(accounts) else accounts[int(rng.random() * len(accounts))]
            if self.company.troubles.get(account["ID"]) == "no_main_contact":
                account = accounts[0]
            row = self._contact(number, created, account)
            rows.append(row)
            if self._dirty and number % 4 == 2:  # noqa: PLR2004 - every fourth, from the third on
                self._spoil_contact(row, CONTACT_TROUBLES[number // 4 % len(CONTACT_TROUBLES)])
            row["Modified"] = self._after(row["Created"], rng)

    def finish(self) -> None:
        """Bring the rows into the order of their last change, which is that of Exact's row versions."""
        self.company.accounts.sort(key=lambda row: row["Modified"])
        self.company.contacts.sort(key=lambda row: row["Modified"])

    # --- rows ---

    def _account(self, number: int, created: datetime) -> Row:
        rng = self._rng
        city, country, language = rng.choice(CITIES)
        name = f"{rng.choice(LAST_NAMES)} {rng.choice(COMPANY_WORDS)} {rng.choice(LEGAL_FORMS)}"
        return {
            "ID": self._guid(),
            "Blocked": False,
            "City": city,
            # 18 characters: seven digits, padded with leading blanks.
            "Code": f"{number + self._first:07d}".rjust(18),
            "Country": country.ljust(3),
            "Created": created,
            "Creator": self._creator,
            "Division": self._division,
            "Email": f"info{number + self._first}@example.com",
            "EndDate": None,
            "IsSupplier": rng.random() < SUPPLIERS,
            "Language": language.ljust(10),
            "MainContact": None,
            "Modifier": self._creator,
            "Name": name,
            "Phone": self._phone(),
            "StartDate": created.replace(hour=0, minute=0, second=0, microsecond=0),
            "Status": "ASPCC"[int(rng.random() * 5)],
            "Type": "A",
        }

    def _contact(self, number: int, created: datetime, account: Row) -> Row:
        rng = self._rng
        first, gender = rng.choice(FIRST_NAMES)
        last = rng.choice(LAST_NAMES)
        email = f"{_ascii(first)}.{_ascii(last)}{number + self._first}@example.org"
        row_id = self._guid()
        if account["MainContact"] is None:
            account["MainContact"] = row_id
        phone = self._phone()
        return {
            "ID": row_id,
            "Account": account["ID"],
            "BirthName": last,
            "BusinessEmail": email,
            "BusinessPhone": phone,
            "City": account["City"],
            "Created": created,
            "Creator": self._creator,
            "Division": self._division,
            "Email": email,
            "EndDate": None,
            "FirstName": first,
            "Gender": gender,
            "HID": number + self._first,
            "Initials": f"{first[0]}.",
            "IsAnonymised": 0,
            "IsMailingExcluded": False,
            "JobTitleDescription": rng.choice(JOB_TITLES),
            "Language": account["Language"],
            "LastName": last,
            "Modifier": self._creator,
            "Person": self._guid(),
            "Phone": phone,
            "StartDate": created.replace(hour=0, minute=0, second=0, microsecond=0),
        }

    # --- troubles ---

    def _spoil_account(self, row: Row, trouble: str) -> None:
        if trouble == "dangling_main_contact":
            row["MainContact"] = self._guid()
        elif trouble == "ended":
            row["EndDate"] = row["StartDate"] + timedelta(days=1)
        elif trouble == "blocked":
            row["Blocked"] = True
        elif trouble == "padded_name":
            row["Name"] = f"  {row['Name']} "
        elif trouble == "repeated_hour":
            row["Created"] = self._in_repeated_hour()
        self.company.troubles[row["ID"]] = trouble

    def _spoil_contact(self, row: Row, trouble: str) -> None:
        if trouble == "duplicate_email":
            # The contact before is never a spoiled one, so it is the first to come with this address.
            self._set_email(row, self.company.contacts[-2]["Email"])
        else:
            SPOILERS[trouble](self, row)
        self.company.troubles[row["ID"]] = trouble

    def _set_email(self, row: Row, email: str | None) -> None:
        row["Email"] = row["BusinessEmail"] = email

    def _malform(self, row: Row) -> None:
        pattern = MALFORMED[int(self._rng.random() * len(MALFORMED))]
        self._set_email(row, pattern.format(_ascii(row["LastName"])))

    def _blank(self, row: Row, *names: str) -> None:
        for name in names:
            row[name] = "  " if name == "FirstName" else None

    def _end(self, row: Row) -> None:
        row["EndDate"] = row["StartDate"] + timedelta(days=1)

    def _anonymise(self, row: Row) -> None:
        """Leave what Exact leaves after an anonymisation: the row without the person."""
        for name in ("FirstName", "LastName", "BirthName", "Initials", "Phone", "BusinessPhone"):
            row[name] = None
        self._set_email(row, None)
        row["IsAnonymised"] = 1

    def _lengthen(self, row: Row) -> None:
        row["LastName"] = "Müller-Lüdenscheidt van der Straßen-Ångström"

    def _in_repeated_hour(self) -> datetime:
        return self._repeated + timedelta(seconds=int(self._rng.random() * 3600))

    # --- values ---

    def _moments(self, count: int) -> list[datetime]:
        span, until, rng = self._span, self._until, self._rng
        ages = sorted((rng.random() for _ in range(count)), reverse=True)
        # Milliseconds end in 0, 3 or 7, as SQL Server keeps them.
        return [
            until - timedelta(seconds=int(age * span) + 1, milliseconds=(0, 3, 7)[number % 3])
            for number, age in enumerate(ages)
        ]

    def _after(self, created: datetime, rng: random.Random) -> datetime:
        if rng.random() < UNCHANGED:
            return created
        return created + timedelta(seconds=int(rng.random() * (self._until - created).total_seconds()))

    def _guid(self) -> str:
        text = f"{self._rng.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"

    def _phone(self) -> str:
        return f"+31 20 {int(self._rng.random() * 9_000_000) + 1_000_000}"


SPOILERS: dict[str, Callable[[_Maker, Row], None]] = {
    "no_email": lambda maker, row: maker._set_email(row, None),  # noqa: SLF001 - the table belongs to the class
    "malformed_email": _Maker._malform,  # noqa: SLF001
    "blank_first_name": lambda maker, row: maker._blank(row, "FirstName"),  # noqa: SLF001
    "blank_last_name": lambda maker, row: maker._blank(row, "LastName"),  # noqa: SLF001
    "ended": _Maker._end,  # noqa: SLF001
    "anonymised": _Maker._anonymise,  # noqa: SLF001
    "padded_email": lambda maker, row: maker._set_email(row, f" {row['Email']} "),  # noqa: SLF001
    "repeated_hour": lambda maker, row: row.update(Created=maker._in_repeated_hour()),  # noqa: SLF001
    "upper_case_email": lambda maker, row: maker._set_email(row, row["Email"].upper()),  # noqa: SLF001
    "no_names": lambda maker, row: maker._blank(row, "FirstName", "LastName"),  # noqa: SLF001
    "long_name": _Maker._lengthen,  # noqa: SLF001
}

_FOLDED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "è": "e", "ë": "e", "ï": "i", "å": "a", "ø": "o",
     "ç": "c", "ñ": "n", "ł": "l", "ś": "s", "á": "a", "í": "i", "ó": "o", "š": "s", "ž": "z", "ê": "e",
     " ": "", "'": "", "-": ""}
)  # fmt: skip


def _ascii(name: str) -> str:
    return name.lower().translate(_FOLDED)

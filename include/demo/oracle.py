"""What must be true afterwards, read from the sandbox's own contents and from nothing else."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from include.ledger.reports import DeliveryRow

PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
TERMINAL = {"created", "already_there", "rejected", "skipped_by_rule"}


@dataclass
class Verdict:
    """The comparison's outcome; each list holds ids, never names or addresses."""

    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Say whether both sides agree."""
        return not (self.missing or self.doubled or self.unexplained)

    def summary(self) -> dict[str, Any]:
        """Return counts and the first ids of each kind."""
        kinds = {"missing": self.missing, "doubled": self.doubled, "unexplained": self.unexplained}
        return {name: {"count": len(ids), "first": ids[:10]} for name, ids in kinds.items()}


def addresses(exact: Mapping[str, Any], entity: str) -> dict[str, str]:
    """Return for each record of Exact the address that an applicant made from it must have.

    :param exact: one division's true contents: ``Accounts`` and ``Contacts``.
    """
    contacts = {
        row["ID"].lower(): str(row.get("Email") or row.get("BusinessEmail") or "") for row in exact["Contacts"]
    }
    if entity == "Contacts":
        found = contacts
    else:
        mains = {row["ID"].lower(): str(row.get("MainContact") or "").lower() for row in exact["Accounts"]}
        found = {account: contacts.get(main, "") for account, main in mains.items()}
    return {record: address.strip().lower() for record, address in found.items()}


def sound(exact: Mapping[str, Any], entity: str) -> set[str]:
    """Return the records that have all an applicant needs, so that no reason not to send them is true."""
    whole = {row["ID"].lower() for row in exact["Contacts"] if _is_whole(row)}
    if entity == "Contacts":
        return whole
    return {
        row["ID"].lower()
        for row in exact["Accounts"]
        if str(row.get("MainContact") or "").lower() in whole and not row.get("EndDate") and row.get("Type") != "D"
    }


def _is_whole(contact: Mapping[str, Any]) -> bool:
    """Say whether a contact has names and a plain address, and is neither ended nor anonymised."""
    named = all(str(contact.get(name) or "").strip() for name in ("FirstName", "LastName"))
    address = str(contact.get("Email") or contact.get("BusinessEmail") or "").strip()
    return (
        named
        and PLAIN_ADDRESS.fullmatch(address) is not None
        and not contact.get("EndDate")
        and not contact.get("IsAnonymised")
    )


def compare(
    emails: Mapping[str, str],
    applications: Iterable[Mapping[str, Any]],
    deliveries: Iterable[DeliveryRow],
    *,
    owed: set[str],
) -> Verdict:
    """Compare the ledger with the true contents of both services.

    :param emails: address of every record that Exact held at the end of a phase.
    :param applications: Personio's applications for the position.
    :param deliveries: the ledger's row of every record.
    :param owed: records that must have arrived, because nothing is wrong with them.
    """
    verdict = Verdict()
    held = Counter(str(application["email"]).strip().lower() for application in applications)
    verdict.doubled += [f"{count} applications of one person" for count in held.values() if count > 1]
    seen = {row.source_id: row for row in deliveries}
    verdict.missing += sorted(set(emails) - set(seen))
    made: Counter[str] = Counter()
    for row in seen.values():
        if row.state not in TERMINAL or (row.state != "created" and not row.reason_code):
            verdict.unexplained.append(f"{row.source_id}: {row.state}")
        elif row.state in {"rejected", "skipped_by_rule"} and row.source_id in owed:
            verdict.unexplained.append(f"{row.source_id}: {row.reason_code}, but nothing is wrong with it")
        elif row.state in {"created", "already_there"}:
            email = emails.get(row.source_id, "")
            if email not in held:
                verdict.missing.append(row.source_id)
            made[email] += row.state == "created"
    verdict.doubled += [f"{count} records claim one application" for count in made.values() if count > 1]
    strays = [email for email in held if not made[email]]
    verdict.unexplained += ["application that no record accounts for"] * len(strays)
    return verdict

"""PyPI's exactonline on Exact Online: python -m benchmarks.peers.exactonline_exact --help.

It reads lists of 60 and follows their links, keeps all rows in memory and returns them at the end. It has no cursor
(the caller filters), no feed of its own, and stops with an error at 50 pages unless its storage says otherwise.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from exactonline import http as exactonline_http  # type: ignore[import-not-found, unused-ignore]
from exactonline.api import ExactApi  # type: ignore[import-not-found, unused-ignore]
from exactonline.resource import GET  # type: ignore[import-not-found, unused-ignore]
from exactonline.storage.base import (  # type: ignore[import-not-found, unused-ignore]
    ExactOnlineConfig,
    MissingSetting,
)

from benchmarks.usage import used

SELECT = "ID,Created,Modified,FirstName,MiddleName,LastName,Email,BusinessEmail,City,Gender,Mobile,Phone"


class InMemory(ExactOnlineConfig):  # type: ignore[misc, unused-ignore]
    """The library's storage, without a file."""

    def __init__(self, values: dict[tuple[str, str], str]) -> None:
        self.values = values

    def get(self, section: str, option: str) -> str:
        """Return a setting."""
        try:
            return self.values[section, option]
        except KeyError:
            raise MissingSetting(option, section) from None

    def set(self, section: str, option: str, value: str) -> None:
        """Keep a setting."""
        self.values[section, option] = value


def connect(site: str, token: str, pages: int) -> ExactApi:
    """Return the library, logged in.

    :param pages: after which it gives up; 0: its own default.
    """
    # It speaks https only; the sandbox has no certificate.
    exactonline_http.opt_secure.protocols = ("http", "https")
    values = {
        ("server", "rest_url"): f"{site}/api",
        ("transient", "access_token"): token,
        ("transient", "access_expiry"): str(int(time.time()) + 10**6),
        ("transient", "division"): "124132",
    }
    if pages:
        values["application", "iteration_limit"] = str(pages)
    return ExactApi(storage=InMemory(values))


def read(api: ExactApi, what: str, where: str) -> int:
    """Read; return how many rows came."""
    if what == "feed":
        # Not a resource of the library's: a URL of the caller's.
        return len(api.restv1(GET(f"sync/CRM/Contacts?$select={SELECT},Timestamp&$filter=Timestamp+gt+1L")))
    narrow = {"filter": where} if where else {}
    if what == "contacts":
        return len(api.contacts.filter(select=SELECT, **narrow))
    accounts: list[dict[str, Any]] = api.relations.filter(select="ID,Name,Email,MainContact", **narrow)
    contacts = [
        api.contacts.filter(select=SELECT, filter=f"ID eq guid'{account['MainContact']}'")
        for account in accounts
        if account["MainContact"]
    ]
    return len(accounts) + len(contacts)


def main() -> None:
    """Read once, and print what it took, or the error that ended it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("contacts", "accounts", "feed"))
    parser.add_argument("site")
    parser.add_argument("--token", default="none")
    parser.add_argument("--where", default="", help="$filter")
    parser.add_argument("--pages", type=int, default=0)
    asked = parser.parse_args()
    api = connect(asked.site, asked.token, asked.pages)
    try:
        found: dict[str, Any] = used(lambda: read(api, asked.what, asked.where))
    except ValueError as error:
        found = {"rows": 0, "error": str(error).split(" Last resource")[0]}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

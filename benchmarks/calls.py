"""Calls to Exact per run, against the fewest that can do it: python -m benchmarks.calls [--scale small].

One sandbox serves everybody. Its limits are out of the way, so that nobody has to wait, and our clients do their
waiting on its clock. What counts is the sandbox's own log; logins are left out.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet
from sqlalchemy import text

from benchmarks.recorded_pages import MEMORY
from benchmarks.results import Cell, Goal, Plot, Result, Table, publish, scale_asked, surroundings
from benchmarks.simulated_line import DIVISION, ZONE, SimulatedLine, Together
from benchmarks.usage import ask
from include.ledger import open_ledger
from include.sandbox.server import RunningSandbox
from include.sandbox.settings import SandboxSettings
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger

SIZES = {"small": (1_000, 10_000), "full": (1_000, 10_000, 100_000)}
NEWS = 50
FIRMS = 100
FIRST, IDLE, NEW, WINDOW, ACCOUNTS = (
    "first import",
    "nothing new",
    f"{NEWS} new",
    "window of one month",
    f"{FIRMS} new accounts with main contacts",
)
OURS, SCAN, DLT, EXACTONLINE = "ours", "full scan, 60 a page", "dlt rest_api", "exactonline"
MONTH = (datetime(2024, 3, 1, tzinfo=ZONE), datetime(2024, 4, 1, tzinfo=ZONE))
FEED_PAGE, PAGE = 1_000, 60
FOR_EVER = 10**7
COUNTS = (
    "a window is counted first, and where it is wide the company once, a call each, so that an empty one costs no "
    "page and a wide one is read by the feed"
)


class Company:
    """A sandbox with a company of some size, and everybody who reads it.

    :param folder: of dlt's database and state.
    """

    def __init__(self, running: RunningSandbox, ledger: Ledger, clock: Together, size: int, folder: str) -> None:
        self.running, self.ledger, self.clock, self.size, self.folder = running, ledger, clock, size, folder
        self.contacts = SimulatedLine(ledger, running, clock)
        self.accounts = SimulatedLine(ledger, running, clock, entity="Accounts")
        self.contacts.fill(accounts=size // 10, contacts=size)
        self.token = running.sandbox.exact.issue_tokens()["access_token"]
        with ledger.vault("exact").locked() as chain:
            chain.replace(self.token, "none", clock.now(), clock.now() + timedelta(days=30))

    def counted(self, work: Callable[[], object]) -> dict[str, int]:
        """Do some work; return how many calls it made at which service."""
        self.running.sandbox.log.clear()
        work()
        entries = [e for e in self.running.sandbox.log.entries() if not e.kind.endswith("oauth2/token")]
        return {service: sum(e.service == service for e in entries) for service in ("exact", "personio")}

    def sent_long_ago(self) -> None:
        """Take what is ready for sent: a hundred thousand applications would be three days of simulated limits."""
        with self.ledger._database.write() as connection:  # noqa: SLF001 - what no run has made
            connection.execute(text("UPDATE ledger_deliveries SET state = 'created' WHERE state = 'ready'"))

    def grow(self, contacts: int, accounts: int = 0) -> None:
        """Have new people join, and new firms with main contacts."""
        base = f"/_sandbox/exact/{DIVISION}"
        mark = self.clock.now().timestamp()
        people = [
            {"FirstName": "Noor", "LastName": "Nieuw", "Email": f"noor.{mark}.{n}@example.org"}
            for n in range(contacts + accounts)
        ]
        with build_http(base_url=self.running.url) as http:
            made = http.post(f"{base}/Contacts", json=people).raise_for_status().json()
            firms = [{"Name": f"Nieuwbouw {one['ID']}", "MainContact": one["ID"]} for one in made[:accounts]]
            if firms:
                http.post(f"{base}/Accounts", json=firms).raise_for_status()

    def in_month(self) -> int:
        """Return how many contacts were created in the month."""
        begin, end = (at.replace(tzinfo=None) for at in MONTH)
        rows = self.running.sandbox.exact.contents()[str(DIVISION)]["Contacts"]
        return sum(begin <= _wall(row["Created"]) < end for row in rows)

    def scan(self, entity: str = "Contacts") -> Callable[[], object]:
        """Return a scan of everything at 60 a page, which is what comes of following the links of a plain list."""
        url = f"{self.running.url}/api/v1/{DIVISION}/crm/{entity}?$select=ID"
        return lambda: ask("benchmarks.peers.bare_loop", url, self.token, peer=True)

    def dlt(self, what: str, *more: object) -> Callable[[], object]:
        """Return a run of dlt's source."""
        asked = (what, self.running.url, self.folder, "--token", self.token, *more)
        return lambda: ask("benchmarks.peers.dlt_exact", *asked, peer=True)

    def exactonline(self, what: str, where: str = "", pages: int = FOR_EVER) -> Callable[[], dict[str, Any]]:
        """Return a read of exactonline."""
        asked = (what, self.running.url, "--token", self.token, "--where", where, "--pages", pages)
        return lambda: ask("benchmarks.peers.exactonline_exact", *asked, peer=True)


def _wall(value: str) -> datetime:
    """Return the site's wall clock out of ``/Date(1528826545000)/``."""
    milliseconds = int(value.removeprefix("/Date(").removesuffix(")/"))
    return datetime.fromtimestamp(milliseconds / 1000, UTC).replace(tzinfo=None)


def _literal(at: datetime) -> str:
    return f"{at.astimezone(ZONE).replace(tzinfo=None):%Y-%m-%dT%H:%M:%S}"


def measure(company: Company) -> tuple[dict[str, dict[str, Cell]], dict[str, int]]:
    """Return scenario -> who -> calls to Exact, and our own calls to Personio by scenario."""
    size = company.size
    found: dict[str, dict[str, Cell]] = {}
    personio: dict[str, int] = {}

    def note(scenario: str, least: int, **work: Callable[[], object]) -> None:
        calls = {who: company.counted(one) for who, one in work.items()}
        found[scenario] = {"fewest": least, **{who: made["exact"] for who, made in calls.items()}}
        personio[scenario] = calls["ours"]["personio"]

    line, firms = company.contacts, company.accounts
    scans = company.counted(company.scan())["exact"]
    note(
        FIRST,
        -(-size // FEED_PAGE),
        ours=lambda: line.live("first", load=False),
        dlt=company.dlt("contacts"),
        exactonline=company.exactonline("contacts"),
    )
    company.sent_long_ago()
    since = f"Modified gt datetime'{_literal(company.clock.now())}'"
    company.clock.sleep(5)
    note(
        IDLE,
        1,
        ours=lambda: line.live("idle"),
        dlt=company.dlt("contacts"),
        exactonline=company.exactonline("contacts", since),
    )
    company.grow(NEWS)
    note(
        NEW,
        1,
        ours=lambda: line.live("news"),
        dlt=company.dlt("contacts"),
        exactonline=company.exactonline("contacts", since),
    )
    in_month = company.in_month()
    begin, end = (_literal(at) for at in MONTH)
    note(
        WINDOW,
        max(1, min(-(-in_month // PAGE), -(-size // FEED_PAGE))),
        ours=lambda: line.backfill("window", *(at.astimezone(UTC) for at in MONTH)),
        dlt=company.dlt("window", "--between", begin, end),
        exactonline=company.exactonline("contacts", f"Created ge datetime'{begin}' and Created lt datetime'{end}'"),
    )
    for scenario in found.values():
        scenario["scan"] = scans
    firms.live("accounts first", load=False)
    company.sent_long_ago()
    company.dlt("accounts_only")()
    since = f"Created gt datetime'{_literal(company.clock.now())}'"
    company.clock.sleep(5)
    company.grow(0, FIRMS)
    note(
        ACCOUNTS,
        1 + -(-FIRMS // PAGE),
        ours=lambda: firms.live("accounts news"),
        scan=company.scan("Accounts"),
        dlt=company.dlt("accounts"),
        exactonline=company.exactonline("accounts", since),
    )
    found[ACCOUNTS]["scan"] = int(str(found[ACCOUNTS]["scan"])) + scans
    return found, personio


def at_size(size: int) -> tuple[dict[str, dict[str, Cell]], dict[str, int], dict[str, Any]]:
    """Measure one size in a sandbox and a ledger of its own."""
    settings, clock = SandboxSettings(), Together()
    settings.exact.minutely_limit = settings.exact.daily_limit = FOR_EVER
    settings.exact.access_token_seconds = FOR_EVER
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as home,
        RunningSandbox(settings, clock=clock.exact_clock) as running,
        open_ledger(f"sqlite:///{home}/ledger.db", Fernet.generate_key().decode(), clock=clock.now) as ledger,
    ):
        company = Company(running, ledger, clock, size, home)
        found, personio = measure(company)
        return found, personio, company.exactonline("contacts", pages=0)()


def table(size: int, found: dict[str, dict[str, Cell]], personio: dict[str, int], stops: dict[str, Any]) -> Table:
    """Return the calls of one size."""
    columns = ["", "fewest possible", OURS, "ours, to Personio", SCAN, DLT, EXACTONLINE]
    rows = [
        [
            *(scenario, calls["fewest"], calls["ours"], personio[scenario]),
            *(calls["scan"], calls["dlt"], calls["exactonline"]),
        ]
        for scenario, calls in found.items()
    ]
    note = f"exactonline as it comes, first import: {stops['error']}." if "error" in stops else ""
    return Table(f"Calls to Exact in a company of {size:,} contacts", columns, rows, note)


def main(scale: str) -> int:
    """Measure every size."""
    logging.disable()
    about = surroundings(scale)
    found = {size: at_size(size) for size in SIZES[scale]}
    off = [
        f"{scenario}: {calls['ours']} instead of {calls['fewest']}"
        for scenario, calls in found[SIZES[scale][-1]][0].items()
        if calls["ours"] != calls["fewest"]
    ]
    largest = found[SIZES[scale][-1]][0]
    series: dict[str, list[float | None]] = {
        who: [float(str(calls[key])) for calls in largest.values()]
        for who, key in (
            ("fewest possible", "fewest"), (OURS, "ours"), (SCAN, "scan"), (DLT, "dlt"), (EXACTONLINE, "exactonline")
        )
    }  # fmt: skip
    goal = Goal("calls at the minimum in every case", "; ".join(off) or "the fewest possible", not off, COUNTS)
    title = f"Calls to Exact, {SIZES[scale][-1]:,} contacts"
    return publish(
        Result(
            *("calls", "Calls per run"),
            tables=[table(size, *one) for size, one in found.items()],
            goals=[goal],
            plots=[Plot("calls", title, "bars", list(largest), series, "calls", log=True)],
            about=about,
        )
    )


if __name__ == "__main__":
    sys.exit(main(scale_asked(__doc__)))

"""What no client of ours may do to the services, read off the traffic of every sandbox that a test starts.

The sandbox judges requests by limits that a test may lift. Here they are counted as the services themselves count
them, by every sandbox's own log and clock.
"""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.sandbox.state import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.sandbox.traffic import Entry

ERRORS = frozenset({400, 401, 403, 404})
"""What Exact counts against a key."""
MOST_ERRORS = 9
HOUR = timedelta(hours=1)
TOO_MANY = 429


class Audit:
    """Counts the traffic of one sandbox, from its start or its last reset on.

    :param sandbox: whose settings say what a day's quota is.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._errors: defaultdict[tuple[int | None, str], deque[datetime]] = defaultdict(deque)
        self._days: defaultdict[tuple[int | None, Any], int] = defaultdict(int)
        self._latest = datetime.min.replace(tzinfo=UTC)
        self.found: set[str] = set()

    def add(self, entry: Entry) -> None:
        """Count one request; faults are troubles that a test made, and their 429 is not ours.

        Nor is that of a service whose own clock was set back: the calls of its window are in its future then.
        """
        set_back = entry.at < self._latest
        self._latest = max(self._latest, entry.at)
        if entry.status == TOO_MANY and "status" not in entry.faults and not set_back:
            self.found.add(f"{entry.service} answered 429 to {entry.method} {entry.kind}")
        if entry.service != "exact":
            return
        if entry.status in ERRORS:
            self._error(entry)
        if entry.division is not None and entry.status != 0:
            self._call(entry)

    def _error(self, entry: Entry) -> None:
        times = self._errors[entry.division, entry.kind.lower().removesuffix("/$count")]
        times.append(entry.at)
        while times[0] <= entry.at - HOUR:
            times.popleft()
        if len(times) > MOST_ERRORS:
            self.found.add(f"more than {MOST_ERRORS} errors within an hour at {entry.kind}")

    def _call(self, entry: Entry) -> None:
        self._days[entry.division, entry.at.date()] += 1
        if self._days[entry.division, entry.at.date()] > self._sandbox.settings.exact.daily_limit:
            self.found.add(f"a call after the day's quota: {entry.kind}")


class Audits:
    """Watches every sandbox of this process, however it is started."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def watch(self) -> Callable[[], None]:
        """Begin; return what ends it."""
        reset = Sandbox.reset
        audits = self

        def watched(sandbox: Sandbox) -> None:
            reset(sandbox)
            audits.attach(sandbox)

        names: Any = Sandbox
        names.reset = watched

        def end() -> None:
            names.reset = reset

        return end

    def attach(self, sandbox: Sandbox) -> None:
        """Count what a sandbox is asked from now on; after a reset it has forgotten all of before."""
        audit, log = Audit(sandbox), sandbox.log
        plain = type(log).add

        def add(**told: Any) -> Entry:
            entry = plain(log, **told)
            audit.add(entry)
            self.found |= audit.found
            return entry

        log.add = add  # type: ignore[method-assign]

    def take(self) -> set[str]:
        """Return what was found since the last time."""
        found, self.found = self.found, set()
        return found


AUDITS = Audits()
"""Those of this process."""

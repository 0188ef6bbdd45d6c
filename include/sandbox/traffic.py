"""What was asked of the sandbox, without bodies and secrets."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlencode

from include.sandbox.exact_kinds import KINDS

if TYPE_CHECKING:
    from datetime import datetime

Service = Literal["exact", "personio"]

_SECRET = {"code", "client_secret", "access_token", "refresh_token"}
_KNOWN = (
    "oauth2/auth",
    "oauth2/token",
    "current/Me",
    "system/Me",
    "system/Divisions",
    "system/AllDivisions",
    "hrm/Divisions",
    "system/GetMostRecentlyUsedDivisions",
    "sync/Deleted",
    "read/sync/Sync/SyncTimestamp",
    "read/logistics/StockPosition",
    "general/Currencies",
    *(path for kind in KINDS.values() for path in (kind.path, kind.bulk, kind.sync) if path),
)
_CANONICAL = {name.lower(): name for name in _KNOWN}
_KEY = re.compile(r"\([^()]*\)")
_ID_SEGMENT = re.compile(r"^(\d+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27})$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One request, the status it got, and the faults that befell it; status 0 means that there was no answer."""

    seq: int
    at: datetime
    service: Service
    method: str
    path: str
    query: str
    status: int
    kind: str
    division: int | None
    faults: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain values."""
        return {**dataclasses.asdict(self), "at": self.at.isoformat()}


class TrafficLog:
    """The requests since the start or the last clearing, in order of their answers."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._seq = 0
        self._lock = Lock()

    def add(
        self, *, at: datetime, method: str, path: str, query: str, status: int, faults: tuple[str, ...] = ()
    ) -> Entry:
        """Write one request down.

        :param at: aware moment of its arrival.
        :param method: HTTP method.
        :param path: decoded path.
        :param query: query text as sent; secrets in it are blanked.
        :param status: answered status, or 0 if none was answered.
        :param faults: actions of the faults that befell it.
        """
        service, kind, division = classify(path)
        with self._lock:
            self._seq += 1
            entry = Entry(
                self._seq, at, service, method, path, without_secrets(query), status, kind, division, faults
            )
            self._entries.append(entry)
        return entry

    def entries(self) -> list[Entry]:
        """Return all entries."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget all entries; the numbering goes on."""
        with self._lock:
            self._entries.clear()

    def summary(self) -> list[dict[str, Any]]:
        """Return how many calls there were by service, kind, method and status."""
        counts = Counter((item.service, item.kind, item.method, item.status) for item in self.entries())
        return [
            {"service": service, "kind": kind, "method": method, "status": status, "calls": calls}
            for (service, kind, method, status), calls in sorted(counts.items())
        ]


def classify(path: str) -> tuple[Service, str, int | None]:
    """Tell whose endpoint a path is, without keys and division.

    :param path: decoded path, such as ``/api/v1/124132/crm/Contacts(guid'..')``.
    """
    parts = [part for part in path.split("/") if part]
    if not parts or parts[0].lower() != "api":
        return "personio", "/".join("{id}" if _ID_SEGMENT.match(part) else part for part in parts), None
    parts = parts[1:]
    division: int | None = None
    if parts and parts[0].lower() == "v1":
        parts = parts[1:]
        if parts and parts[0].isdigit():
            division = int(parts[0])
            parts = parts[1:]
    kind = _KEY.sub("", "/".join(parts))
    suffix = ""
    if kind.lower().endswith("/$count"):
        kind, suffix = kind[: -len("/$count")], "/$count"
    return "exact", _CANONICAL.get(kind.lower(), kind) + suffix, division


def without_secrets(query: str) -> str:
    """Blank the values of parameters that are credentials; any other query stays as it was sent.

    :param query: query text.
    """
    pairs = parse_qsl(query, keep_blank_values=True)
    if not any(name in _SECRET for name, _ in pairs):
        return query
    return urlencode([(name, "***" if name in _SECRET else value) for name, value in pairs], safe="*")

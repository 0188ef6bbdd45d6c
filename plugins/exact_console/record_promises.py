"""What a page of an act has shown, signed into its form: an act is done on that, or the page is shown again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from exact_console.signing import read, sign

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from exact_console.record_filter import Filter
    from include.ledger import Ledger
    from include.ledger.narrowing import Narrowing


@dataclass(frozen=True, slots=True)
class Bounds:
    """Until when deliveries were looked at: who came or was touched later was not shown.

    :param newest: the highest number of a delivery then.
    :param at: the ledger's time then.
    """

    newest: int
    at: datetime

    @classmethod
    def now(cls, ledger: Ledger) -> Bounds:
        """Return where the ledger stands."""
        return cls(ledger.records.newest(), ledger.vitals.now())

    def within(self, meant: Narrowing) -> Narrowing:
        """Return what of a narrowing stood already."""
        # Exclusive there; the ledger's times have microseconds.
        end = self.at + timedelta(microseconds=1)
        return replace(meant, newest=self.newest, until=min(end, meant.until or end))

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"newest": self.newest, "at": self.at.isoformat()}


def promise(user: BaseUser, act: str, asked: Filter, **shown: Any) -> str:
    """Return what a user was shown, for the form.

    :param shown: plain data, nothing personal: whoever holds the form can read it.
    """
    return sign("act", {"user": user.get_id(), "act": act, "meant": asked.query(), "shown": shown})


def promised(text: str, user: BaseUser, act: str, asked: Filter) -> dict[str, Any]:
    """Return what this user was shown of this act on this filter; empty if it was not, or too long ago."""
    found = read("act", text)
    same = {"user": user.get_id(), "act": act, "meant": asked.query()}
    if found is None or any(found[0].get(name) != value for name, value in same.items()):
        return {}
    return dict(found[0]["shown"])


def bounds_of(shown: dict[str, Any]) -> Bounds | None:
    """Return the bounds that were shown; None if there were none."""
    return Bounds(shown["newest"], datetime.fromisoformat(shown["at"])) if shown else None


def digest_of(entries: Iterable[tuple[Any, ...]]) -> str:
    """Return a short text that is another one for any other set of ids."""
    told = sorted(json.dumps(entry, default=str) for entry in entries)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()

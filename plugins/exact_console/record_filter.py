"""How a list of records is narrowed in an address: ids, codes and keyed hashes, never a name or an address."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, get_args
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException

from include.ledger.narrowing import Narrowing
from include.ledger.states import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from include.ledger.record_list import Key

STATES: Final[tuple[str, ...]] = get_args(DeliveryState)

NOT_UNDERSTOOD: Final = (
    "The filter is empty, or something in it is not understood: nothing was done. Go back to the records and narrow "
    "the list first."
)
LONGEST: Final = 4000
LAST_YEAR: Final = 9998
DIVISIONS: Final = 10**18
"""Above all numbers that the ledger's columns hold for certain."""

_CODE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
"""A code may name a field of a customer's own, with blanks."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHAPES: Final = {
    "state": re.compile("|".join(STATES)),
    "reason": _CODE,
    "stream": re.compile(r"[^|\x00-\x1f]{0,250}\|[0-9]{0,18}\|[A-Za-z]{0,20}\|[a-z_]{0,20}"),
    "run": re.compile(r"[^\x00-\x1f]{1,501}"),
    "since": _DAY,
    "until": _DAY,
    "id": re.compile(r"[A-Za-z0-9{}-]{1,100}"),
    "email": re.compile(r"[0-9a-f]{64}"),
    "names": re.compile(r"[0-9a-f]{32}(\.[0-9a-f]{32}){0,11}"),
}
_KEY: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,18})|([0-9]{1,18})")
_BEGAN: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Filter:
    """What an address asks for; what does not look like it is left out.

    :param stream: ``DAG|division|entity|destination``, each may be empty.
    :param since: a day, UTC.
    :param until: the last day, UTC.
    :param id: at Exact or at Personio.
    :param email: keyed hash of an address.
    :param names: keyed hashes of the words of a name, with dots between.
    """

    state: str = ""
    reason: str = ""
    stream: str = ""
    run: str = ""
    since: str = ""
    until: str = ""
    id: str = ""
    email: str = ""
    names: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str], *, strict: bool = False) -> Filter:
        """Read it from an address.

        :param strict: for whoever acts on what fits: without a part of it, more would fit.
        :raises HTTPException: 422: strict, and there is nothing, or something in it is not understood.
        """
        given = {name: str(query.get(name, "")).strip() for name in _SHAPES}
        kept = {name: value if _SHAPES[name].fullmatch(value) else "" for name, value in given.items()}
        for name in ("since", "until"):
            if kept[name] and _day(kept[name]) is None:
                kept[name] = ""
        if strict and (kept != given or not any(kept.values())):
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, NOT_UNDERSTOOD)
        return cls(**kept)

    @classmethod
    def read(cls, text: str) -> Filter:
        """Read it from what `query` has made, for whoever acts on what fits.

        :raises HTTPException: 422: it is not what `query` makes.
        """
        if len(text) > LONGEST:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, NOT_UNDERSTOOD)
        return cls.of(dict(parse_qsl(text)), strict=True)

    def query(self, **more: str) -> str:
        """Return it for an address."""
        return urlencode({name: value for name, value in {**asdict(self), **more}.items() if value})

    @property
    def about_people(self) -> bool:
        """Whether it asks by what a person is called."""
        return bool(self.email or self.names)

    def narrowing(self, dags: Collection[str]) -> Narrowing:
        """Return it as the ledger takes it.

        :param dags: whoever asks may know of these alone.
        """
        dag, division, entity, destination = self.stream.split("|") if self.stream else ("", "", "", "")
        until = _day(self.until)
        return Narrowing(
            states=(self.state,) if self.state else (),
            reason_code=self.reason,
            dag_id=dag,
            division=int(division) if division else None,
            entity=entity,
            destination=destination,
            run=self.run,
            since=_day(self.since),
            until=until + timedelta(days=1) if until else None,
            id=self.id,
            email=self.email,
            names=tuple(self.names.split(".")) if self.names else (),
            dags=frozenset(dags),
        )

    def of_record(self, division: int, entity: str, source_id: str) -> Filter:
        """Return the filter that means one record."""
        return replace(Filter(), stream=f"|{division}|{entity}|", id=source_id)


def key_text(key: Key | None) -> str:
    """Return the place where a page of the list ended, for an address."""
    if key is None:
        return ""
    at, number = key
    return str(number) if at is None else f"{(at - _BEGAN) // timedelta(microseconds=1)}-{number}"


def key_of(text: str) -> Key | None:
    """Return the place that `key_text` has written; None if it has not."""
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    if found[3]:
        return None, int(found[3])
    try:
        return _BEGAN + timedelta(microseconds=int(found[1])), int(found[2])
    except OverflowError:
        return None


def _day(text: str) -> datetime | None:
    try:
        day = datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        return None
    # There has to be a day after it.
    return day if day is None or day.year <= LAST_YEAR else None

"""Brings everything that is sealed under the newest key, beside running tasks, so that the older keys can go.

Nothing is remembered about how far it came: what is under the newest key is left alone, so whoever was interrupted
begins again and finds little to do. The hash secret comes last. As long as anything else may be under an older key,
it can only be opened with that key, and a ledger that lacks it says so at its opening instead of halfway through a
load. Keyed hashes stay as they are: their secret is not a key of the list, it is only sealed by one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import LargeBinary, bindparam, func, literal, select, tuple_

from include.ledger.tables import metadata, secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Row

    from include.ledger.crypto import Cipher
    from include.ledger.database import Database

SLICE: Final = 200
"""Values per transaction: other workers wait for at most so many."""

PASSES: Final = 5
"""Tasks that began before the new key was set go on sealing with the old one: somebody has to run this again then."""


@dataclass(slots=True)
class Sealed:
    """What was found in one column, or in all of them.

    :param newest: values under the newest key.
    :param resealed: of these, the values that were brought under it just now.
    :param left: values that an older key opens.
    :param lost: values that none of the keys opens.
    """

    newest: int = 0
    resealed: int = 0
    left: int = 0
    lost: int = 0

    def __add__(self, other: Sealed) -> Sealed:
        return Sealed(
            self.newest + other.newest,
            self.resealed + other.resealed,
            self.left + other.left,
            self.lost + other.lost,
        )

    def as_json(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


def sealed_columns() -> list[Column[Any]]:
    """Return every column of the ledger that holds sealed values, the hash secret's last."""
    found = [
        column for table in metadata.sorted_tables for column in table.columns if isinstance(column.type, LargeBinary)
    ]
    return sorted(found, key=lambda column: (column.table is secrets, str(column)))


class Resealing:
    """Looks through all that is sealed.

    :param cipher: with all keys that are in use, the newest first.
    """

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def count(self) -> dict[str, Sealed]:
        """Return what there is by column, ``ledger_staged.sealed`` and the like; nothing is changed."""
        return {str(column): self._look(column, write=False) for column in sealed_columns()}

    def reseal(self) -> dict[str, Sealed]:
        """Bring everything under the newest key; return by column what was done and what there is."""
        total = {str(column): Sealed() for column in sealed_columns()}
        for _ in range(PASSES):
            changed = self._pass(total)
            if not changed:
                break
        return total

    def _pass(self, total: dict[str, Sealed]) -> bool:
        """Go through all columns once; say whether there was anything to do."""
        busy = False
        for column in sealed_columns():
            # Last of all: only once a whole pass found nothing else to do.
            found = self._look(column, write=not (busy and column.table is secrets))
            busy = busy or found.resealed > 0 or found.left > 0
            found.resealed += total[str(column)].resealed
            total[str(column)] = found
        return busy

    def _look(self, column: Column[Any], *, write: bool) -> Sealed:
        found = Sealed()
        for rows in self._slices(column):
            old = [row for row in rows if not self._cipher.is_newest(row.value)]
            pairs = [(row, fresh) for row in old if (fresh := self._cipher.rotated(row.value)) is not None]
            changed = self._replace(column, pairs) if write and pairs else 0
            found += Sealed(len(rows) - len(old) + changed, changed, len(pairs) - changed, len(old) - len(pairs))
        return found

    def _replace(self, column: Column[Any], pairs: list[tuple[Row[Any], bytes]]) -> int:
        """Store the new values, each only if nobody has changed it since it was read; return how many.

        What somebody else is about to change is passed over: who holds rows and waits for others may wait for ever.
        """
        keys = _keys(column)
        mine = tuple_(*keys).in_([_place(row) for row, _ in pairs])
        search = select(*keys, column.label("value")).where(mine).with_for_update(skip_locked=True)
        same = [key == bindparam(f"key_{key.name}") for key in keys]
        update = column.table.update().where(*same).values({column: bindparam("new")})
        with self._database.write() as connection:
            now = {_place(row): row.value for row in connection.execute(search)}
            values = [
                {**{f"key_{key.name}": getattr(row, key.name) for key in keys}, "new": fresh}
                for row, fresh in pairs
                if now.get(_place(row)) == row.value
            ]
            if values:
                connection.execute(update, values)
        return len(values)

    def _slices(self, column: Column[Any]) -> Iterator[list[Row[Any]]]:
        keys = _keys(column)
        query = select(*keys, column.label("value")).where(func.length(column) > 0).order_by(*keys).limit(SLICE)
        last: list[Any] = []
        while True:
            with self._database.read() as connection:
                rows = list(connection.execute(query.where(tuple_(*keys) > tuple_(*last)) if last else query))
            if not rows:
                return
            last = [literal(getattr(rows[-1], key.name), key.type) for key in keys]
            yield rows


def _keys(column: Column[Any]) -> list[Column[Any]]:
    return list(column.table.primary_key.columns)


def _place(row: Row[Any]) -> tuple[Any, ...]:
    """Return the key of a row, without the value at its end."""
    return tuple(row[:-1])

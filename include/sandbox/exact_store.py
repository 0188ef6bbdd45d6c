"""Rows of one entity, kept sorted both ways that the service pages: by key and by row version."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, Any, Protocol

from include.sandbox.odata_types import Row, guid_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_COMPACT_FLOOR = 1024


class Source(Protocol):
    """Rows that can be read in key order from any key on."""

    def scan(self, after: Any) -> Iterator[Row]:
        """Yield rows in key order, behind a key or from the start when it is None."""

    def get(self, key: Any) -> Row | None:
        """Return the row with a key."""


class Table:
    """One entity of one division.

    Row versions only grow, so the version order is a list that is appended to: an update leaves a stale entry
    behind, which reading skips, and which a compaction removes once half of the list is stale.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._keys: list[tuple[Any, str]] = []
        self._versions: list[tuple[int, str]] = []

    def put(self, row: Row) -> None:
        """Insert or replace a row; it carries ``ID`` and ``Timestamp``.

        :param row: stored row.
        """
        row_id, version = row["ID"], row["Timestamp"]
        if row_id not in self.rows:
            insort(self._keys, (guid_order(row_id), row_id))
        self.rows[row_id] = row
        if self._versions and self._versions[-1][0] > version:
            # A transaction that committed late carries a lower version than others already have.
            insort(self._versions, (version, row_id))
        else:
            self._versions.append((version, row_id))
        if len(self._versions) > _COMPACT_FLOOR + 2 * len(self.rows):
            self._compact()

    def load(self, rows: Iterable[Row]) -> None:
        """Insert many rows with one sort instead of one search each.

        :param rows: stored rows.
        """
        for row in rows:
            self.rows[row["ID"]] = row
        self._keys = sorted((guid_order(row_id), row_id) for row_id in self.rows)
        self._compact()

    def remove(self, row_id: str) -> None:
        """Delete a row.

        :param row_id: its ID.
        """
        del self.rows[row_id]
        del self._keys[bisect_left(self._keys, (guid_order(row_id), row_id))]

    def _compact(self) -> None:
        self._versions = sorted((row["Timestamp"], row_id) for row_id, row in self.rows.items())

    def renumber(self, number: Callable[[], int]) -> None:
        """Give every row a new version, in the old order.

        :param number: returns the next version.
        """
        self._compact()
        for _, row_id in self._versions:
            self.rows[row_id]["Timestamp"] = number()
        self._compact()

    def by_key(self, after: str | None) -> Iterator[Row]:
        """Yield rows in SQL Server's GUID order.

        :param after: ID behind which to start, or None.
        """
        start = 0 if after is None else bisect_right(self._keys, (guid_order(after), after))
        for position in range(start, len(self._keys)):
            yield self.rows[self._keys[position][1]]

    def by_version(self, after: int | None) -> Iterator[Row]:
        """Yield rows by ascending row version.

        :param after: version behind which to start, or None.
        """
        start = 0 if after is None else bisect_left(self._versions, (after + 1, ""))
        for position in range(start, len(self._versions)):
            version, row_id = self._versions[position]
            row = self.rows.get(row_id)
            if row is not None and row["Timestamp"] == version:
                yield row


class KeyOrder:
    """A table as the single and bulk endpoints read it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def scan(self, after: str | None) -> Iterator[Row]:
        """Yield rows in GUID order.

        :param after: ID behind which to start, or None.
        """
        return self._table.by_key(after)

    def get(self, key: str) -> Row | None:
        """Return the row with an ID.

        :param key: the ID.
        """
        return self._table.rows.get(key)


class Rows(KeyOrder):
    """A table of which a list shows only some rows, while a key finds any."""

    def __init__(self, table: Table, shown: Callable[[Row], bool]) -> None:
        super().__init__(table)
        self._shown = shown

    def scan(self, after: str | None) -> Iterator[Row]:
        """Yield the shown rows in GUID order.

        :param after: ID behind which to start, or None.
        """
        return (row for row in super().scan(after) if self._shown(row))


class VersionOrder:
    """A table as the sync endpoints read it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def scan(self, after: int | None) -> Iterator[Row]:
        """Yield rows by row version.

        :param after: version behind which to start, or None.
        """
        return self._table.by_version(after)

    def get(self, key: int) -> Row | None:
        """Return the row with a version.

        :param key: the version.
        """
        row = next(self._table.by_version(key - 1), None)
        return row if row is not None and row["Timestamp"] == key else None


class Few:
    """A handful of rows, such as divisions, ordered by one integer key."""

    def __init__(self, rows: Iterable[Row], key: str) -> None:
        self._key = key
        self._rows = sorted(rows, key=lambda row: row[key])

    def scan(self, after: Any) -> Iterator[Row]:
        """Yield rows in key order.

        :param after: key behind which to start, or None.
        """
        start = 0 if after is None else bisect_right(self._rows, after, key=lambda row: row[self._key])
        return iter(self._rows[start:])

    def get(self, key: Any) -> Row | None:
        """Return the row with a key.

        :param key: value of the key column.
        """
        return next((row for row in self._rows if row[self._key] == key), None)

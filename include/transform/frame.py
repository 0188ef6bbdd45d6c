"""Frames: what Exact sent, cleaned, with an account's main contact beside it.

Columns keep the type ``object``. Any narrower one would turn whole numbers into floats and blanks into NaN
as soon as one row has a blank, and both would reach Personio.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import pandas as pd

from include.transform.cleaning import clean_column
from include.transform.distinct import kinds_of
from include.transform.mapping import CONTACT

if TYPE_CHECKING:
    import collections.abc
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from include.records import Row
    from include.transform.columns import Edm
    from include.transform.mapping import Mapping


class Staged(Protocol):
    """A row that waits in the ledger for its decision."""

    @property
    def source_id(self) -> str:
        """Exact's ``ID``."""

    @property
    def row_version(self) -> int:
        """Exact's ``Timestamp``."""

    @property
    def created(self) -> datetime | None:
        """When the record was created, aware."""

    @property
    def row(self) -> collections.abc.Mapping[str, Any]:
        """The columns that were read."""


class Table:
    """A frame whose columns are taken whole: to go through it line by line costs more than all rules together.

    :param frame: columns of Python's own objects, None for every blank.
    :param kinds: by column: the types that may be in it.
    """

    def __init__(self, frame: pd.DataFrame, kinds: dict[str, frozenset[type]]) -> None:
        self._frame = frame
        self._kinds = kinds
        self._arrays: dict[str, NDArray[np.object_]] = {}

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self._frame)

    def __contains__(self, name: str) -> bool:
        """Say whether there is such a column."""
        return name in self._kinds

    def column(self, name: str) -> NDArray[np.object_]:
        """Return a column."""
        if name not in self._arrays:
            self._arrays[name] = self._frame[name].to_numpy()
        return self._arrays[name]

    def kinds(self, name: str) -> frozenset[type]:
        """Return the types that may be in a column."""
        return self._kinds[name]

    def only(self, kept: NDArray[np.bool_]) -> Table:
        """Return the lines that are kept."""
        return Table(self._frame.take(np.flatnonzero(kept)), self._kinds)


def build_table(rows: Sequence[Staged], mapping: Mapping, main_contacts: collections.abc.Mapping[str, Row]) -> Table:
    """Return one line per row, in order, with every column that the mapping reads, cleaned.

    Accounts get their main contact's columns as ``contact.<column>`` and ``contact.ID``, which is None
    where the contact is not known.
    """
    frame, kinds = _frame([row.row for row in rows], mapping.used, mapping)
    if not mapping.needs_contact:
        return Table(frame, kinds)
    keys = frame["MainContact"].tolist()
    wanted = dict.fromkeys(key for key in keys if isinstance(key, str) and key in main_contacts)
    # The last line is of nobody.
    known: list[dict[str, Any]] = [*({**main_contacts[key], "ID": key} for key in wanted), {}]
    contacts, theirs = _frame(known, [f"{CONTACT}{column}" for column in mapping.contact_select], mapping)
    places = {key: place for place, key in enumerate(wanted)}
    beside = contacts.take([places.get(key, -1) for key in keys])
    beside.index = frame.index
    return Table(pd.concat([frame, beside], axis=1), kinds | theirs)


def _frame(
    rows: Sequence[collections.abc.Mapping[str, Any]], names: Sequence[str], mapping: Mapping
) -> tuple[pd.DataFrame, dict[str, frozenset[type]]]:
    """Clean the named columns of these rows."""
    arrays, kinds = {}, {}
    for name, raw in zip(names, _columns(rows, [name.removeprefix(CONTACT) for name in names]), strict=True):
        sent = kinds_of(raw)
        values = clean_column(raw, cast("Edm", mapping.edm(name)), sent)
        kinds[name] = sent if values is raw else kinds_of(values)
        arrays[name] = as_objects(values)
    return pd.DataFrame(arrays, dtype=object, copy=False), kinds


def _columns(rows: Sequence[collections.abc.Mapping[str, Any]], keys: Sequence[str]) -> list[list[Any]]:
    """Return the column of each key; what Exact left out is blank."""
    try:
        # All keys of a row at once: half of what a walk through all rows for each key takes.
        lines = list(map(itemgetter(*keys), rows)) if len(keys) > 1 else []
    except KeyError:
        lines = []
    if not lines:
        return [[row.get(key) for row in rows] for key in keys]
    return list(map(list, zip(*lines, strict=True)))


def as_objects(values: Sequence[Any]) -> NDArray[np.object_]:
    """Return a column of Python's own objects, whatever they are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array

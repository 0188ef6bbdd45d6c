"""Frames: what Exact sent, cleaned, with an account's main contact beside it.

Columns keep the type ``object``. Any narrower one would turn whole numbers into floats and blanks into NaN
as soon as one row has a blank, and both would reach Personio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

import pandas as pd

from include.transform.mapping import CONTACT
from include.transform.values import clean

if TYPE_CHECKING:
    import collections.abc
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

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


def build_frame(
    rows: Sequence[Staged], mapping: Mapping, main_contacts: collections.abc.Mapping[str, Row]
) -> pd.DataFrame:
    """Return one line per row, in order, with every column that the mapping reads, cleaned.

    Accounts get their main contact's columns as ``contact.<column>`` and ``contact.ID``, which is None
    where the contact is not known.
    """
    frame = _columns([row.row for row in rows], mapping.select, mapping)
    if not mapping.needs_contact:
        return frame
    wanted = {key for key in frame["MainContact"].tolist() if isinstance(key, str)}
    known = [{**main_contacts[key], "ID": key} for key in sorted(wanted) if key in main_contacts]
    names = [f"{CONTACT}{column}" for column in mapping.contact_select]
    contacts = _columns(known, names, mapping)
    joined = frame.merge(contacts, how="left", left_on="MainContact", right_on=f"{CONTACT}ID")
    # A left join writes NaN where there is no contact.
    return joined.astype(object).where(joined.notna(), None)


def _columns(
    rows: Iterable[collections.abc.Mapping[str, Any]], names: Sequence[str], mapping: Mapping
) -> pd.DataFrame:
    """Clean the named columns of these rows."""
    listed = list(rows)
    return pd.DataFrame(
        {
            name: pd.Series([clean(row.get(key), edm) for row in listed], dtype=object, index=range(len(listed)))
            for name, key, edm in _plan(names, mapping)
        }
    )


def _plan(names: Sequence[str], mapping: Mapping) -> Iterator[tuple[str, str, Edm]]:
    for name in names:
        yield name, name.removeprefix(CONTACT), cast("Edm", mapping.edm(name))


def records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the lines as dictionaries of Python's own types; ``to_dict`` would convert some of them."""
    names = list(frame.columns)
    for values in zip(*(frame[name].tolist() for name in names), strict=True):
        yield dict(zip(names, values, strict=True))

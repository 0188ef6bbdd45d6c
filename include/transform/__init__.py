"""Transform: rows of Exact become records of Personio, as a mapping of plain data says.

The mapping is read without pandas, so that whatever only asks which columns to read stays quick to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.transform.loading import load_mapping
from include.transform.mapping import Mapping

if TYPE_CHECKING:
    import collections.abc
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from include.records import Decision, Row
    from include.transform.frame import Staged

__all__ = ["Mapping", "load_mapping", "transform_rows"]


def transform_rows(
    rows: Sequence[Staged],
    mapping: Mapping,
    *,
    created_from: datetime | None = None,
    created_to: datetime | None = None,
    main_contacts: collections.abc.Mapping[str, Row] | None = None,
    now: datetime | None = None,
    asked_for: Collection[str] = (),
) -> list[Decision]:
    """Decide on every row, in the order given; a bad one is rejected with its reason and never raises.

    :param rows: staged rows: ``source_id``, ``row_version``, ``created``, ``row``.
    :param mapping: from :func:`load_mapping`.
    :param created_from: aware; rows created before it are skipped as not new. None: all are new.
    :param created_to: aware, exclusive; None: no end.
    :param main_contacts: for accounts: contact ID in lower case -> the contact's columns.
    :param now: aware; the day it falls on is today for dates that must not lie in the future. None: the clock.
    :param asked_for: ``source_id`` of records that are decided by their content whenever they were created: a
        window, a replay or an earlier decision has asked for them.
    """
    from include.transform.decide import decide_rows  # noqa: PLC0415 - pandas costs half a second

    return decide_rows(
        rows,
        mapping,
        created_from=created_from,
        created_to=created_to,
        main_contacts=main_contacts or {},
        now=now,
        asked_for=asked_for,
    )

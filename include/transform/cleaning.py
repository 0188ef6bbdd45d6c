"""Columns of Exact's values, cleaned as :func:`include.transform.values.clean` does it, a whole column at a time.

Most columns of a chunk hold nothing that has to be mended. That is found out for all their texts in one go, so that
a column costs what its odd values cost.
"""

from __future__ import annotations

import re
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from include.transform.values import clean, clean_text

if TYPE_CHECKING:
    from include.transform.columns import Edm

_TEXTS: Final = frozenset({str, NoneType})
_WHOLE: Final = frozenset({int, bool, NoneType})
_EDGE: Final = "|"
_EXACT_DATES: Final = re.compile(r"(?:/Date\(-?\d{1,15}\)/\n)*", re.ASCII)
_FIRST_MS: Final = -62_135_596_800_000
"""The year 1."""
_LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""


def clean_column(raw: list[Any], edm: Edm, kinds: frozenset[type]) -> list[Any]:
    """Return what `clean` makes of each value; the very list where nothing had to be mended.

    :param kinds: the types in the column.
    """
    if kinds <= _WHOLE:
        return raw
    if kinds <= _TEXTS:
        if edm == "String":
            return clean_texts(raw)
        if edm == "DateTime" and (moments := _moments(raw)) is not None:
            return moments
        known = {value: clean(value, edm) for value in dict.fromkeys(raw)}
        return [known[value] for value in raw]
    return [clean(value, edm) for value in raw]


def clean_texts(raw: list[Any]) -> list[Any]:
    """Return what `clean_text` makes of each text of a column; None stays None."""
    texts = [value for value in raw if value is not None] if None in raw else raw
    together = _EDGE.join(["", *texts, ""])
    # What can be printed is no control character, no half of a pair, nothing invisible and no blank but the space.
    if together.isprintable() and " |" not in together and "| " not in together and "||" not in together:
        return raw
    known: dict[Any, Any] = {text: text if _is_clean(text) else clean_text(text) for text in set(texts)}
    known[None] = None
    return list(map(known.__getitem__, raw))


def _is_clean(text: str) -> bool:
    return text.isprintable() and text[:1] not in {"", " "} and text[-1] != " "


def _moments(raw: list[Any]) -> list[Any] | None:
    """Return a column of ``/Date(ms)/`` as datetimes; None if it holds anything else."""
    texts = [value for value in raw if value is not None] if None in raw else raw
    together = "\n".join([*texts, ""])
    if not _EXACT_DATES.fullmatch(together):
        return None
    milliseconds = np.fromstring(together.replace("/Date(", "").replace(")/", ""), dtype=np.int64, sep="\n")
    if len(milliseconds) != len(texts) or milliseconds.min() < _FIRST_MS or milliseconds.max() > _LAST_MS:
        return None
    moments: list[Any] = milliseconds.astype("M8[ms]").tolist()
    if len(texts) == len(raw):
        return moments
    following = iter(moments)
    return [None if value is None else next(following) for value in raw]

"""Values of a column that are the same, so that what depends on nothing else is found once for all of them."""

from __future__ import annotations

from datetime import date, datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_APART: Final = frozenset({str, datetime, NoneType})
_ONE_OF: Final = (frozenset[type](), frozenset({int}), frozenset({bool}), frozenset({date}))


def kinds_of(values: Iterable[Any]) -> frozenset[type]:
    """Return the types in a column."""
    return frozenset(map(type, values))


def is_exact(kinds: frozenset[type]) -> bool:
    """Say whether equal values of a column are the same: 1, True and 1.0 are equal, and so are 0.0 and -0.0."""
    return kinds - _APART in _ONE_OF


def each(values: Sequence[Any], function: Callable[[Any], Any], *, exact: bool) -> list[Any]:
    """Apply a function to a column.

    :param exact: equal values are the same, so that it is enough to ask once for each.
    """
    if not exact:
        return [function(value) for value in values]
    known = dict.fromkeys(values)
    for value in known:
        known[value] = function(value)
    return [known[value] for value in values]

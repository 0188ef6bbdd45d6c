"""Make the columns of a destination's field: pick, shape, map, default, convert, each for a whole column.

What a value becomes depends on nothing but the value, so it is made once for all lines that have it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from include.transform.distinct import each, is_exact, kinds_of
from include.transform.emails import normalised
from include.transform.frame import as_objects
from include.transform.shown import shown_texts
from include.transform.values import UnfitError, convert, local_path, to_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from include.transform.frame import Table
    from include.transform.mapping import Leaf

_TEXT: Final = frozenset({str, NoneType})
_MOMENT: Final = frozenset({datetime, NoneType})
NOTHING: Final = -1
"""The step of a line for which nothing was made."""


@dataclass(frozen=True, slots=True)
class Made:
    """A column of a field.

    :param column: by line: the value, None for nothing, or why it does not fit.
    :param steps: by line, or the same for all: which of the ``ways`` made it, or `NOTHING`.
    :param ways: the rule's steps, as a record's story tells them.
    :param unfit: whether any value does not fit.
    :param picked: by line, or the same for all: the number of the column that was picked, or `NOTHING`.
    """

    column: list[Any] = field(repr=False)
    steps: NDArray[np.int16] | int
    ways: tuple[str, ...]
    unfit: bool
    picked: NDArray[np.int16] | int


def make(leaf: Leaf, table: Table, today: date) -> Made:
    """Make the column of a field."""
    if "constant" in leaf.rule.model_fields_set:
        value = None if leaf.rule.constant is None else _fitting(leaf, leaf.rule.constant, today)
        unfit = type(value) is UnfitError
        return Made([value] * len(table), NOTHING if value is None else 0, ("constant",), unfit, NOTHING)
    values, picked, kinds = _pick(leaf, table)
    ways = tuple(f"from {name}" for name in leaf.rule.source)
    steps = picked
    if leaf.template is not None:
        ways = tuple(f"template over {name}" for name in leaf.rule.source)
        if not leaf.rule.source:
            ways, steps = (f"template over {', '.join(leaf.reads)}",), 0
        values, kinds = _shaped(leaf, table, values, picked)
    made, defaulted = _finished(leaf, values.tolist(), kinds, today)
    if defaulted is not None:
        steps = np.where(defaulted, len(ways), steps).astype(np.int16)
    if None in made:
        steps = np.where(absent(as_objects(made)), NOTHING, steps).astype(np.int16)
    unfit = UnfitError in kinds_of(made)
    return Made(made, steps, (*ways, "default"), unfit, picked)


def absent(values: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Say by line whether a column holds nothing."""
    return pd.isna(values)


def _pick(leaf: Leaf, table: Table) -> tuple[NDArray[np.object_], NDArray[np.int16] | int, frozenset[type]]:
    """Return by line the first value that is not blank, which column it came from, and the types there may be."""
    values = np.full(len(table), None, dtype=object)
    picked = np.full(len(table), NOTHING, dtype=np.int16)
    kinds = frozenset({NoneType})
    missing = np.ones(len(table), dtype=bool)
    for number, name in enumerate(leaf.rule.source):
        found = table.kinds(name)
        if found == {NoneType}:
            continue
        column = table.column(name)
        if number == 0 and NoneType not in found:
            return column, 0, found
        kinds |= found
        there = missing & ~absent(column)
        values = np.where(there, column, values)
        picked[there] = number
        missing &= ~there
        if not missing.any():
            break
    return values, picked, kinds


def _shaped(
    leaf: Leaf, table: Table, values: NDArray[np.object_], picked: NDArray[np.int16] | int
) -> tuple[NDArray[np.object_], frozenset[type]]:
    """Return what the template makes of each line; nothing, where it has nothing to shape."""
    if leaf.template is None:
        raise TypeError(leaf.target)
    blank = np.broadcast_to(np.equal(picked, NOTHING) if leaf.rule.source else np.False_, len(table))
    if not blank.any():
        texts = shown_texts(leaf.template, table, values.tolist())
        return as_objects(texts), kinds_of(texts)
    some = ~blank
    texts = shown_texts(leaf.template, table.only(some), values[some].tolist())
    shaped = np.full(len(table), None, dtype=object)
    shaped[some] = as_objects(texts)
    return shaped, kinds_of(texts) | {NoneType}


def _finished(
    leaf: Leaf, values: list[Any], kinds: frozenset[type], today: date
) -> tuple[list[Any], NDArray[np.bool_] | None]:
    """Return by line what is sent, and where the default stands in; None for nowhere."""
    if leaf.rule.map is None:
        made = _converted(leaf, values, kinds, today)
        stands_in = leaf.rule.has_default and None in values
        if not stands_in:
            return made, None
        default = _fitting(leaf, leaf.rule.default, today)
        return (
            [default if value is None else one for value, one in zip(values, made, strict=True)],
            absent(as_objects(values)),
        )
    pairs = each(values, lambda value: _replaced(leaf, value, today), exact=is_exact(kinds))
    return [made for made, _ in pairs], np.array([defaulted for _, defaulted in pairs], dtype=bool)


def _converted(leaf: Leaf, values: list[Any], kinds: frozenset[type], today: date) -> list[Any]:
    """Make what the field takes of a column."""
    if leaf.field.kind == "text" and not leaf.field.choices and leaf.name != "files" and kinds <= _TEXT:
        # The texts are clean already.
        return values
    if leaf.field.kind == "email" and kinds <= _TEXT:
        made: list[Any] = normalised(values)
        if None not in made:
            return made
        return [
            UnfitError("malformed") if one is None is not value else one
            for one, value in zip(made, values, strict=True)
        ]
    if leaf.field.kind == "date" and kinds <= _MOMENT:
        # Many lines are of one day, and few of one moment.
        values = [None if value is None else value.date() for value in values]
        kinds = frozenset({date, NoneType})
        if not leaf.field.past or all(day is None or day <= today for day in set(values)):
            return each(values, _iso, exact=True)
    return each(values, lambda value: _fitting(leaf, value, today), exact=is_exact(kinds))


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _replaced(leaf: Leaf, value: Any, today: date) -> tuple[Any, bool]:
    """Return what is sent instead of a value, and whether that is the default: what the map says is settled."""
    if value is None:
        return _fitting(leaf, leaf.rule.default, today), leaf.rule.has_default
    if type(value) is UnfitError:
        return value, False
    try:
        key = to_text(value)
    except UnfitError as error:
        return error, False
    if leaf.rule.map is not None and key in leaf.rule.map:
        return _fitting(leaf, leaf.rule.map[key], today), False
    if leaf.rule.has_default:
        return _fitting(leaf, leaf.rule.default, today), True
    return UnfitError("not_mapped"), False


def _fitting(leaf: Leaf, value: Any, today: date) -> Any:
    """Make what the field takes of a value; what does not fit becomes the reason."""
    if value is None or type(value) is UnfitError:
        return value
    try:
        made = convert(leaf.field, value, today=today)
        return local_path(made, leaf.extra[1]) if made is not None and leaf.name == "files" else made
    except UnfitError as error:
        return error

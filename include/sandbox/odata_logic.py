"""SQL's logic over rows, in which whatever touches null is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.sandbox.odata_types import Row


def compared(
    compare: Callable[[Any, Any], bool],
    left: Callable[[Row], Any],
    right: Callable[[Row], Any],
    normal: Callable[[Any], Any] | None,
) -> Callable[[Row], bool | None]:
    """Compare two values; unknown if either is null."""

    def run(row: Row) -> bool | None:
        first, second = left(row), right(row)
        if first is None or second is None:
            return None
        return compare(normal(first), normal(second)) if normal else compare(first, second)

    return run


def is_null(get: Callable[[Row], Any], *, wanted: bool) -> Callable[[Row], bool]:
    """Tell whether a value is null, or is not."""
    return lambda row: (get(row) is None) is wanted


def negated(get: Callable[[Row], Any]) -> Callable[[Row], bool | None]:
    """Turn a truth round; unknown stays unknown."""

    def run(row: Row) -> bool | None:
        value = get(row)
        return None if value is None else not value

    return run


def both(left: Callable[[Row], Any], right: Callable[[Row], Any]) -> Callable[[Row], bool | None]:
    """Join by and: false wins over unknown."""

    def run(row: Row) -> bool | None:
        first = left(row)
        if first is False:
            return False
        second = right(row)
        return False if second is False else (None if first is None or second is None else True)

    return run


def either(left: Callable[[Row], Any], right: Callable[[Row], Any]) -> Callable[[Row], bool | None]:
    """Join by or: true wins over unknown."""

    def run(row: Row) -> bool | None:
        first = left(row)
        if first is True:
            return True
        second = right(row)
        return True if second is True else (None if first is None or second is None else False)

    return run


def called(call: Callable[..., Any], getters: list[Callable[[Row], Any]], *, fold: bool) -> Callable[[Row], Any]:
    """Call a text function; unknown if an argument is null."""

    def run(row: Row) -> Any:
        values = [get(row) for get in getters]
        if any(value is None for value in values):
            return None
        return call(*(value.lower() for value in values)) if fold else call(*values)

    return run

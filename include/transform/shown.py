"""What templates and conditions make of the lines of a table.

They see the line's columns by name, blank ones as empty text, for None would be printed as a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from include.transform.cleaning import clean_texts
from include.transform.distinct import each, is_exact, kinds_of
from include.transform.templates import NAMESPACES
from include.transform.values import UnfitError, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from include.transform.frame import Table
    from include.transform.mapping import Skip
    from include.transform.templates import Template

VALUE: Final = "value"
"""What a template calls the value that was picked."""


def shown_texts(template: Template, table: Table, values: Sequence[Any]) -> list[Any]:
    """Return by line the text that a template makes, None for a blank one, and why there is none if it fails.

    :param values: by line: the value that was picked.
    """
    columns = {name: values if name == VALUE else _shown(name, table) for name in template.reads}
    if template.plain is not None:
        return clean_texts(template.plain(columns, len(table)))
    return _each_line(template, table, columns, {}, to_text)


def holding(skip: Skip, table: Table, today: date) -> list[Any]:
    """Say by line whether a skip rule's condition is true; an `UnfitError` where it cannot be evaluated."""
    columns = {name: _shown(name, table) for name in skip.when.reads if name != "today"}
    return _each_line(skip.when, table, columns, {"today": today}, bool)


def _shown(name: str, table: Table) -> list[Any]:
    """Return a column, by the name it is written with: a contact's own may be written ``contact.City``."""
    column = table.column(name if name in table else name.rpartition(".")[2])
    return ["" if value is None else value for value in column.tolist()]


def _each_line(
    template: Template,
    table: Table,
    columns: Mapping[str, Sequence[Any]],
    besides: dict[str, Any],
    finish: Callable[[Any], Any],
) -> list[Any]:
    """Run a template once for lines that show it the same."""

    def run(line: tuple[Any, ...]) -> Any:
        try:
            return finish(template.run(_context(columns, line) | besides))
        except Exception:  # noqa: BLE001 - a user's template over a stranger's data may raise anything
            return UnfitError("template_failed")

    exact = all(is_exact(kinds_of(column)) for column in columns.values())
    if len(columns) == 1:
        # Most conditions read one column, which needs no tuple for each line.
        (column,) = columns.values()
        return each(column, lambda value: run((value,)), exact=exact)
    lines = list(zip(*columns.values(), strict=True)) if columns else [()] * len(table)
    return each(lines, run, exact=exact)


def _context(names: Iterable[str], line: tuple[Any, ...]) -> dict[str, Any]:
    """Return what a template sees of one line."""
    context: dict[str, Any] = {space: {} for space in NAMESPACES}
    for name, value in zip(names, line, strict=True):
        space, _, column = name.rpartition(".")
        (context[space] if space else context)[column] = value
    return context

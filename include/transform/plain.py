"""Plain templates: what joins columns, fixed text and choices between them is made a column at a time.

Jinja costs more per record than everything else together. What is understood here gives exactly what Jinja gives;
every other template is left to Jinja.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from jinja2 import nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

Columns = Mapping[str, Sequence[Any]]
"""What a template reads, by the name it is written with; blanks are empty texts."""
Making = Callable[[Columns, int], list[Any]]
"""Makes a column of so many lines."""

_TRIVIAL: Final[dict[str, Callable[[str], str]]] = {"lower": str.lower, "trim": str.strip, "upper": str.upper}


class NotPlainError(Exception):
    """Raised for what is left to Jinja."""


def plain(tree: nodes.Template, namespaces: Sequence[str], declared: frozenset[str]) -> Making | None:
    """Return what makes a template's column of texts; None if Jinja has to.

    :param tree: the template.
    :param namespaces: names whose attributes are columns.
    :param declared: names that are no columns.
    """
    try:
        parts = [_Plain(namespaces, declared).making(part) for output in tree.body for part in _parts(output)]
    except NotPlainError:
        return None
    return lambda columns, lines: _joined([part(columns, lines) for part in parts], "", lines)


def _parts(output: nodes.Node) -> list[nodes.Expr]:
    if not isinstance(output, nodes.Output):
        raise NotPlainError
    return output.nodes


class _Plain:
    """Turns expressions into what makes their column.

    :param namespaces: see `plain`.
    :param declared: see `plain`.
    """

    def __init__(self, namespaces: Sequence[str], declared: frozenset[str]) -> None:
        self._namespaces = namespaces
        self._declared = declared

    def making(self, node: nodes.Node) -> Making:
        """Return what makes the column of an expression.

        :raises NotPlainError: if it is left to Jinja.
        """
        if isinstance(node, nodes.TemplateData):
            return _fixed(node.data)
        if isinstance(node, nodes.Const):
            return _fixed(node.value)
        if isinstance(node, (nodes.Name, nodes.Getattr)):
            return _column(self._name(node))
        if isinstance(node, nodes.Concat):
            parts = [self.making(part) for part in node.nodes]
            return lambda columns, lines: _joined([part(columns, lines) for part in parts], "", lines)
        if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
            return _chosen(self.making(node.test), self.making(node.expr1), self.making(node.expr2))
        if isinstance(node, nodes.Filter) and node.node and not node.kwargs and not node.dyn_args:
            return self._filtered(node)
        raise NotPlainError

    def _name(self, node: nodes.Name | nodes.Getattr) -> str:
        if isinstance(node, nodes.Name):
            if node.name in self._declared or node.name in self._namespaces:
                raise NotPlainError
            return node.name
        if isinstance(node.node, nodes.Name) and node.node.name in self._namespaces:
            return f"{node.node.name}.{node.attr}"
        raise NotPlainError

    def _filtered(self, node: nodes.Filter) -> Making:
        if node.name in _TRIVIAL and not node.args and node.node:
            return _through(_TRIVIAL[node.name], self.making(node.node))
        if node.name != "join" or len(node.args) > 1:
            raise NotPlainError
        between = node.args[0] if node.args else nodes.Const("")
        listed, selects = node.node, False
        if isinstance(listed, nodes.Filter) and listed.name == "select" and not listed.args and not listed.kwargs:
            listed, selects = listed.node, True
        if not isinstance(between, nodes.Const) or not isinstance(listed, nodes.List):
            raise NotPlainError
        parts = [self.making(item) for item in listed.items]
        text = str(between.value)
        return lambda columns, lines: _joined([p(columns, lines) for p in parts], text, lines, selects=selects)


def _fixed(value: Any) -> Making:
    return lambda _, lines: [value] * lines


def _column(name: str) -> Making:
    return lambda columns, _: list(columns[name])


def _chosen(test: Making, then: Making, other: Making) -> Making:
    def choose(columns: Columns, lines: int) -> list[Any]:
        cases = zip(test(columns, lines), then(columns, lines), other(columns, lines), strict=True)
        return [one if true else two for true, one, two in cases]

    return choose


def _through(function: Callable[[str], str], making: Making) -> Making:
    return lambda columns, lines: list(map(function, _texts(making(columns, lines))))


def _joined(parts: Sequence[list[Any]], between: str, lines: int, *, selects: bool = False) -> list[str]:
    """Join the parts of each line; `selects` leaves out those that are blank, zero or false."""
    if not parts:
        return [""] * lines
    if selects and any(set(map(type, part)) != {str} for part in parts):
        return [between.join([str(value) for value in line if value]) for line in zip(*parts, strict=True)]
    of_line: Iterable[tuple[str, ...]] = zip(*map(_texts, parts), strict=True)
    if selects:
        return [between.join(filter(None, line)) for line in of_line]
    return list(map(between.join, of_line))


def _texts(values: list[Any]) -> list[str]:
    return values if set(map(type, values)) == {str} else list(map(str, values))

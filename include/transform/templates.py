"""Templates of a mapping: sandboxed, strict, and readable before they run.

A template sees the row's columns by name, blank ones as empty text (``None`` would print as "None"), and
nothing else. What it reads is found when the mapping is loaded, so that exactly these columns are asked of
Exact. Texts of Exact are values, never templates: braces in somebody's name do nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from include.transform.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.transform.plain import Making

NAMESPACES: Final = ("account", "contact")

_ENVIRONMENT: Final = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    autoescape=False,  # the result is JSON text, not HTML; escaping would damage names
    keep_trailing_newline=False,
)


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template.

    :param reads: the columns and names it uses, ``City`` or ``contact.City``, in the order of use.
    :param run: renders the text, or evaluates the expression, over a context.
    :param plain: makes the same texts a column at a time; None if only Jinja can.
    """

    source: str
    reads: tuple[str, ...]
    run: Callable[[Mapping[str, Any]], Any]
    plain: Making | None = None


def compile_text(source: str) -> Template:
    """Compile a template that makes text.

    :raises ValueError: if it is no template, or uses a whole record instead of one of its columns.
    """
    try:
        reads = _reads(source)
        declared = frozenset(_ENVIRONMENT.globals)
        made = plain(_ENVIRONMENT.parse(source), NAMESPACES, declared)
        return Template(source, reads, _ENVIRONMENT.from_string(source).render, made)
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.message}") from None


def compile_condition(source: str) -> Template:
    """Compile an expression whose truth counts, such as ``Blocked or Type == 'D'``.

    :raises ValueError: if it is no expression.
    """
    try:
        reads = _reads("{{ " + source + " }}")
        expression = _ENVIRONMENT.compile_expression(source, undefined_to_none=False)
    except TemplateSyntaxError as error:
        raise ValueError(f"{error.message}") from None
    return Template(source, reads, expression)


def _reads(source: str) -> tuple[str, ...]:
    """List what a template reads, from its syntax tree."""
    tree = _ENVIRONMENT.parse(source)
    undeclared = find_undeclared_variables(tree) - _ENVIRONMENT.globals.keys()
    reads: list[str] = []
    whole = 0
    for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Name):
            whole += node.name in NAMESPACES
            if node.name in undeclared and node.name not in NAMESPACES:
                reads.append(node.name)
        elif column := _column_of(node):
            whole -= 1
            reads.append(column)
    if whole:
        raise ValueError("name a column: contact.FirstName, account.Name")
    return tuple(dict.fromkeys(reads))


def _column_of(node: nodes.Node) -> str | None:
    """Return ``contact.City`` for such an access, None for every other."""
    if not isinstance(node, (nodes.Getattr, nodes.Getitem)) or not isinstance(node.node, nodes.Name):
        return None
    if node.node.name not in NAMESPACES:
        return None
    if isinstance(node, nodes.Getattr):
        return f"{node.node.name}.{node.attr}"
    return f"{node.node.name}.{node.arg.value}" if isinstance(node.arg, nodes.Const) else None

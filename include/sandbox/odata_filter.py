"""The ``$filter`` language: parsed once, compiled to a function over rows, with SQL's unknown for nulls."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.sandbox.odata_logic import both, called, compared, either, is_null, negated
from include.sandbox.odata_types import NUMBERS, Column, ODataError, Row, guid_order, read_literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WORD = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*)")
_BLANKS = re.compile(r"\s*")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
# name -> (number of text arguments, result type, function)
_FUNCTIONS: dict[str, tuple[int, str, Callable[..., Any]]] = {
    "startswith": (2, "Boolean", lambda text, part: text.startswith(part)),
    "endswith": (2, "Boolean", lambda text, part: text.rstrip(" ").endswith(part)),
    "substringof": (2, "Boolean", lambda part, text: part in text),
    "trim": (1, "String", str.strip),
    "tolower": (1, "String", str.lower),
    "toupper": (1, "String", str.upper),
    "length": (1, "Int32", len),
}


@dataclass(frozen=True, slots=True)
class Term:
    """A compiled part of a filter.

    :param edm: its type; Null for the null constant.
    :param get: its value for a row.
    :param column: its name, if it is nothing but a column.
    """

    edm: str
    get: Callable[[Row], Any]
    column: str = ""


@dataclass(slots=True)
class Filter:
    """A compiled filter.

    :param matches: whether a row passes; None is SQL's unknown and does not pass.
    :param columns: names that it reads.
    :param lowest: exclusive lower bounds that every match obeys, by column.
    :param only: the sole values that a match can have, by column; found for ``ID eq .. or ID eq ..``.
    """

    matches: Callable[[Row], bool | None]
    columns: set[str]
    lowest: dict[str, int]
    only: dict[str, set[Any]]


@dataclass(slots=True)
class _Bounds:
    lowest: dict[str, int]
    only: dict[str, set[Any]]


class _Parser:
    """Recursive descent over one filter text."""

    def __init__(self, text: str, columns: Mapping[str, Column], type_name: str, *, fold: bool) -> None:
        self._text = text
        self._columns = columns
        self._type_name = type_name
        self._fold = fold
        self._at = 0
        self.read: set[str] = set()

    def parse(self) -> tuple[Term, _Bounds]:
        term, bounds = self._or()
        self._skip()
        if self._at != len(self._text):
            raise ODataError(f"Syntax error at position {self._at}.")
        if term.edm != "Boolean":
            raise ODataError("Expression of type 'System.Boolean' expected at position 0.")
        return term, bounds

    def _skip(self) -> None:
        blanks = _BLANKS.match(self._text, self._at)
        self._at = blanks.end() if blanks else self._at

    def _keyword(self, *words: str) -> tuple[str, int] | None:
        found = _WORD.match(self._text, self._at)
        if found is None or found[1] not in words:
            return None
        self._at = found.end()
        return found[1], found.start(1)

    def _symbol(self, char: str) -> bool:
        self._skip()
        if not self._text.startswith(char, self._at):
            return False
        self._at += 1
        return True

    def _expect(self, char: str) -> None:
        if not self._symbol(char):
            raise ODataError(f"'{char}' expected at position {self._at}.")

    def _or(self) -> tuple[Term, _Bounds]:
        term, bounds = self._and()
        while found := self._keyword("or"):
            other, more = self._and()
            self._both_boolean(found, term, other)
            term = Term("Boolean", either(term.get, other.get))
            shared = bounds.only.keys() & more.only.keys()
            low = bounds.lowest.keys() & more.lowest.keys()
            bounds = _Bounds(
                {name: min(bounds.lowest[name], more.lowest[name]) for name in low},
                {name: bounds.only[name] | more.only[name] for name in shared},
            )
        return term, bounds

    def _and(self) -> tuple[Term, _Bounds]:
        term, bounds = self._comparison()
        while found := self._keyword("and"):
            other, more = self._comparison()
            self._both_boolean(found, term, other)
            term = Term("Boolean", both(term.get, other.get))
            for name, low in more.lowest.items():
                bounds.lowest[name] = max(low, bounds.lowest.get(name, low))
            for name, values in more.only.items():
                bounds.only[name] = values & bounds.only.get(name, values)
        return term, bounds

    def _both_boolean(self, found: tuple[str, int], left: Term, right: Term) -> None:
        if left.edm != "Boolean" or right.edm != "Boolean":
            raise _incompatible(found, left, right)

    def _comparison(self) -> tuple[Term, _Bounds]:
        term, bounds = self._unary()
        if (found := self._keyword(*_COMPARE)) is None:
            return term, bounds
        right, _ = self._unary()
        return self._compare(found, term, right)

    def _compare(self, found: tuple[str, int], left: Term, right: Term) -> tuple[Term, _Bounds]:
        name, _ = found
        bounds = _Bounds({}, {})
        if "Null" in (left.edm, right.edm):
            if name not in {"eq", "ne"}:
                raise _incompatible(found, left, right)
            side = left if right.edm == "Null" else right
            return Term("Boolean", is_null(side.get, wanted=name == "eq")), bounds
        if left.edm != right.edm and not {left.edm, right.edm} <= NUMBERS:
            raise _incompatible(found, left, right)
        if left.column and not right.column and right.edm in {"Guid", "Int64", "Int32"}:
            bounds = _bounds(name, left.column, right.get({}))
        normal = self._normaliser(left.edm, name)
        return Term("Boolean", compared(_COMPARE[name], left.get, right.get, normal)), bounds

    def _normaliser(self, edm: str, name: str) -> Callable[[Any], Any] | None:
        if edm == "String":
            # SQL Server ignores trailing blanks when it compares; leading ones count.
            return (lambda text: text.rstrip(" ").lower()) if self._fold else (lambda text: text.rstrip(" "))
        return guid_order if edm == "Guid" and name not in {"eq", "ne"} else None

    def _unary(self) -> tuple[Term, _Bounds]:
        if found := self._keyword("not"):
            term, _ = self._unary()
            if term.edm != "Boolean":
                raise ODataError(f"Operator 'not' incompatible with operand type at position {found[1]}.")
            return Term("Boolean", negated(term.get)), _Bounds({}, {})
        if self._symbol("("):
            inner = self._or()
            self._expect(")")
            return inner
        return self._primary(), _Bounds({}, {})

    def _primary(self) -> Term:
        if (constant := read_literal(self._text, self._at)) is not None:
            literal, self._at = constant
            value = literal.value
            return Term(literal.edm, lambda _row: value)
        found = _WORD.match(self._text, self._at)
        if found is None:
            raise ODataError(f"Expression expected at position {self._at}.")
        self._at = found.end()
        name = found[1]
        if self._text.startswith("(", self._at):
            return self._function(name, found.start(1))
        if "/" in name:
            raise ODataError("Filtering on navigation properties is not supported.")
        column = self._columns.get(name)
        if column is None:
            raise ODataError(f"No property '{name}' exists in type '{self._type_name}' at position {found.start(1)}.")
        self.read.add(name)
        return Term(column.edm, column.value, name)

    def _function(self, name: str, position: int) -> Term:
        if name not in _FUNCTIONS:
            raise ODataError(f"Unknown function '{name}' at position {position}.")
        count, result, call = _FUNCTIONS[name]
        self._expect("(")
        terms = [self._primary()]
        while self._symbol(","):
            terms.append(self._primary())
        self._expect(")")
        if len(terms) != count or any(term.edm != "String" for term in terms):
            raise ODataError(f"No applicable function found for '{name}' at position {position}.")
        return Term(result, called(call, [term.get for term in terms], fold=self._fold and result == "Boolean"))


def _bounds(name: str, column: str, value: Any) -> _Bounds:
    if name == "eq":
        return _Bounds({}, {column: {value}})
    if name in {"gt", "ge"} and isinstance(value, int):
        return _Bounds({column: value - (name == "ge")}, {})
    return _Bounds({}, {})


def _incompatible(found: tuple[str, int], left: Term, right: Term) -> ODataError:
    types = [f"'System.{'Object' if term.edm == 'Null' else term.edm}'" for term in (left, right)]
    return ODataError(
        f"Operator '{found[0]}' incompatible with operand types {' and '.join(types)} at position {found[1]}."
    )


def compile_filter(text: str, columns: Mapping[str, Column], type_name: str, *, fold: bool) -> Filter:
    """Parse a filter.

    :param text: decoded value of ``$filter``.
    :param columns: properties by name.
    :param type_name: model name for error texts.
    :param fold: compare text without regard to case.
    :raises ODataError: if the service would refuse it.
    """
    if not text.strip():
        raise ODataError("This $filter parameter is not supported for this resource")
    parser = _Parser(text, columns, type_name, fold=fold)
    term, bounds = parser.parse()
    return Filter(term.get, parser.read, bounds.lowest, bounds.only)

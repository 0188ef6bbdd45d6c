"""What Exact has beside what is sent: field by field, with the columns it was made from and the rule that made it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from include.ledger.previews import Preview
from include.preview_story import lines

if TYPE_CHECKING:
    from collections.abc import Mapping

_WAY: Final = re.compile(r"(?:from|template over) ([^()]+?) \(")
"""How a rule's story names the columns it reads, see `include.transform.making`."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One field at Personio beside its columns at Exact; personal data.

    :param field: Personio's name.
    :param columns: Exact's name and value of each column that the rule reads; the value None: it is not in this row.
    :param sent: as text.
    :param rule: what made it.
    :param how: ``same``, ``changed``, ``combined`` of several columns, ``given`` by the rule itself, or
        ``elsewhere``: read from another row, an account's main contact.
    """

    field: str
    columns: tuple[tuple[str, str | None], ...]
    sent: str
    rule: str
    how: str


def compared(payload: Mapping[str, Any], trace: Mapping[str, str], row: Mapping[str, Any] | None) -> list[Compared]:
    """Return each field of a payload beside what it was made from.

    :param payload: what was sent, or would be.
    :param trace: field at Personio -> rule.
    :param row: of Exact; None: it is not held any more.
    """
    made = Preview("", "ready", "", "", "", "", dict(payload), None, dict(trace))
    found = []
    for line in lines(made):
        columns = tuple((name, _value(row, name)) for name in _columns(line.rule))
        found.append(Compared(line.field, columns, line.value, line.rule, _how(columns, line.value)))
    return found


def _columns(rule: str) -> list[str]:
    named = [name.strip() for way in _WAY.findall(rule) for name in way.split(",")]
    return list(dict.fromkeys(named))


def _value(row: Mapping[str, Any] | None, name: str) -> str | None:
    if row is None or name not in row:
        return None
    value = row[name]
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _how(columns: tuple[tuple[str, str | None], ...], sent: str) -> str:
    if not columns:
        return "given"
    values = [value for _, value in columns if value]
    if any(value is None for _, value in columns) and not values:
        return "elsewhere"
    if values == [sent]:
        return "same"
    return "changed" if len(columns) == 1 else "combined"

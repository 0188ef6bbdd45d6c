"""Decide on the lines of a chunk together, column by column; a line leaves as soon as it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from include.records import Decision
from include.transform.making import NOTHING, make
from include.transform.mapping import CONTACT
from include.transform.payloads import payloads
from include.transform.shown import holding
from include.transform.values import UnfitError

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    from include.records import Outcome
    from include.transform.frame import Staged, Table
    from include.transform.making import Made
    from include.transform.mapping import Leaf, Mapping, Skip

_ORGANISATION: Final = ("Name",)
_PERSON: Final = tuple(
    f"{whose}{name}" for whose in ("", CONTACT) for name in ("FirstName", "MiddleName", "LastName", "FullName")
)
"""The columns by which people call a record."""

_NOT_ANONYMISED = frozenset({None, 0, "0", "false"})
_MOST_STORIES = 2**40


@dataclass(frozen=True, slots=True)
class Fate:
    """Why a record is not sent."""

    outcome: Outcome
    code: str
    field: str


def skipped(column: str, problem: str) -> Fate:
    """Return the fate of what a rule leaves alone."""
    return Fate("skipped_by_rule", f"rule.{column.rpartition('.')[2]}.{problem}", column)


def rejected(column: str, problem: str) -> Fate:
    """Return the fate of what Exact's data does not allow to send."""
    return Fate("rejected", f"exact.{column.rpartition('.')[2]}.{problem}", column)


class Filling:
    """The making of a chunk's records.

    :param rows: staged rows.
    :param table: their columns, line by line.
    :param today: the day that dates of the past are compared with.
    """

    def __init__(self, rows: Sequence[Staged], table: Table, today: date) -> None:
        self._rows = list(rows)
        self._table = table
        self._today = today
        self._places = list(range(len(rows)))
        self._made: list[tuple[Leaf, list[Any]]] = []
        self._steps: list[tuple[Leaf, NDArray[np.int16] | int, tuple[str, ...]]] = []
        self.decisions: dict[int, Decision] = {}

    def run(self, mapping: Mapping) -> None:
        """Decide on every line."""
        self._not_anonymised("IsAnonymised")
        self._not_skipped([skip for skip in mapping.skips if not skip.needs_contact])
        if mapping.needs_contact:
            self._has_contact()
            self._not_anonymised("contact.IsAnonymised")
            self._not_skipped([skip for skip in mapping.skips if skip.needs_contact])
        for leaf in mapping.leaves:
            self._fill(leaf)
        self._finish()

    def _not_anonymised(self, column: str) -> None:
        """Leave out whom Exact anonymised: the row stays there, the person is gone."""
        fate = rejected(column, "anonymised")
        values = self._table.column(column).tolist()
        called = _ORGANISATION if column.startswith(CONTACT) else ()
        self._leave({line: fate for line, value in enumerate(values) if value not in _NOT_ANONYMISED}, called)

    def _not_skipped(self, skips: Sequence[Skip]) -> None:
        for skip in skips:
            held = holding(skip, self._table, self._today)
            fate = skipped(skip.field, skip.problem)
            # A condition that cannot be evaluated shows the record, it does not send it.
            failed = Fate("rejected", f"rule.{skip.field.rpartition('.')[2]}.failed", skip.field)
            self._leave({line: fate if true is True else failed for line, true in enumerate(held) if true})

    def _has_contact(self) -> None:
        for column, problem in (("MainContact", "missing"), ("contact.ID", "not_found")):
            fate = rejected("MainContact", problem)
            values = self._table.column(column).tolist()
            self._leave({line: fate for line, value in enumerate(values) if value is None})

    def _fill(self, leaf: Leaf) -> None:
        made = make(leaf, self._table, self._today)
        steps = made.steps
        if made.unfit or (leaf.required and None in made.column):
            out = _unusable(leaf, made)
            self._leave(out)
            kept = np.ones(len(made.column), dtype=bool)
            kept[list(out)] = False
            values = list(compress(made.column, kept))
            steps = steps if isinstance(steps, int) else steps[kept]
        else:
            values = made.column
        self._made.append((leaf, values))
        self._steps.append((leaf, steps, made.ways))

    def _leave(self, out: Map[int, Fate], called: Sequence[str] = (*_ORGANISATION, *_PERSON)) -> None:
        """Decide on lines, and go on without them.

        :param called: the columns that say how people call what is left.
        """
        if not out:
            return
        lines = list(out)
        traces = self._traces(lines)
        emails = self._emails() or [None] * len(self._rows)
        for line, trace, name in zip(lines, traces, self._called(called, lines, emails), strict=True):
            row, fate, email = self._rows[line], out[line], emails[line]
            self.decisions[self._places[line]] = Decision(
                row.source_id, row.row_version, fate.outcome, fate.code, fate.field, None, email, trace, name
            )
        kept = np.ones(len(self._rows), dtype=bool)
        kept[lines] = False
        self._rows = list(compress(self._rows, kept))
        self._places = list(compress(self._places, kept))
        self._table = self._table.only(kept)
        self._made = [(leaf, list(compress(values, kept))) for leaf, values in self._made]
        self._steps = [
            (leaf, steps if isinstance(steps, int) else steps[kept], ways) for leaf, steps, ways in self._steps
        ]

    def _called(self, columns: Sequence[str], lines: Sequence[int], emails: Sequence[Any] = ()) -> list[str]:
        """Return by line what a record is called in these columns, as far as the mapping reads them.

        A main contact's name only beside their address, by which erasing the person finds the account.

        :param emails: by line of the table; needed for columns of a main contact.
        """
        known = [(name.startswith(CONTACT), self._table.column(name)) for name in columns if name in self._table]
        if not known:
            return [""] * len(lines)
        return [
            " ".join(
                value
                for theirs, column in known
                if isinstance(value := column[line], str) and not (theirs and emails[line] is None)
            )
            for line in lines
        ]

    def _emails(self) -> list[Any] | None:
        return next((values for leaf, values in self._made if leaf.name == "email"), None)

    def _finish(self) -> None:
        lines = len(self._rows)
        new = tuple.__new__
        made = zip(
            self._places,
            self._rows,
            payloads(self._made, lines),
            self._emails() or [None] * lines,
            self._traces(list(range(lines))),
            self._called(_ORGANISATION, range(lines)),
            strict=True,
        )
        for place, row, payload, email, trace, called in made:
            told = (row.source_id, row.row_version, "ready", "", "", payload, email, trace, called)
            self.decisions[place] = new(Decision, told)

    def _traces(self, lines: Sequence[int]) -> list[Map[str, str]]:
        """Return by line which rule made what; lines of the same story share one."""
        stories = np.zeros(len(lines), dtype=np.int64)
        most = 1
        varying = [
            (leaf, steps[lines], ways) if not isinstance(steps, int) else (leaf, steps, ways)
            for leaf, steps, ways in self._steps
        ]
        for _, steps, ways in varying:
            if isinstance(steps, int):
                continue
            if most > _MOST_STORIES:
                stories, known = pd.factorize(stories)
                most = len(known)
            stories = stories * (len(ways) + 1) + (steps + 1)
            most *= len(ways) + 1
        numbers, known = pd.factorize(stories)
        first = np.zeros(len(known), dtype=np.int64)
        first[numbers[::-1]] = np.arange(len(lines))[::-1]
        told = [_story(varying, int(line)) for line in first]
        return [told[number] for number in numbers.tolist()]


def _story(made: Sequence[tuple[Leaf, NDArray[np.int16] | int, tuple[str, ...]]], line: int) -> dict[str, str]:
    """Tell of one line which rule made what."""
    story = {}
    for leaf, steps, ways in made:
        step = steps if isinstance(steps, int) else int(steps[line])
        if step != NOTHING:
            story[leaf.target] = f"{ways[step]} ({leaf.origin})"
    return story


def _unusable(leaf: Leaf, made: Made) -> dict[int, Fate]:
    """Return line -> why, of those that lack a value that is required or have one that does not fit."""
    picked = np.broadcast_to(made.picked, len(made.column))
    known: dict[tuple[str, str], Fate] = {}
    out = {}
    for line, value in enumerate(made.column):
        if type(value) is UnfitError:
            column = leaf.rule.source[number] if (number := int(picked[line])) != NOTHING else ""
            problem = value.problem
        elif value is None and leaf.required:
            column, problem = "", "missing"
        else:
            continue
        if (column, problem) not in known:
            known[column, problem] = _reason(leaf, column, problem)
        out[line] = known[column, problem]
    return out


def _reason(leaf: Leaf, column: str, problem: str) -> Fate:
    """Name the problem after Exact's column if there is one, else after the mapping's field."""
    blamed = column or next(iter(leaf.rule.source), leaf.reads[0] if len(leaf.reads) == 1 else "")
    if problem == "template_failed" or not blamed:
        return Fate("rejected", f"mapping.{leaf.name}.{problem}", leaf.target)
    return rejected(blamed, problem)

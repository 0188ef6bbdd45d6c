"""A loaded mapping: checked, compiled, and with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from include.transform.columns import ALWAYS, COLUMNS

if TYPE_CHECKING:
    from include.records import Destination, Entity
    from include.transform.fields import Field
    from include.transform.rules import Rule
    from include.transform.templates import Template

_MEANING: Final = 1
"""Goes into every fingerprint; raised when the same mapping begins to decide differently."""

CONTACT: Final = "contact."


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value of a destination's record, and how it is made.

    :param name: the destination's field.
    :param part: the entry of a field that has several: an attribute's id, a tag's or file's number.
    :param field: what the value must be.
    :param template: the rule's template, compiled.
    :param reads: the columns it uses, ``City`` or ``contact.City``.
    :param origin: ``built-in``, ``file`` or ``param``.
    :param extra: what a phase or a file carries besides: its type; its category and folder.
    """

    name: str
    part: str
    field: Field
    rule: Rule
    template: Template | None
    reads: tuple[str, ...]
    origin: str
    extra: tuple[str | None, ...] = ()

    @property
    def target(self) -> str:
        """The full name for people: ``attributes.phone``."""
        return f"{self.name}.{self.part}" if self.part else self.name

    @property
    def required(self) -> bool:
        """Whether the record is rejected without it."""
        return self.field.required or self.rule.required


@dataclass(frozen=True, slots=True)
class Skip:
    """A compiled rule for records that are left alone."""

    field: str
    problem: str
    when: Template
    reads: tuple[str, ...]

    @property
    def needs_contact(self) -> bool:
        """Whether it can be asked only when the main contact is known."""
        return any(column.startswith(CONTACT) for column in self.reads)


@dataclass(frozen=True)
class Mapping:
    """How rows of one entity become records of one destination.

    :param leaves: the values in the order they are made; the e-mail address comes first.
    :param skips: the rules for what is left alone, in order.
    """

    entity: Entity
    destination: Destination
    leaves: tuple[Leaf, ...]
    skips: tuple[Skip, ...]

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Every column that a rule uses, once."""
        filled = [column for leaf in self.leaves for column in leaf.reads]
        asked = [column for skip in self.skips for column in skip.reads]
        return tuple(dict.fromkeys(filled + asked))

    @property
    def needs_contact(self) -> bool:
        """Whether an account's main contact must be looked up."""
        return any(column.startswith(CONTACT) for column in self.reads)

    @cached_property
    def select(self) -> tuple[str, ...]:
        """The columns to read from the feed of the entity."""
        own = [column for column in self.reads if not column.startswith(CONTACT)]
        main = ["MainContact"] if self.needs_contact else []
        return tuple(dict.fromkeys([*ALWAYS, "IsAnonymised", *main, *own]))

    @cached_property
    def used(self) -> tuple[str, ...]:
        """The columns of the entity that decide; what else is read of it serves the ledger."""
        own = [column for column in self.reads if not column.startswith(CONTACT)]
        main = ["MainContact"] if self.needs_contact else []
        return tuple(dict.fromkeys(["IsAnonymised", *main, *own]))

    @cached_property
    def contact_select(self) -> tuple[str, ...]:
        """The columns to read of main contacts from ``crm/Contacts``, which has no ``Timestamp``; may be empty."""
        if not self.needs_contact:
            return ()
        theirs = [column.removeprefix(CONTACT) for column in self.reads if column.startswith(CONTACT)]
        return tuple(dict.fromkeys(["ID", "IsAnonymised", *theirs]))

    @property
    def position(self) -> int:
        """The one ``job_position_id`` that all records get; 0 if there is none or each record has its own."""
        for leaf in self.leaves:
            if leaf.name == "job_position_id" and leaf.rule.constant is not None:
                return int(leaf.rule.constant)
        return 0

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything that decides; it changes when a rule or a parameter does."""
        text = json.dumps([_MEANING, self.document()], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def document(self) -> dict[str, Any]:
        """Return the mapping in force as plain data, for people and for the fingerprint."""
        return {
            "entity": self.entity,
            "destination": self.destination,
            "fields": {leaf.target: _written(leaf) for leaf in self.leaves},
            "skip": [{"field": s.field, "problem": s.problem, "when": s.when.source} for s in self.skips],
        }

    def edm(self, column: str) -> str:
        """Return the type of a column that a rule may use."""
        if column.startswith(CONTACT):
            return COLUMNS["Contacts"][column.removeprefix(CONTACT)]
        return COLUMNS[self.entity][column]


def _written(leaf: Leaf) -> dict[str, Any]:
    """Return a rule as it would be written in a file."""
    rule = leaf.rule.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return rule | ({"with": list(leaf.extra)} if leaf.extra else {})

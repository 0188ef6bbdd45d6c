"""Compile the rules of a mapping: names are checked and templates are parsed once, at load."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from include.errors import ConfigurationError
from include.transform.columns import COLUMNS, UNREADABLE
from include.transform.fields import DESTINATIONS, Field, part_of
from include.transform.mapping import CONTACT, Leaf, Skip
from include.transform.rules import FileRule, PhaseRule, Rule, SkipRule
from include.transform.templates import compile_condition, compile_text
from include.transform.values import UnfitError, convert, local_path, to_text

if TYPE_CHECKING:
    from pydantic import BaseModel

    from include.records import Destination, Entity


def compile_leaf(
    entity: Entity, destination: Destination, place: tuple[str, str], model: BaseModel, origin: str
) -> Leaf:
    """Compile one rule of one field.

    :param place: the destination's field, and the entry of it or an empty text.
    :raises ConfigurationError: if it reads an unknown column, its template is wrong, or its fixed value
        does not fit.
    """
    name, part = place
    target = f"{name}.{part}" if part else name
    rule, extra = _unwrap(model)
    try:
        template = None if rule.template is None else compile_text(rule.template)
        known = ("value",) if rule.source else ()
        reads = [*rule.source, *(read for read in (template.reads if template else ()) if read not in known)]
        leaf = Leaf(
            name=name,
            part=part,
            field=_field(destination, name, part),
            rule=rule.model_copy(update={"source": tuple(column(entity, one) for one in rule.source)}),
            template=template,
            reads=tuple(dict.fromkeys(column(entity, read) for read in reads)),
            origin=origin,
            extra=extra,
        )
        return _with_fixed_values(leaf)
    except ValueError as error:
        raise ConfigurationError(
            f"The mapping's rule for {target} ({origin}) is wrong: {error}.",
            reason_code=f"mapping.{name}.invalid",
            way_out="docs/mapping.md shows every kind of rule.",
        ) from None


def _unwrap(model: BaseModel) -> tuple[Rule, tuple[str | None, ...]]:
    if isinstance(model, PhaseRule):
        return model.id, (model.type,)
    if isinstance(model, FileRule):
        return model.path, (model.category, model.folder)
    if not isinstance(model, Rule):
        raise TypeError(type(model).__name__)
    return model, ()


def _field(destination: Destination, name: str, part: str) -> Field:
    """Return what a leaf's value must be: the field itself, or an entry of it."""
    field = DESTINATIONS[destination][name]
    if field.kind in {"attributes", "custom"}:
        return part_of(name, part) or Field("text")
    return Field("text") if field.kind in {"tags", "files"} else field


def _with_fixed_values(leaf: Leaf) -> Leaf:
    """Check what the rule fixes, and keep it in the form that is sent."""
    changes: dict[str, Any] = {}
    for key in ("constant", "default"):
        if (fixed := getattr(leaf.rule, key)) is not None:
            changes[key] = _fixed(leaf, key, fixed)
    if leaf.rule.map:
        changes["map"] = {k: v if v is None else _fixed(leaf, f"map of {k}", v) for k, v in leaf.rule.map.items()}
    return replace(leaf, rule=leaf.rule.model_copy(update=changes)) if changes else leaf


def _fixed(leaf: Leaf, key: str, value: Any) -> Any:
    try:
        made = convert(leaf.field, value)
        if leaf.name == "files" and made is not None:
            local_path(made, leaf.extra[1])  # checked here, joined with its folder for each record
    except UnfitError as error:
        allowed = f" (allowed: {', '.join(leaf.field.choices)})" if leaf.field.choices else ""
        raise ValueError(f"the {key} is {error.problem.replace('_', ' ')}{allowed}") from None
    return made


def compile_skip(entity: Entity, rule: SkipRule) -> Skip:
    """Compile a rule for records that are left alone.

    :raises ConfigurationError: if it reads an unknown column or is no expression.
    """
    try:
        when = compile_condition(rule.when)
        reads = tuple(column(entity, read) for read in when.reads if read != "today")
        return Skip(column(entity, rule.field), rule.problem, when, reads)
    except ValueError as error:
        raise ConfigurationError(
            f"The mapping's skip rule {rule.field}.{rule.problem} is wrong: {error}.",
            reason_code=f"mapping.{rule.field}.invalid",
            way_out="docs/mapping.md shows how skip rules look.",
        ) from None


def column(entity: Entity, written: str) -> str:
    """Return a column's name as rows have it: ``City``, or ``contact.City`` of an account's main contact.

    :raises ValueError: if there is no such column; near names are offered.
    """
    own = entity.removesuffix("s").lower()
    scope, _, name = written.rpartition(".")
    scope = scope or own
    if scope not in ({own, "contact"} if entity == "Accounts" else {own}):
        raise ValueError(f"{to_text(written)} cannot be read: {entity} know no {scope}")
    columns = COLUMNS[entity if scope == own else "Contacts"]
    if name not in columns or columns[name] in UNREADABLE or (scope != own and name == "Timestamp"):
        near = difflib.get_close_matches(name, columns, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; docs/mapping.md tells where columns are listed"
        raise ValueError(f"{written} is no column that a rule for {entity} can read{hint}")
    return name if scope == own else f"{CONTACT}{name}"

"""Load a mapping: the built-in rules, a user's file over them, a run's parameters over both."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from include.errors import ConfigurationError
from include.records import ENTITIES
from include.transform.compiling import compile_leaf, compile_skip
from include.transform.fields import DESTINATIONS, part_of, parts_allowed
from include.transform.mapping import Mapping
from include.transform.rules import FileRule, PhaseRule, Rule, Section

if TYPE_CHECKING:
    import collections.abc

    from include.records import Destination, Entity
    from include.transform.fields import Kind

BUILT_IN: Final = Path(__file__).with_name("mappings")
SECTIONS: Final = tuple(f"{entity.lower()}_to_{destination}" for entity in ENTITIES for destination in DESTINATIONS)

Parts = dict[str, BaseModel | None]
"""The entries of one field: ``""`` for a plain one, an attribute's id, a tag's number. None: not sent."""


class _UniqueKeys(yaml.SafeLoader):
    """Reads YAML, but refuses a key written twice: the first one would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is written twice", key.start_mark)
            seen |= {key.value} if isinstance(key, yaml.ScalarNode) else set()
        return super().construct_mapping(node, deep=deep)


def load_mapping(
    entity: Entity,
    destination: Destination,
    *,
    path: str | None = None,
    text: str | None = None,
    overrides: collections.abc.Mapping[str, Any] | None = None,
    defaults: collections.abc.Mapping[str, Any] | None = None,
) -> Mapping:
    """Return the mapping in force, checked as a whole.

    :param path: a user's mapping file; its rules replace the built-in ones, field by field.
    :param text: what stands in it, where it was read before or was never written; ``path`` then only names it.
    :param overrides: fixed values of a run, field by field; None means not given.
    :param defaults: fixed values of the connection, below the user's file; None means not given.
    :raises ConfigurationError: naming the file, the field and what is allowed.
    """
    section = f"{entity.lower()}_to_{destination}"
    layers = [("built-in", BUILT_IN / f"{section}.yaml")] + ([("file", Path(path))] if path else [])
    fields: dict[str, dict[str, tuple[str, BaseModel | None]]] = {}
    skips = Section().skip
    for origin, file in layers:
        if origin == "file":
            _lay_values(fields, destination, defaults, "connection")
        found = _built_in(section) if origin == "built-in" else read_section(file, section, text)
        skips = skips if found.skip is None else found.skip
        for name, raw in found.fields.items():
            _lay(fields, name, parse_field(destination, name, raw, where=str(file)), origin)
    if not path:
        _lay_values(fields, destination, defaults, "connection")
    _lay_values(fields, destination, overrides, "param")
    _require(destination, fields)
    leaves = [
        compile_leaf(entity, destination, (name, part), model, origin)
        for name in DESTINATIONS[destination]
        for part, (origin, model) in fields.get(name, {}).items()
        if model is not None
    ]
    # The address first: whatever the record is refused for, it can be found again by it.
    leaves.sort(key=lambda leaf: (leaf.name != "email", not leaf.required))
    return Mapping(entity, destination, tuple(leaves), tuple(compile_skip(entity, s) for s in skips or ()))


def _lay_values(
    fields: dict[str, dict[str, tuple[str, BaseModel | None]]],
    destination: Destination,
    values: collections.abc.Mapping[str, Any] | None,
    origin: str,
) -> None:
    """Put fixed values over the layers below; None means not given."""
    for name, value in (values or {}).items():
        if value is not None:
            _lay(fields, name, parse_value(destination, name, value), origin)


def _lay(fields: dict[str, dict[str, tuple[str, BaseModel | None]]], name: str, parts: Parts, origin: str) -> None:
    """Put a layer's rules over those below; entries of attributes one by one, everything else whole."""
    entries = {part: (origin, model) for part, model in parts.items()}
    keep = fields.get(name, {}) if name in {"attributes", "custom_attributes"} and parts else {}
    fields[name] = keep | entries


def _require(destination: Destination, fields: collections.abc.Mapping[str, Any]) -> None:
    for name, field in DESTINATIONS[destination].items():
        if field.required and not any(model for _, model in fields.get(name, {}).values()):
            raise ConfigurationError(
                f"The {destination} needs {name}, and neither a rule nor a parameter gives it.",
                reason_code=f"mapping.{name}.missing",
                way_out=f"Set the parameter {name} of the run, or write a rule for it in the mapping file.",
            )


@functools.cache
def _built_in(section: str) -> Section:
    """Return a section of our own files; to read one takes longer than to decide a hundred records."""
    return read_section(BUILT_IN / f"{section}.yaml", section)


def read_section(file: Path, section: str, text: str | None = None) -> Section:
    """Read one section of a mapping file.

    :param text: what stands in it; None: it is read.
    :raises ConfigurationError: if the file cannot be read, or holds what no mapping file may hold.
    """
    try:
        text = file.read_text("utf-8") if text is None else text
        content = yaml.load(text, _UniqueKeys)  # noqa: S506 - it is a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error).replace("\n", " ")
        raise _wrong(str(file), "", f"cannot be read: {what}") from None
    if not isinstance(content, dict) or (unknown := set(content) - {*SECTIONS, "version"}):
        named = f"; unknown: {', '.join(map(str, unknown))}" if isinstance(content, dict) else ""
        raise _wrong(str(file), "", f"the top level may hold version, {', '.join(SECTIONS)}{named}")
    if content.get("version", 1) != 1:
        raise _wrong(str(file), "version", "this release reads version 1")
    try:
        return Section.model_validate(content.get(section) or {})
    except ValidationError as error:
        raise _wrong(str(file), section, _text(error)) from None


def parse_value(destination: Destination, name: str, value: Any) -> Parts:
    """Read a fixed value of a run as rules."""
    kind = _kind(destination, name, "parameters")
    shaped = kind in {"tags", "files", "phase", "attributes", "custom"}
    return parse_field(destination, name, value if shaped else {"constant": value}, where="parameters")


def _kind(destination: Destination, name: str, where: str) -> Kind:
    if name not in DESTINATIONS[destination]:
        allowed = ", ".join(DESTINATIONS[destination])
        raise _wrong(where, str(name), f"no field of an {destination}; allowed: {allowed}")
    return DESTINATIONS[destination][name].kind


def parse_field(destination: Destination, name: str, raw: Any, *, where: str) -> Parts:
    """Read what is written for one field.

    :raises ConfigurationError: if it is no rule of that field's kind.
    """
    kind = _kind(destination, name, where)
    if isinstance(raw, dict) and set(raw) == {"constant"} and kind in {"tags", "files", "phase"}:
        raw = raw["constant"]
    if raw is None:
        return {}
    try:
        if kind == "phase":
            return {"": PhaseRule.model_validate(raw)}
        if kind in {"tags", "files"}:
            return _numbered(kind, raw)
        if kind in {"attributes", "custom"}:
            return _named(name, raw)
        return {"": Rule.model_validate(raw)}
    except ValidationError as error:
        raise _wrong(where, name, _text(error)) from None
    except ValueError as error:
        raise _wrong(where, name, str(error)) from None


def _numbered(kind: Kind, raw: Any) -> Parts:
    """Read tags or files: a list stays a list."""
    if not isinstance(raw, list):
        raise ValueError("must be a list")  # noqa: TRY004 - becomes a ConfigurationError, a ValueError too
    if kind == "files":
        return {str(number): FileRule.model_validate(entry) for number, entry in enumerate(raw)}
    rules = [{"constant": entry} if isinstance(entry, (str, int)) else entry for entry in raw]
    return {str(number): Rule.model_validate(entry) for number, entry in enumerate(rules)}


def _named(name: str, raw: Any) -> Parts:
    """Read attributes: ``{id: rule}``, or Personio's own ``[{id, value}]``."""
    if isinstance(raw, list):
        if not all(isinstance(entry, dict) and set(entry) == {"id", "value"} for entry in raw):
            raise ValueError("a list of attributes holds entries of id and value")
        raw = {entry["id"]: entry["value"] for entry in raw}
    if not isinstance(raw, dict):
        raise ValueError("must hold entries by their id")  # noqa: TRY004 - see above
    if unknown := [str(part) for part in raw if part_of(name, str(part)) is None]:
        raise ValueError(f"{', '.join(unknown)} is no entry of it; allowed: {parts_allowed(name)}")
    rules = {part: {"constant": v} if isinstance(v, (str, int, float)) else v for part, v in raw.items()}
    return {part: None if rule is None else Rule.model_validate(rule) for part, rule in rules.items()}


def _text(error: ValidationError) -> str:
    """Say what is wrong and where, in one line and without the values."""
    found = error.errors(include_url=False, include_input=False)
    return "; ".join(
        ": ".join(filter(None, [".".join(str(step) for step in one["loc"]), one["msg"]])) for one in found
    )


def _wrong(where: str, field: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"Mapping {where}: {field + ': ' if field else ''}{what}.",
        reason_code=f"mapping.{field or 'file'}.invalid",
        way_out="docs/mapping.md shows every kind of rule.",
    )

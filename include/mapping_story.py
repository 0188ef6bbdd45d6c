"""The mapping in force, for a person: which field comes from where, by which rule, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from include.errors import ConfigurationError
from include.mapping_trial import Problem
from include.records import Destination, Entity
from include.transform.lines import line_of
from include.transform.loading import BUILT_IN, load_mapping

if TYPE_CHECKING:
    from include.transform.mapping import Leaf, Mapping

DAGS: Final[dict[str, tuple[str, ...]]] = {
    "contacts_to_application": ("exact_contacts_to_personio_applications", "exact_contacts_history"),
    "accounts_to_application": ("exact_accounts_to_personio_applications", "exact_accounts_history"),
    "contacts_to_employee": ("exact_contacts_to_personio_employees",),
    "accounts_to_employee": ("exact_accounts_to_personio_employees",),
    "contacts_to_employee_match": ("exact_contacts_list_personio_employees",),
    "accounts_to_employee_match": ("exact_accounts_list_personio_employees",),
}
"""The project's own DAGs, by the section of a mapping file that they follow."""
STAND_IN: Final = 1
"""A position where nothing names one: whether rules can be used does not depend on it."""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """How one field is made.

    :param columns: of Exact; the first that is not blank is taken, if there is no template that takes all.
    :param template: what shapes it; empty: nothing.
    :param constant: a fixed value; empty: there is none.
    :param replaced: what a map makes of which value; None: there is no map.
    :param default: what stands in for nothing; None: nothing does.
    :param has_default: whether anything was said of a default; an empty one means that nothing is sent.
    :param origin: ``built-in``, ``file`` or ``connection``.
    :param with_: what a phase or a file carries besides.
    """

    field: str
    columns: tuple[str, ...]
    template: str
    constant: str
    replaced: tuple[tuple[str, str], ...] | None
    default: str | None
    has_default: bool
    required: bool
    origin: str
    with_: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InForce:
    """One section as it is in force.

    :param fingerprint: of its rules and the connection's values, as runs without parameters of their own note it.
    :param skips: (column, problem, condition) of records that are left alone.
    """

    section: str
    entity: Entity
    destination: Destination
    rules: tuple[RuleLine, ...] = ()
    skips: tuple[tuple[str, str, str], ...] = ()
    fingerprint: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class OwnFile:
    """The user's mapping file.

    :param name: without its path; empty: there is none.
    :param text: None where it could not be read.
    """

    name: str = ""
    text: str | None = field(default=None, repr=False)
    problem: Problem | None = None


def own_file(path: str | None) -> OwnFile:
    """Return the user's mapping file as it is now.

    :param path: of the settings.
    """
    if not path:
        return OwnFile()
    place = Path(path)
    try:
        return OwnFile(place.name, place.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problem = Problem(
            f"The mapping file {place.name} cannot be read: {what}.",
            "mapping.file.invalid",
            "Correct EXACT_PERSONIO_MAPPING, or the rights of the file.",
        )
        return OwnFile(place.name, None, problem)


def sections() -> list[tuple[str, Entity, Destination]]:
    """Return every section of a mapping file: its name, entity and destination."""
    return [
        (f"{entity.lower()}_to_{destination}", entity, destination)
        for destination in get_args(Destination)
        for entity in reversed(get_args(Entity))
    ]


def starting_text(section: str, file: OwnFile) -> str:
    """Return what a person begins to edit: the own file, or the built-in section.

    :param section: that is looked at.
    :param file: the user's, if there is one.
    """
    return file.text if file.text is not None else (BUILT_IN / f"{section}.yaml").read_text("utf-8")


# Six sections take a tenth of a second, and most pages show the same file again.
@lru_cache(maxsize=32)
def in_force(entity: Entity, destination: Destination, name: str, text: str | None, position: int | None) -> InForce:
    """Return one section as it is in force.

    :param name: of the user's file.
    :param text: what stands in it; None: there is none.
    :param position: that the connection names for applicants.
    """
    section = f"{entity.lower()}_to_{destination}"
    defaults = {"job_position_id": position or STAND_IN} if destination == "application" else None
    path = None if text is None else name
    try:
        mapping = load_mapping(entity, destination, path=path, text=text, defaults=defaults)
    except ConfigurationError as error:
        line = None if text is None else line_of(text, section, error)
        return InForce(
            section, entity, destination, problem=Problem(error.what, error.reason_code, error.way_out, line)
        )
    return _told(section, mapping)


def _told(section: str, mapping: Mapping) -> InForce:
    return InForce(
        section,
        mapping.entity,
        mapping.destination,
        tuple(_line(leaf) for leaf in mapping.leaves),
        tuple((skip.field, skip.problem, skip.when.source) for skip in mapping.skips),
        mapping.fingerprint,
    )


def _line(leaf: Leaf) -> RuleLine:
    rule = leaf.rule
    return RuleLine(
        leaf.target,
        leaf.reads,
        rule.template or "",
        "" if rule.constant is None else _text(rule.constant),
        None if rule.map is None else tuple((key, _text(value)) for key, value in rule.map.items()),
        None if rule.default is None else _text(rule.default),
        rule.has_default,
        leaf.required,
        leaf.origin,
        tuple(part for part in leaf.extra if part),
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)

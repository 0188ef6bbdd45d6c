"""Checks of the mappings: do they load, for every entity and destination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from include.connection_fields import whole_number
from include.doctor.finding import Result, check, failed_by, passed
from include.errors import ExactPersonioError
from include.records import ENTITIES, Destination
from include.settings import load_settings
from include.transform import load_mapping

if TYPE_CHECKING:
    from include.doctor.visit import Visit
    from include.records import Entity
    from include.transform import Mapping

_STAND_IN: Final = 1
"""A position for a mapping that names none: whether one is configured is the check personio.job's business."""


@check("mapping.files", needs=("settings.retention",))
def files(visit: Visit) -> list[Result]:
    """Check that every mapping loads, with the user's own file over the built-in rules."""
    path = load_settings().mapping_path
    origin = f"Built-in rules and {path}." if path else "Built-in rules."
    results = []
    for name, entity, destination in sections():
        try:
            mapping_for(visit, entity, destination)
            results.append(passed(origin, name))
        except ExactPersonioError as error:
            results.append(failed_by(error, name))
    return results


CHECKS: Final = (files,)


def sections() -> list[tuple[str, Entity, Destination]]:
    """Return every section of a mapping file: its name, entity and destination."""
    return [
        (f"{entity.lower()}_to_{destination}", entity, destination)
        for entity in ENTITIES
        for destination in get_args(Destination)
    ]


def mapping_for(visit: Visit, entity: Entity, destination: Destination) -> Mapping:
    """Return the mapping that a scheduled run uses.

    :raises ConfigurationError: if it does not load.
    """
    defaults = {"job_position_id": configured_job(visit) or _STAND_IN} if destination == "application" else None
    return visit.once(
        f"mapping {entity} {destination}",
        lambda: load_mapping(entity, destination, path=load_settings().mapping_path, defaults=defaults),
    )


def configured_job(visit: Visit) -> int | None:
    """Return the position that the connection names, None if it names none or cannot be read."""
    try:
        return whole_number(visit.personio["extra"], "job_position_id", service="personio")
    except ExactPersonioError:
        return None


def fixed_values(visit: Visit, destination: Destination, field: str) -> dict[str, str]:
    """Return what the mappings fix a field to: the section's name by the value as text.

    :param destination: of the sections to look at.
    :param field: of the destination, such as ``recruiting_channel_id``.
    """
    found: dict[str, str] = {}
    for name, entity, its_destination in sections():
        if its_destination == destination:
            for leaf in mapping_for(visit, entity, destination).leaves:
                if leaf.name == field and leaf.rule.constant is not None:
                    found.setdefault(str(leaf.rule.constant), name)
    return found

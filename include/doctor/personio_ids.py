"""Checks of the ids that connection and mappings name: do they exist at Personio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from include.doctor.finding import Result, check, failed, passed, unknown
from include.doctor.mapping import configured_job, fixed_values, mapping_for, sections
from include.transform.fields import CUSTOM_ATTRIBUTE

if TYPE_CHECKING:
    from include.doctor.visit import Visit
    from include.records import Destination

_UI: Final = "https://{company}.personio.de/configuration/recruiting"
_NO_READING: Final = ("There is no login at API v2, which alone tells.", "Compare with Personio by hand.")
_NAMES: Final = ("department", "office", "subcompany")


@check("personio.job", needs=("personio.login", "mapping.files"), unless=("personio.scopes",))
def job(visit: Visit) -> list[Result]:
    """Check that the position that applicants apply for exists."""
    wanted = jobs_of(visit)
    if not wanted:
        mend = "Enter its number as Job position in the connection: it is in the address bar of the position."
        if visit.sends_applications:
            said = "Neither the connection nor a mapping names a job position; scheduled runs have none."
            return [failed(said, mend)]
        said = "No job position is named, and no recruiting token is held: employees need neither."
        return [unknown(said, f"If applications are to be sent: {mend}")]
    if visit.scopes() is None:
        return [unknown(*_NO_READING)]
    known = {str(row["id"]) for row in visit.personio_client.jobs()}
    return [
        passed("Personio knows the position.", number)
        if number in known
        else failed(
            f"Personio knows no position {number} ({origin}).",
            "Correct Job position in the connection or job_position_id in the mapping file.",
            number,
        )
        for number, origin in wanted.items()
    ]


@check("personio.job_published", needs=("personio.job",))
def job_published(visit: Visit) -> list[Result]:
    """Check that the position is published, by the public career site; the API does not tell."""
    site = str(visit.personio["extra"].get("career_url", ""))
    look = "Look at the position in Personio: it must be published to receive applications."
    if not site:
        return [unknown("The connection names no career site, and the API does not tell.", look)]
    address = site if "://" in site else f"https://{site}"
    published = {str(number) for number in visit.personio_client.career_positions(address)}
    return [
        passed("The career site shows the position.", number)
        if number in published
        else failed("The career site does not show the position.", f"Publish it. {look}", number)
        for number in jobs_of(visit)
    ]


@check("personio.channel", needs=("mapping.files",))
def channel(visit: Visit) -> list[Result]:
    """Check that the recruiting channel and posting, where a mapping fixes them, exist."""
    channels = fixed_values(visit, "application", "recruiting_channel_id")
    postings = fixed_values(visit, "application", "external_posting_id")
    if not channels and not postings:
        return [passed("No mapping names a channel or a posting.")]
    look = f"No API lists them; compare with {_UI}/channels."
    return [unknown(f"Named by {origin}.", look, value) for value, origin in (channels | postings).items()]


@check("personio.phase", needs=("mapping.files", "personio.login"), unless=("personio.scopes",))
def phase(visit: Visit) -> list[Result]:
    """Check that the custom phase that a mapping names exists; Personio would silently use another."""
    custom = _custom_phases(visit)
    if not custom:
        return [passed("No mapping names a custom phase; the fixed ones were checked when it was loaded.")]
    if visit.scopes() is None:
        return [unknown(*_NO_READING)]
    categories = visit.personio_client.categories()
    known = {str(stage.get("id")) for category in categories for stage in category.get("stages", ())}
    return [
        passed("Personio knows the phase.", number)
        if number in known
        else failed(
            f"Personio knows no phase {number} ({origin}); applications land in `unassigned` without a word.",
            f"Correct `phase` in the mapping file; the phases are under {_UI}/phases.",
            number,
        )
        for number, origin in custom.items()
    ]


@check("personio.attributes", needs=("mapping.files",))
def attributes(visit: Visit) -> list[Result]:
    """Check that the company's own attributes of applicants, where a mapping fills them, exist."""
    own = [name for name in _parts(visit, "application", "attributes") if CUSTOM_ATTRIBUTE.fullmatch(name)]
    if not own:
        return [passed("No mapping fills an attribute of the company's own.")]
    look = f"No API lists them; compare with {_UI}/attributes."
    return [unknown("A mapping fills it.", look, name) for name in own]


@check("personio.employee_attributes", needs=("mapping.files", "personio.login"))
def employee_attributes(visit: Visit) -> list[Result]:
    """Check that the company's own attributes of employees, where a mapping fills them, exist."""
    wanted = _parts(visit, "employee", "custom_attributes")
    if not wanted:
        return [passed("No mapping fills an attribute of the company's own.")]
    known = {str(row.get("key")) for row in visit.personio_client.employee_attributes()}
    return [
        passed("Personio knows the attribute.", name)
        if name in known
        else failed(
            f"Personio knows no employee attribute {name}, or the credential may not read it.",
            "Correct `custom_attributes` in the mapping file, or allow the attribute on the API credential.",
            name,
        )
        for name in wanted
    ]


@check("personio.names", needs=("mapping.files",))
def names(visit: Visit) -> list[Result]:
    """Check that departments, offices and subcompanies that a mapping fixes exist; Personio ignores unknown ones."""
    fixed = [(field, value) for field in _NAMES for value in fixed_values(visit, "employee", field)]
    if not fixed:
        return [passed("No mapping names a department, an office or a subcompany.")]
    look = "No API lists them; compare with Settings > Organization in Personio. A warning is kept with the record."
    return [unknown(f"A mapping sets {field} to it.", look, value) for field, value in fixed]


CHECKS: Final = (job, job_published, channel, phase, attributes, employee_attributes, names)


def jobs_of(visit: Visit) -> dict[str, str]:
    """Return the positions that scheduled runs apply for, each with who names it."""
    # The connection is below the mapping file: it counts where a mapping leaves the field to it.
    own = configured_job(visit)
    found: dict[str, str] = {}
    for name, entity, destination in sections():
        if destination == "application":
            leaves = mapping_for(visit, entity, destination).leaves
            leaf = next(leaf for leaf in leaves if leaf.name == "job_position_id")
            if leaf.origin == "connection":
                found |= {str(own): "named by the connection"} if own else {}
            elif leaf.rule.constant is not None:
                found[str(leaf.rule.constant)] = f"named by {name}"
    return found


def _custom_phases(visit: Visit) -> dict[str, str]:
    found: dict[str, str] = {}
    for leaf, name in _leaves(visit, "application", "phase"):
        if leaf.extra[:1] == ("custom",) and leaf.rule.constant is not None:
            found[str(leaf.rule.constant)] = f"named by {name}"
    return found


def _parts(visit: Visit, destination: Destination, field: str) -> list[str]:
    return sorted({leaf.part for leaf, _ in _leaves(visit, destination, field)})


def _leaves(visit: Visit, destination: Destination, field: str) -> list[tuple[Any, str]]:
    return [
        (leaf, name)
        for name, entity, its_destination in sections()
        if its_destination == destination
        for leaf in mapping_for(visit, entity, destination).leaves
        if leaf.name == field
    ]

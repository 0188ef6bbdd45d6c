"""``exact-personio forecast``."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from rich.table import Table

from include.errors import ConfigurationError
from include.forecast.forecasting import SAMPLE, foretell
from include.forecast.forecasting import Question as Asking
from include.forecast.installation import installed
from include.forecast.spans import spans_of
from include.forecast.telling import as_json
from include.records import ENTITIES, StreamKey
from include.settings import load_settings
from include.sync.asked import asked
from include.sync.job import Job
from include.terminal import quiet_clients, wide_console
from include.transform import load_mapping

if TYPE_CHECKING:
    from rich.console import Console

    from include.forecast.installation import Installed
    from include.records import Destination, Entity
    from include.sync.asked import Asked

DESTINATIONS: Final = {
    "to_personio_applications": "application",
    "to_personio_employees": "employee",
    "list_personio_employees": "employee_match",
    "history": "application",
}
"""How the ids of the project's own DAGs end, and where their records go."""
_OWN: Final = re.compile(r"exact_(accounts|contacts)_(\w+)")
_LISTS: Final = ("status", "country")
_YES: Final = ("yes", "true", "1")


@dataclass(frozen=True, slots=True)
class Question:
    """The options of the command, as they were typed.

    :param created_from: ``YYYY-MM-DD``; empty: since the beginning.
    :param created_to: ``YYYY-MM-DD``, exclusive; empty: until now.
    :param dag: id of the DAG that would do it: its history lane may have read the feed already.
    :param entity: empty: the DAG's.
    :param destination: empty: the DAG's.
    :param every: ``month``, ``none``; empty: by the month for a history DAG, else one run.
    :param where: ``name=value`` pairs of the form's filter.
    :param division: None: the connection's first.
    :param job_position_id: None: the mapping's, else the connection's.
    :param sample: rows to try the mapping on where reading all of them costs more.
    """

    created_from: str = ""
    created_to: str = ""
    dag: str = "exact_contacts_to_personio_applications"
    entity: str = ""
    destination: str = ""
    every: str = ""
    where: tuple[str, ...] = ()
    division: int | None = None
    job_position_id: int | None = None
    sample: int = SAMPLE


def forecast_command(question: Question, conn_id: str, personio_conn_id: str, *, as_json: bool) -> None:
    """Print what a backfill or a window would do, cost and last.

    :param conn_id: connection of Exact Online.
    :param personio_conn_id: connection of Personio.
    :param as_json: print JSON instead of sentences and a table.
    :raises ConfigurationError: an option cannot be meant, or the installation lacks something.
    :raises ExactPersonioError: a service refused or could not be reached.
    """
    entity, destination = target_of(question)
    now = datetime.now(UTC)
    run_key = f"forecast/{now:%Y-%m-%dT%H:%M:%S.%f}"
    with quiet_clients(), installed(conn_id, personio_conn_id, question.division, run_key) as found:
        meant = asked(
            {**where_of(question.where), "created_from": question.created_from, "created_to": question.created_to},
            run_type="manual",
            interval=None,
            zone=found.zone,
            entity=entity,
            now=now,
        )
        told = _told(question, found, meant, entity, destination, run_key)
    if as_json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        show(wide_console(), told)


def _told(  # noqa: PLR0917 - the question, and what became of each of its options
    question: Question, found: Installed, meant: Asked, entity: Entity, destination: Destination, run_key: str
) -> dict[str, Any]:
    own = {"job_position_id": question.job_position_id} if question.job_position_id else {}
    usual = {"job_position_id": found.position} if destination == "application" else {}
    mapping = load_mapping(entity, destination, path=load_settings().mapping_path, overrides=own, defaults=usual)
    position = mapping.position if destination == "application" else 0
    every = question.every or ("month" if question.dag.endswith("_history") else "none")
    asking = Asking(
        job=Job(StreamKey(question.dag, found.division, entity), destination, found.company, position),
        mapping=mapping,
        spans=spans_of(meant.created_from, meant.created_to, every, found.zone, datetime.now(UTC)),
        where=meant.where,
        zone=found.zone,
        run_key=run_key,
        sample=max(question.sample, 1),
    )
    return as_json(
        foretell(found.ledger, found.exact, asking, personio=found.personio, day_limit=lambda: found.day_limit.told)
    )


def target_of(question: Question) -> tuple[Entity, Destination]:
    """Return whose records go where: what is named, else what the DAG's id says.

    :raises ConfigurationError: neither says it.
    """
    own = _OWN.fullmatch(question.dag)
    entity = question.entity or (own[1] if own else "")
    destination = question.destination or (DESTINATIONS.get(own[2], "") if own else "")
    if entity.capitalize() not in ENTITIES:
        raise _unknown("entity", entity, ENTITIES)
    if destination not in DESTINATIONS.values():
        raise _unknown("destination", destination, tuple(dict.fromkeys(DESTINATIONS.values())))
    return cast("Entity", entity.capitalize()), cast("Destination", destination)


def where_of(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return the form's filter that ``name=value`` pairs mean.

    :raises ConfigurationError: a pair has no such name.
    """
    found: dict[str, Any] = {}
    names = ("status", "country", "only_main_contacts", "account_role", "modified_from", "modified_to")
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in names or not value:
            raise _unknown("where", name, tuple(f"{known}=…" for known in names))
        if name in _LISTS:
            found[name] = value.split(",")
        else:
            found[name] = value.lower() in _YES if name == "only_main_contacts" else value
    return found


def show(console: Console, told: dict[str, Any]) -> None:
    """Print the forecast for people."""
    for line in told["lines"]:
        console.print(line, highlight=False, markup=False)
    if told["reasons"]:
        table = Table("Not sent because", "Field", "Records")
        for why in told["reasons"]:
            table.add_row(why["reason_code"], why["field"], str(why["records"]))
        console.print(table)
    if len(told["windows"]) > 1:
        table = Table("From", "To", "Records", "To send", "Read by", "Exact", "Personio")
        for window in told["windows"]:
            calls = window["calls"]
            table.add_row(
                *(str(window["from"])[:10], str(window["to"])[:10], str(window["records"]), str(window["to_send"])),
                *(window["reading"], str(calls["exact"]), str(calls["personio"])),
            )
        console.print(table)
        console.print("Exact and Personio: calls to each.", highlight=False)


def _unknown(name: str, given: str, known: tuple[str, ...]) -> ConfigurationError:
    return ConfigurationError(
        f"--{name} {given!r} is unknown." if given else f"The DAG's id does not say the {name}.",
        reason_code=f"forecast.{name}.unknown",
        way_out=f"Give --{name} one of: {', '.join(known)}.",
    )

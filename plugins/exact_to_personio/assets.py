"""New records as assets that any DAG can be scheduled on.

The plain assets get an event from the DAGs ``exact_new_contacts``, ``exact_new_accounts`` and
``personio_new_employees``; unpause those. The watched ones need no DAG: while a DAG that is scheduled on one is
unpaused, Airflow's triggerer looks by itself, and sooner.

Neither event holds personal data: ids, counts and where the look began and ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetWatcher

from exact_online import DEFAULT_CONNECTION as EXACT_CONNECTION
from personio import DEFAULT_CONNECTION as PERSONIO_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.triggers.base import BaseEventTrigger

    from include.records import Entity


def new_contacts(conn_id: str = EXACT_CONNECTION) -> Asset:
    """Return the asset of new contacts.

    :param conn_id: Airflow connection of Exact Online.
    """
    return _asset("exact-online", conn_id, "contacts")


def new_accounts(conn_id: str = EXACT_CONNECTION) -> Asset:
    """Return the asset of new accounts.

    :param conn_id: Airflow connection of Exact Online.
    """
    return _asset("exact-online", conn_id, "accounts")


def new_employees(conn_id: str = PERSONIO_CONNECTION) -> Asset:
    """Return the asset of new employees.

    :param conn_id: Airflow connection of Personio.
    """
    return _asset("personio", conn_id, "employees")


def watched_new_contacts(
    conn_id: str = EXACT_CONNECTION, *, interval: float = 60, start_from: str = "now", division: int | None = None
) -> Asset:
    """Return an asset of new contacts that Airflow's triggerer looks after.

    :param conn_id: Airflow connection of Exact Online.
    :param interval: seconds between two looks; each costs a call, and Exact allows 5,000 a day.
    :param start_from: for the very first look: ``now``, ``beginning`` or a date like ``2026-01-31``.
    :param division: company; None: the connection's.
    """
    return _watched_exact("Contacts", conn_id, interval, start_from, division)


def watched_new_accounts(
    conn_id: str = EXACT_CONNECTION, *, interval: float = 60, start_from: str = "now", division: int | None = None
) -> Asset:
    """Return an asset of new accounts that Airflow's triggerer looks after.

    :param conn_id: Airflow connection of Exact Online.
    :param interval: seconds between two looks; each costs a call, and Exact allows 5,000 a day.
    :param start_from: for the very first look: ``now``, ``beginning`` or a date like ``2026-01-31``.
    :param division: company; None: the connection's.
    """
    return _watched_exact("Accounts", conn_id, interval, start_from, division)


def watched_new_employees(
    conn_id: str = PERSONIO_CONNECTION, *, interval: float = 60, start_from: str = "now"
) -> Asset:
    """Return an asset of new employees that Airflow's triggerer looks after.

    :param conn_id: Airflow connection of Personio.
    :param interval: seconds between two looks; each costs a call.
    :param start_from: for the very first look: ``now``, ``beginning`` or a date like ``2026-01-31``.
    """
    # A DAG file that watches nothing need not import the triggers.
    from personio.triggers import PersonioNewEmployeesTrigger  # noqa: PLC0415

    trigger = PersonioNewEmployeesTrigger(
        conn_id=conn_id, consumer=_consumer(conn_id), start_from=start_from, interval=interval
    )
    return _asset("personio", conn_id, "employees", trigger=trigger)


def ids_of(events: Mapping[Any, Iterable[Any]]) -> list[str]:
    """Return the ids of all events that started a run, each once, oldest first.

    One run may answer several events, and an event may be repeated.

    :param events: ``triggering_asset_events`` of the run's context.
    """
    found: dict[str, None] = {}
    for event in (event for of_asset in events.values() for event in of_asset):
        extra = event.extra or {}
        # Airflow wraps what a watcher says.
        payload = extra.get("payload") if extra.get("from_trigger") else extra
        found.update(dict.fromkeys((payload or {}).get("ids", [])))
    return list(found)


def _watched_exact(entity: Entity, conn_id: str, interval: float, start_from: str, division: int | None) -> Asset:
    from exact_online.triggers import ExactOnlineNewRecordsTrigger  # noqa: PLC0415 - see above

    trigger = ExactOnlineNewRecordsTrigger(
        entity=entity,
        division=division,
        conn_id=conn_id,
        consumer=_consumer(conn_id, division),
        start_from=start_from,
        interval=interval,
    )
    what = entity.lower() if division is None else f"{division}/{entity.lower()}"
    return _asset("exact-online", conn_id, what, trigger=trigger)


def _consumer(conn_id: str, division: int | None = None) -> str:
    """Name the watcher in the ledger; not after its interval, so that another interval goes on where this one was.

    A division that is named makes another watcher, also where it is the connection's: each is told of everything.
    """
    return f"watcher/{conn_id}" if division is None else f"watcher/{conn_id}/{division}"


def _asset(service: str, conn_id: str, what: str, *, trigger: BaseEventTrigger | None = None) -> Asset:
    uri = f"x-{service}://{conn_id}/{what}"
    name = f"{conn_id}: new {what}"
    if trigger is None:
        return Asset(name=name, uri=uri)
    watcher = AssetWatcher(name=f"{name} (watcher)", trigger=trigger)
    return Asset(name=f"{name} (watched)", uri=f"{uri}/watched", watchers=[watcher])

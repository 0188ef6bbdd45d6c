"""The assets of new records: their names, their watchers, and what their events say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection

from exact_to_personio.assets import (
    ids_of,
    new_accounts,
    new_contacts,
    new_employees,
    watched_new_accounts,
    watched_new_contacts,
    watched_new_employees,
)
from line import DIVISION

if TYPE_CHECKING:
    from ledger_task.triggers import NewRecordsTrigger

CONNECTION = Connection(conn_id="c", conn_type="exact_online", extra=f'{{"division": {DIVISION}}}')


def test_assets_have_names_and_addresses_of_their_own() -> None:
    plain = [new_contacts(), new_accounts(), new_employees()]
    watched = [watched_new_contacts(), watched_new_accounts(), watched_new_employees()]
    other = [new_contacts("second"), watched_new_contacts(division=7)]
    everything = plain + watched + other
    assert [asset.uri for asset in plain] == [
        "x-exact-online://exact_online_default/contacts",
        "x-exact-online://exact_online_default/accounts",
        "x-personio://personio_default/employees",
    ]
    assert len({asset.uri for asset in everything}) == len({asset.name for asset in everything}) == 8
    made = [asset.watchers[0].trigger for asset in watched]
    assert [(trigger.conn_id, trigger.interval, trigger.once) for trigger in made] == [  # type: ignore[attr-defined]
        ("exact_online_default", 60.0, False),
        ("exact_online_default", 60.0, False),
        ("personio_default", 60.0, False),
    ]


def test_ids_of_several_events_are_named_once() -> None:
    class Event:
        def __init__(self, **extra: Any) -> None:
            self.extra = extra

    events = {
        "plain": [Event(ids=["1", "2"]), Event(ids=["2", "3"])],
        "watched": [Event(from_trigger=True, payload={"ids": ["3", "4"]}), Event()],
    }
    assert ids_of(events) == ["1", "2", "3", "4"]


def test_watchers_of_two_kinds_are_two_triggers() -> None:
    kinds: list[NewRecordsTrigger] = [
        asset().watchers[0].trigger  # type: ignore[misc]
        for asset in (watched_new_contacts, watched_new_accounts, watched_new_employees)
    ]
    assert len({kind.hash(*kind.serialize()) for kind in kinds}) == 3


def test_watchers_share_no_place_in_the_ledger() -> None:
    """Not even those that watch the same division under two names; the default keeps the place it always had."""
    assets = [watched_new_contacts(), watched_new_contacts(division=DIVISION), watched_new_contacts(division=7)]
    assets += [watched_new_accounts(), watched_new_accounts(division=DIVISION), watched_new_employees()]
    made: list[NewRecordsTrigger] = [asset.watchers[0].trigger for asset in assets]  # type: ignore[misc]
    keys = [trigger.feed(CONNECTION).key(trigger.consumer) for trigger in made]
    assert len(set(keys)) == len(assets)
    assert keys[0] == f"watcher/exact_online_default/{DIVISION}/Contacts"
    assert keys[3] == f"watcher/exact_online_default/{DIVISION}/Accounts"
    assert keys[5] == "watcher/personio_default/personio_default/employees"

"""The triggers that look for new records, driven by asyncio against the sandbox."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk._shared.module_loading import import_string

from exact_online.triggers import ExactOnlineNewRecordsTrigger
from exact_to_personio.assets import watched_new_contacts
from include.ledger import open_ledger
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox
from ledger_task import triggers
from line import DIVISION
from personio.triggers import PersonioNewEmployeesTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from airflow.sdk import Asset
    from airflow.triggers.base import TriggerEvent

    from ledger_task.triggers import NewRecordsTrigger

KEY = f"watcher/test/{DIVISION}/Contacts"

TRIGGERS: dict[str, tuple[type[NewRecordsTrigger], dict[str, Any]]] = {
    "contacts": (ExactOnlineNewRecordsTrigger, {"entity": "Contacts", "consumer": "watcher/a", "division": 5}),
    "accounts": (ExactOnlineNewRecordsTrigger, {"entity": "Accounts", "consumer": "watcher/b", "once": True}),
    "employees": (PersonioNewEmployeesTrigger, {"consumer": "w", "interval": 90.0, "start_from": "beginning"}),
}


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    monkeypatch.setenv("EXACT_PERSONIO_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    with RunningSandbox() as running:
        issued = running.sandbox.exact.issue_tokens()
        settings = running.sandbox.settings
        settings.exact.refresh_min_seconds = 0.0
        extra: dict[str, Any] = {"division": DIVISION, "refresh_token": issued["refresh_token"]}
        exact = {"conn_type": "exact_online", "host": running.url, "extra": extra}
        exact |= {"login": settings.exact.client_id, "password": settings.exact.client_secret}
        personio = {"conn_type": "personio", "host": running.url, "extra": {"company_id": 4242}}
        personio |= {"login": settings.personio.client_id, "password": settings.personio.client_secret}
        monkeypatch.setenv("AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps(exact))
        monkeypatch.setenv("AIRFLOW_CONN_PERSONIO_DEFAULT", json.dumps(personio))
        monkeypatch.setattr(triggers, "LEAST_ERROR_PAUSE", 0.01)
        yield running


@pytest.fixture
def contact(sandbox: RunningSandbox) -> Callable[[], str]:
    exact = sandbox.sandbox.exact
    account = exact.add_account(DIVISION, {"Name": "Voorbeeld"})["ID"]
    return lambda: str(exact.add_contact(DIVISION, {"Account": account, "LastName": "Proef"})["ID"])


def watcher(**changes: Any) -> ExactOnlineNewRecordsTrigger:
    arguments: dict[str, Any] = {"entity": "Contacts", "consumer": "watcher/test", "start_from": "beginning"}
    return ExactOnlineNewRecordsTrigger(**{**arguments, "interval": 0.05, **changes})


async def following(events: AsyncIterator[TriggerEvent]) -> dict[str, Any]:
    payload: dict[str, Any] = (await asyncio.wait_for(anext(events), timeout=60)).payload
    return payload


def _asked(sandbox: RunningSandbox, kind: str) -> bool:
    return any(entry.kind == kind for entry in sandbox.sandbox.log.entries())


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_survives_its_way_to_the_triggerer(name: str) -> None:
    kind, arguments = TRIGGERS[name]
    path, kept = kind(**arguments).serialize()
    again = import_string(path)(**json.loads(json.dumps(kept)))
    assert type(again) is kind
    assert again.serialize() == (path, kept)
    assert all(kept[key] == value for key, value in arguments.items())


@pytest.mark.parametrize("interval", [0, -1])
def test_an_interval_of_nothing_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        watcher(interval=interval)


def test_every_new_record_fires_once(contact: Callable[[], str]) -> None:
    async def watch() -> None:
        ids = [contact(), contact()]
        events = watcher().run()
        first = await following(events)
        assert (first["ids"], first["count"], first["source"]) == (ids, 2, KEY)
        assert first.keys() == {"source", "batch", "count", "ids", "from", "to"}
        third = contact()
        assert (await following(events))["ids"] == [third]
        await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(watch())


def test_a_killed_triggerer_repeats_the_batch_under_its_name(contact: Callable[[], str]) -> None:
    """Killed after the event, before the next look: nobody knows whether Airflow kept the event."""

    async def once() -> dict[str, Any]:
        events = watcher().run()
        found = await following(events)
        await events.aclose()  # type: ignore[attr-defined]
        return found

    ids = [contact()]
    first = asyncio.run(once())
    contact()
    second = asyncio.run(once())
    assert first["ids"] == second["ids"] == ids
    assert first["batch"] == second["batch"]


def test_the_next_look_confirms_the_batch(contact: Callable[[], str]) -> None:
    async def watch() -> None:
        contact()
        events = watcher().run()
        await following(events)
        new = contact()
        second = await following(events)
        await events.aclose()  # type: ignore[attr-defined]
        assert second["ids"] == [new]
        with open_ledger() as ledger:
            assert ledger.news.batches(KEY) == [second["batch"]]

    asyncio.run(watch())


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", match="GET sync/CRM/Contacts", times=3, status=503),
        Fault("status", match="GET sync/CRM/Contacts", times=2, status=403),
        Fault("html", match="GET sync/CRM/Contacts", times=3, status=200),
    ],
    ids=["outage", "no right", "html"],
)
def test_errors_are_told_and_never_end_it(
    sandbox: RunningSandbox, contact: Callable[[], str], caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    sandbox.sandbox.faults.add(fault)

    async def watch() -> None:
        new = contact()
        events = watcher().run()
        assert (await following(events))["ids"] == [new]
        await events.aclose()  # type: ignore[attr-defined]

    with caplog.at_level(logging.ERROR):
        asyncio.run(watch())
    assert "Next look in" in caplog.text
    assert "Proef" not in caplog.text
    with open_ledger() as ledger:
        assert {failure.stage for failure in ledger.failures.of_run(KEY)} == {"watch"}


def test_a_missing_connection_is_told_and_waited_for(
    contact: Callable[[], str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody needs to restart the triggerer once the connection is there."""

    async def watch() -> None:
        new = contact()
        events = watcher(conn_id="made_later").run()
        soon = asyncio.ensure_future(following(events))
        while "made_later" not in caplog.text:  # noqa: ASYNC110 - the log has no event to wait for
            await asyncio.sleep(0.05)
        monkeypatch.setenv("AIRFLOW_CONN_MADE_LATER", os.environ["AIRFLOW_CONN_EXACT_ONLINE_DEFAULT"])
        assert (await soon)["ids"] == [new]
        await events.aclose()  # type: ignore[attr-defined]

    with caplog.at_level(logging.ERROR):
        asyncio.run(watch())


def test_errors_in_a_row_leave_exacts_budget_alone() -> None:
    """Exact blocks a key after ten errors in an hour; the pauses let six looks into the first one."""
    looks, at = 0, 0.0
    while at < 3600:
        at += watcher()._pause_after(RuntimeError("x"), looks)
        looks += 1
    assert looks < 10
    assert watcher(interval=60.0)._pause_after(RuntimeError("x"), 50) == 3600


def test_a_limit_is_waited_for_until_its_end() -> None:
    from include.errors import RateLimitedError  # noqa: PLC0415

    until = datetime.fromtimestamp(datetime.now(UTC).timestamp() + 900, tz=UTC)
    error = RateLimitedError("x", reason_code="exact.limit.day", retry_at=until)
    assert 800 < watcher()._pause_after(error, 0) <= 900


def test_the_trigger_of_a_sensor_claims_nothing(contact: Callable[[], str]) -> None:
    async def watch() -> list[Any]:
        return [event.payload async for event in watcher(once=True).run()]

    contact()
    assert asyncio.run(watch()) == [{"waiting": 1}]
    with open_ledger() as ledger:
        assert ledger.news.waiting(KEY) == 1


def test_the_trigger_of_a_sensor_hands_a_wrong_login_to_the_worker(sandbox: RunningSandbox) -> None:
    sandbox.sandbox.faults.add(Fault("status", match="GET sync/CRM/Contacts", times=None, status=403))

    async def watch() -> list[Any]:
        return [event.payload async for event in watcher(once=True).run()]

    assert asyncio.run(watch()) == [{"waiting": 0}]


def test_employees_are_watched_too(sandbox: RunningSandbox) -> None:
    company = sandbox.sandbox.personio
    company.add_person("old@example.org", "O", "Ld", {})

    async def watch() -> None:
        events = PersonioNewEmployeesTrigger(consumer="watcher/test", interval=0.05).run()
        soon = asyncio.ensure_future(following(events))
        while not _asked(sandbox, "v2/persons"):  # noqa: ASYNC110 - nor has the sandbox
            await asyncio.sleep(0.02)
        new = company.add_person("new@example.org", "N", "Ew", {})
        assert (await soon)["ids"] == [str(new.id)]
        await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(watch())


def test_a_watcher_of_the_same_division_hears_of_everything_too(contact: Callable[[], str]) -> None:
    async def heard(asset: Asset) -> Any:
        events = asset.watchers[0].trigger.run()
        found = await following(events)
        await events.aclose()  # type: ignore[attr-defined]
        return found["ids"]

    ids = [contact(), contact()]
    for division in (None, DIVISION):
        asset = watched_new_contacts(start_from="beginning", interval=0.05, division=division)
        assert asyncio.run(heard(asset)) == ids

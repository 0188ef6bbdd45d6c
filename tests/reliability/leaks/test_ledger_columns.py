"""What the ledger keeps of people is sealed, on both databases, whatever the line did with them."""

from __future__ import annotations

import dataclasses
import json
import logging
import traceback
from typing import TYPE_CHECKING

from sqlalchemy import text

from include.errors import ExactPersonioError
from include.sandbox.faults import Fault
from leak_airflow import MARK, PEOPLE, hire, secrets_of
from leak_search import Search

if TYPE_CHECKING:
    import pytest

    from world import World

SECRETS = {name: f"Zqx-{name}-Geheim-4711" for name in ("exact", "personio", "recruiting")}


def told(world: World) -> tuple[Search, str]:
    """Run people through all three destinations, in every way, with failures; return what failed, as printed."""
    settings = world.sandbox.sandbox.settings
    settings.exact.client_secret = SECRETS["exact"]
    world.begin()
    hire(world.sandbox)
    failed: list[str] = []
    employees = dataclasses.replace(world, destination="employee")
    world.preview("p1", created_from="2020-01-01")
    tokens = secrets_of(world.sandbox)
    for fault in (
        Fault("status", match="* v1/recruiting/applications", status=401),
        Fault("status", match="* v1/recruiting/applications", status=400, body=f'{{"errors": ["{MARK}"]}}'),
        Fault("html", match="GET sync/*", times=5),
        Fault("drop_after", match="* v1/recruiting/applications"),
        Fault("cut_json", match="GET sync/*", times=5),
    ):
        world.sandbox.sandbox.faults.clear()
        world.sandbox.sandbox.faults.add(fault)
        try:
            world.run(f"r{len(failed)}")
        except ExactPersonioError:
            failed.append(traceback.format_exc())
        world.clock.sleep(100_000)
    world.sandbox.sandbox.faults.clear()
    world.run("r9")
    employees.run("e1")
    tokens |= secrets_of(world.sandbox)
    assert failed
    return Search({**SECRETS, **PEOPLE, **tokens}), "".join(failed)


def test_only_sealed_columns_hold_people_and_tokens(world: World, url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also no log line at any level, and no traceback with its causes."""
    with caplog.at_level(logging.DEBUG):
        search, failed = told(world)
    assert len(world.sandbox.sandbox.personio.contents()["applications"]) == 3
    assert search.in_text(failed, "tracebacks") == set()
    assert search.in_text(caplog.text, "log") == set()
    assert search.in_database(url) == set()
    with world.ledger._database.read() as connection:
        sealed = connection.execute(text("SELECT sealed FROM ledger_staged")).scalars().all()
    opened = [world.ledger.staging._cipher.open(one) for one in sealed if one]
    assert search.in_text(json.dumps(opened), "opened"), "nobody was kept: this proves nothing"


def test_a_column_that_is_not_sealed_is_found(world: World, url: str) -> None:
    world.begin()
    hire(world.sandbox)
    world.run("r1")
    with world.ledger._database.write() as connection:
        connection.execute(text("UPDATE ledger_deliveries SET reason_code = :name"), {"name": PEOPLE["first name"]})
    assert {leak.place for leak in Search(PEOPLE).in_database(url)} == {"ledger_deliveries.reason_code"}

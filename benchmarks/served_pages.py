"""How long the console's pages take to be made, in one ledger: python -m benchmarks.served_pages SIZE ...

Prints JSON: number of records -> page -> milliseconds. The ledger is that of `EXACT_PERSONIO_LEDGER_URL`, Airflow's
settings are the environment's. Nothing is sent over a socket: what is timed is what the API server computes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import sys
import time
import warnings
from statistics import median
from typing import TYPE_CHECKING

import httpx
from sqlalchemy import select, text

from benchmarks.growth import fill
from benchmarks.pages import ROUNDS
from benchmarks.simulated_line import DIVISION, SimulatedLine, Together
from include.ledger import open_ledger
from include.ledger.tables import deliveries
from include.sandbox.server import RunningSandbox

if TYPE_CHECKING:
    from fastapi import FastAPI

    from include.ledger import Ledger

ROOT = "/exact-console"
TROUBLE = """
UPDATE ledger_deliveries SET state = 'rejected', reason_code = 'exact.Email.missing', field = 'Email'
WHERE id % 50 = 1 AND decided_version >= {first} AND decided_version < {end}
"""
WAITING = "UPDATE ledger_deliveries SET state = 'ready' WHERE id % 100 = 2 AND decided_version >= {first}"


def put_in(ledger: Ledger, dag: str, first: int, end: int) -> None:
    """Put in records of long ago; one in fifty was refused, one in a hundred waits to be sent."""
    with ledger._database.read() as connection:  # noqa: SLF001 - rows that no run has made
        sealed: bytes = connection.execute(
            select(deliveries.c.sealed).order_by(deliveries.c.id).limit(1)
        ).scalar_one()
    fill(ledger, dag, first, end, sealed=bytes(sealed))
    with ledger._database.write() as connection:  # noqa: SLF001
        for statement in (TROUBLE, WAITING):
            connection.execute(text(statement.format(first=first, end=end)))


def addresses(ledger: Ledger, run: str) -> dict[str, str]:
    """Return the pages by their names."""
    with ledger._database.read() as connection:  # noqa: SLF001 - any record
        person = connection.execute(select(deliveries).order_by(deliveries.c.id).limit(1)).one()
    records = f"{ROOT}/records/"
    return {
        "overview": f"{ROOT}/",
        "records": records,
        "records, by state": f"{records}?state=created",
        "records, by a state that is rare": f"{records}?state=in_doubt",
        "records, by reason": f"{records}?reason=exact.Email.missing",
        "records, by run": f"{records}?run={run}",
        "records, by address": f"{records}?email={person.email_hash}",
        "records, by a name": f"{records}?names={'.'.join(ledger.records.name_digests('Sanne'))}",
        "one record": f"{records}{DIVISION}/Contacts/{person.source_id}",
        "an act on all that is refused": f"{records}act?act=replay&state=rejected",
        "rejections": f"{ROOT}/rejections/",
        "runs": f"{ROOT}/runs/",
        "one run": f"{ROOT}/runs/one?run={run}",
        "connections": f"{ROOT}/connections/",
        "mapping": f"{ROOT}/mapping/",
        "reconciliation": f"{ROOT}/reconciliation/",
        "previews": f"{ROOT}/previews/",
    }


async def ask(app: FastAPI, token: str, pages: dict[str, str]) -> dict[str, float]:
    """Return the median of each page."""
    found = {}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", cookies={"_token": token}
    ) as client:
        for name, address in pages.items():
            took = []
            for _ in range(ROUNDS + 1):
                began = time.perf_counter()
                answer = await client.get(address)
                took.append((time.perf_counter() - began) * 1000)
                answer.raise_for_status()
            # The first one reads templates and files.
            found[name] = median(took[1:])
    return found


def served() -> tuple[FastAPI, str]:
    """Return the console as Airflow mounts it, and the token of an administrator."""
    with warnings.catch_warnings():
        # Airflow's server imports a library that asks for another httpx.
        warnings.simplefilter("ignore")
        from airflow.api_fastapi.app import get_auth_manager, init_auth_manager  # noqa: PLC0415 - slow
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415
        from airflow.utils.db import initdb  # noqa: PLC0415
        from fastapi import FastAPI  # noqa: PLC0415

        from exact_console.plugin import ExactConsolePlugin  # noqa: PLC0415
    initdb()
    init_auth_manager()
    app = FastAPI()
    for mounted in ExactConsolePlugin.fastapi_apps:
        app.mount(mounted["url_prefix"], mounted["app"])
    return app, str(get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ada", role="admin")))


def main(sizes: list[int]) -> int:
    """Measure at each size."""
    logging.disable()
    app, token = served()
    found = {}
    clock = Together()
    with RunningSandbox(clock=clock.exact_clock) as running, open_ledger(clock=clock.now) as ledger:
        line = SimulatedLine(ledger, running, clock)
        line.fill(accounts=10, contacts=60)
        line.log_in()
        line.live("first")
        dag = line.live_job.stream.dag_id
        pages = addresses(ledger, line.live_job.run_key("first"))
        for smaller, rows in itertools.pairwise((1, *sizes)):
            put_in(ledger, dag, smaller, rows)
            found[rows] = asyncio.run(ask(app, token, pages))
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main([int(size) for size in sys.argv[1:]]))

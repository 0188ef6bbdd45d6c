"""Runs of the history lane, planned and extracted one stage at a time, with what Exact was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from include.ledger.tables import staged as table
from include.ledger.windows import of_stream
from include.sync.plan import plan_run
from line import DIVISION, ZONE
from moved import calls

if TYPE_CHECKING:
    from datetime import datetime

    from include.ledger import Ledger
    from include.records import Entity, StreamKey, Window
    from include.sandbox.server import RunningSandbox
    from include.transform import Mapping
    from line import Line, Run


def staged(ledger: Ledger, stream: StreamKey) -> set[str]:
    """Return the ids of the rows in one lane."""
    with ledger._database.read() as connection:
        return set(connection.execute(select(table.c.source_id).where(of_stream(table, stream))).scalars())


def fill(sandbox: RunningSandbox, *created: datetime, entity: Entity = "Contacts", **more: Any) -> list[str]:
    """Put records into Exact, created at moments or at wall clocks; return their ids."""
    exact = sandbox.sandbox.exact
    clocks = [at.astimezone(ZONE).replace(tzinfo=None) if at.tzinfo else at for at in created]
    account = {} if entity == "Accounts" else {"Account": exact.add_account(DIVISION, {"Name": "Example"})["ID"]}
    name = "Name" if entity == "Accounts" else "LastName"
    rows = [{**account, "ID": exact.new_id(), name: "Proef", **more} | {"Created": clock} for clock in clocks]
    exact.bulk_load(DIVISION, entity, rows)
    return sorted(row["ID"] for row in rows)


def plan(
    run: Run, now: datetime | None = None, mapping: Mapping | None = None
) -> tuple[Window, dict[str, Any], list[str]]:
    """Plan a run at a moment; return its window, what goes to XCom, and what Exact was asked."""
    line = run.line
    calls(line.sandbox)
    window, told = plan_run(
        line.ledger,
        run.job,
        run.run_id,
        run.asked,
        mapping=mapping or run.mapping,
        zone=ZONE,
        client=lambda: line.exact(run.key),
        pushed=line.watermarks.get,
        now=now,
    )
    return window, told, asked_of(line)


def extracted(run: Run) -> list[str]:
    """Extract a run; return what Exact was asked."""
    calls(run.line.sandbox)
    run.extract()
    return asked_of(run.line)


def asked_of(line: Line) -> list[str]:
    """Return the endpoints that Exact was asked for since the log was cleared, without logins."""
    return [kind for kind in calls(line.sandbox) if "oauth" not in kind]

"""The pages of runs: what each came to, cost, and was said to come to; what a preview would do, as a file."""

from __future__ import annotations

import re
import tempfile
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response, StreamingResponse

from exact_console.audit import audit
from exact_console.guard import may_read_dag, may_see_people, sees_people
from exact_console.pages import page
from exact_console.run_view import COUNTS, FIGURES, lines_of, run_of, stopped
from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.preview_files import TYPES, write_preview
from include.preview_story import ACTIONS, preview_run
from include.records import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from exact_console.run_view import Line

router = APIRouter(prefix="/runs")

PER_PAGE: Final = 50
PIECE: Final = 1024 * 1024
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")


@router.get("/")
def overview(request: Request, user: GetUserDep, before: str = "") -> Response:
    """List the runs that ended last, of DAGs that the user may read."""
    with open_ledger() as ledger:
        lanes = [lane for lane in ledger.run_results.lanes() if may_read_dag(user, lane.removesuffix(HISTORY))]
        found = ledger.run_results.newest(PER_PAGE + 1, _place(before), lanes=lanes)
        lines = lines_of(ledger, found[:PER_PAGE])
        # Asked once for each DAG, however many of its runs have failed.
        failed = [] if before else stopped(ledger, cache(lambda dag: may_read_dag(user, dag)))
    return page(
        request,
        "runs.html",
        lines=lines,
        failed=failed,
        counts=COUNTS,
        before=before,
        following=_name(lines[-1]) if len(found) > PER_PAGE else "",
    )


@router.get("/one")
def one(request: Request, user: GetUserDep, run: str) -> Response:
    """Show one run with all that is known of it."""
    return _shown(request, user, run)


@router.get("/tab")
def tab(
    request: Request,
    user: GetUserDep,
    *,
    dag: str = "",
    run: str = "",
    task: str = "",
    number: Annotated[str, Query(alias="map")] = "",
) -> Response:
    """Show the run on whose page this is a tab; what Airflow cannot fill in comes as it is written: ``{RUN_ID}``."""
    dag, run, task, number = ("" if value.startswith("{") else value for value in (dag, run, task, number))
    stage = f"{task}[{number}]" if task and number not in {"", "-1"} else task
    return _shown(request, user, f"{dag}/{run}" if dag and run else "", task=stage, alone=True)


@router.get("/download", dependencies=[Depends(sees_people)])
def download(user: GetUserDep, *, run: str, form: str = "csv", action: str = "") -> Response:
    """Send what a preview run would do as a file."""
    # What is asked for is kept in the audit's log, so it is one of our own words.
    if form not in TYPES or action not in {"", *ACTIONS}:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    with open_ledger() as ledger:
        try:
            found = preview_run(ledger, run)
        except ConfigurationError:
            raise HTTPException(HTTPStatus.NOT_FOUND) from None
        # Not of what was asked for: a run may be named by its id alone.
        if not may_read_dag(user, _dag(found.run)):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        about = {"run": found.run, "format": form, "action": action}
        audit(user, "preview.download", dag_id=_dag(found.run), **about, records=found.records)
        # Whole before it is sent, on a file without a name: what goes wrong is a page, and memory stays bounded.
        file = tempfile.TemporaryFile()  # noqa: SIM115 - sent, and closed, later
        try:
            count = write_preview(ledger, found.run, file, form, action=action or None)
        except BaseException:
            file.close()
            raise
    audit(user, "preview.download.done", dag_id=_dag(found.run), **about, records=count)
    name = f"preview-{_UNSAFE.sub('-', found.run)[:150]}.{form}"
    size = file.seek(0, 2)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size)}
    return StreamingResponse(_pieces(file), media_type=TYPES[form], headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece


def _shown(request: Request, user: BaseUser, name: str, *, task: str = "", alone: bool = False) -> Response:
    dag_id = _dag(name)
    if not dag_id or not may_read_dag(user, dag_id):
        return _unknown(request, alone=alone)
    with open_ledger() as ledger:
        found = run_of(ledger, name)
    if not found.is_known:
        return _unknown(request, alone=alone)
    values: dict[str, Any] = {"run": found, "counts": COUNTS, "figures": FIGURES, "task": task, "alone": alone}
    return page(request, "run.html", **values, sees_people=may_see_people(user))


def _unknown(request: Request, *, alone: bool) -> Response:
    return page(request, "run_unknown.html", status=HTTPStatus.NOT_FOUND, alone=alone)


def _dag(name: str) -> str:
    return name.partition("/")[0]


def _place(before: str) -> tuple[datetime, str] | None:
    """Return where the list goes on: the end and the name of the last run that was shown."""
    at, _, name = before.partition(" ")
    try:
        moment = datetime.fromisoformat(at)
        # Before the first year there is none: a zone can lead there.
        return (moment.astimezone(UTC), name) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _name(line: Line) -> str:
    ended = line.result.ended_at
    return "" if ended is None else f"{ended.isoformat()} {line.result.run}"

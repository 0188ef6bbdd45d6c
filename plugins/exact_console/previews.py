"""The pages of what preview runs showed: which record would become what, by which rules, and why not.

Payloads are personal data, so the pages are for those who may edit the connection they would be sent through.
"""

from __future__ import annotations

from http import HTTPStatus
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from exact_console.guard import may_read_dag, sees_people
from exact_console.language import N_, translated
from exact_console.pages import page
from include import preview_story as story
from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.preview_files import TYPES

if TYPE_CHECKING:
    from include.ledger.previews import Preview

router = APIRouter(prefix="/previews", dependencies=[Depends(sees_people)])

SAID: Final = {
    "create": N_("would create"),
    "send_again": N_("would send again if it is not there"),
    "look_up": N_("would look up"),
    "nothing": N_("would do nothing"),
}
"""What a run would do with a record; `include.preview_story` has the same words for the command line."""
PER_PAGE: Final = 50
FEW: Final = 5
"""So few records are shown with their payloads at once."""


@router.get("/")
def overview(request: Request, user: GetUserDep) -> Response:
    """List the runs that have a preview, of DAGs that the user may read."""
    with open_ledger() as ledger:
        runs = story.preview_runs(ledger)
    readable = {dag_id for dag_id in {_dag(run.run) for run in runs} if may_read_dag(user, dag_id)}
    mine = [(run, *run.run.rpartition("/")[::2]) for run in runs if _dag(run.run) in readable]
    return page(request, "previews.html", runs=mine)


@router.get("/run")
def one(
    request: Request,
    user: GetUserDep,
    *,
    run: str,
    action: str = "",
    record: str = "",
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Show what one run would do, a page of its records at a time."""
    source_id = story.of_record(record)
    with open_ledger() as ledger:
        try:
            found = story.preview_run(ledger, run)
        except ConfigurationError:
            return _nothing(request)
        if not may_read_dag(user, _dag(found.run)):
            return _nothing(request)
        counts = story.counted(ledger, found.run)
        records = ledger.previews.read(
            found.run, offset=offset, limit=PER_PAGE, action=action or None, source_id=source_id or None
        )
    total = sum(row["count"] for row in counts if action in {"", row["action"]})
    return page(
        request,
        "preview.html",
        run=found,
        counts=[{**row, "said": story.said(row["action"])} for row in counts],
        records=[_record(preview) for preview in records],
        actions=SAID,
        forms=[form for form in TYPES if form != "parquet" or find_spec("pyarrow")],
        action=action,
        record=source_id,
        opened=len(records) <= FEW,
        first=offset + 1,
        total=len(records) if source_id else total,
        pages=_around(found.run, action, offset, len(records) if source_id else total),
    )


def _dag(run: str) -> str:
    return run.partition("/")[0]


def _record(preview: Preview) -> dict[str, Any]:
    return {
        "id": preview.source_id,
        "action": preview.action,
        "said": story.said(preview.action),
        "person": story.person(preview),
        "why": story.why(preview),
        "existing": preview.existing,
        "lines": story.lines(preview),
    }


def _around(run: str, action: str, offset: int, total: int) -> dict[str, str]:
    """Return the queries of the pages before and after this one."""
    near = {"previous": max(offset - PER_PAGE, 0) if offset else None, "next": offset + PER_PAGE}
    chosen = {"run": run} | ({"action": action} if action else {})
    return {
        name: urlencode(chosen | {"offset": start})
        for name, start in near.items()
        if start is not None and (name == "previous" or start < total)
    }


def _nothing(request: Request) -> Response:
    sentence = N_(
        "No preview is kept of this run. Perhaps it found nothing to decide, or is under way; "
        "and previews are removed by age, as all personal data is."
    )
    return page(
        request, "message.html", status=HTTPStatus.NOT_FOUND, sentence=translated(request, sentence), ended=False
    )

"""The pages of what preview runs showed: which record would become what, by which rules, and why not.

Payloads are personal data, so the pages are for those who may edit the connection they would be sent through.
"""

from __future__ import annotations

from http import HTTPStatus
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter, Depends, Form, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import RedirectResponse, Response

from exact_console.audit import audit
from exact_console.guard import form_token, may_read_dag, own_form, sees_people
from exact_console.language import N_, language_of, translations
from exact_console.pages import page, root
from include import preview_story as story
from include.errors import ConfigurationError
from include.ledger import open_ledger
from include.preview_files import TYPES
from include.privacy.person import GUID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger.previews import Preview

router = APIRouter(prefix="/previews", dependencies=[Depends(sees_people)])

PER_PAGE: Final = 50
MOST: Final = 1_000_000_000
FEW: Final = 5
"""So few records are shown with their payloads at once."""
NO_ID: Final = N_("This is no whole ID of Exact. Copy it as Exact shows it.")
WORDS: Final = {
    "create": N_("would create"),
    "send_again": N_("would send again if it is not there"),
    "look_up": N_("would look up"),
    "nothing": N_("would do nothing"),
}
"""What `include.preview_story.ACTIONS` says, marked to be translated."""
NOTHING: Final = N_(
    "No preview is kept of this run. Perhaps it found nothing to decide, or is under way; "
    "and previews are removed by age, as all personal data is."
)


@router.get("/")
def overview(request: Request, user: GetUserDep) -> Response:
    """List the runs that have a preview, of DAGs that the user may read."""
    with open_ledger() as ledger:
        runs = story.preview_runs(ledger)
    readable = {dag_id for dag_id in {_dag(run.run) for run in runs} if may_read_dag(user, dag_id)}
    mine = [(run, *run.run.rpartition("/")[::2]) for run in runs if _dag(run.run) in readable]
    return page(request, "previews.html", runs=mine)


@router.post("/find")
def find(
    request: Request,
    user: GetUserDep,
    *,
    token: Annotated[str, Form()],
    run: Annotated[str, Form(max_length=600)] = "",
    action: Annotated[str, Form(max_length=60)] = "",
    record: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Lead to one record of a preview; only a whole ID gets into an address, where a name would be logged."""
    own_form(token, user)
    source_id = _whole_id(record)
    chosen = {"run": run, "action": action if action in WORDS else "", "record": source_id}
    asked = urlencode({name: value for name, value in chosen.items() if value})
    return RedirectResponse(f"{root(request)}/previews/run?{asked}", HTTPStatus.SEE_OTHER)


@router.get("/run")
def one(
    request: Request,
    user: GetUserDep,
    *,
    run: str,
    action: str = "",
    record: str = "",
    after: str = "",
    before: str = "",
    start: Annotated[int, Query(ge=0, le=MOST)] = 0,
) -> Response:
    """Show what one run would do, a page of its records at a time; whoever reads it is on record.

    :param after: the ID of the record before this page; ``before``: of the one behind it, to go back.
    :param start: how many records there are before this page, for its heading.
    """
    source_id, after, before = _whole_id(record), _whole_id(after), _whole_id(before)
    with open_ledger() as ledger:
        try:
            found = story.preview_run(ledger, run)
        except ConfigurationError:
            return _nothing(request)
        if not may_read_dag(user, _dag(found.run)):
            return _nothing(request)
        counts = story.counted(ledger, found.run)
        records = ledger.previews.read(
            found.run,
            after=after,
            before=before,
            limit=PER_PAGE,
            action=action or None,
            source_id=source_id or None,
        )
    if records:
        about = {"run": found.run, "start": start, "after": after, "before": before, "records": len(records)}
        audit(user, "preview.read", dag_id=_dag(found.run), **about)
    total = len(records) if source_id else sum(row["count"] for row in counts if action in {"", row["action"]})
    return page(
        request,
        "preview.html",
        run=found,
        counts=[{**row, "said": _said(row["action"])} for row in counts],
        records=[_record(preview) for preview in records],
        actions=WORDS,
        forms=[form for form in TYPES if form != "parquet" or find_spec("pyarrow")],
        action=action if action in WORDS else "",
        record=source_id,
        token=form_token(user),
        opened=len(records) <= FEW,
        first=start + 1,
        total=total,
        pages=_around(found.run, action, start, records, total),
    )


def _whole_id(text: str) -> str:
    """Return an ID of Exact, empty if none is given.

    :raises HTTPException: 422, without the text: it may be a name.
    """
    source_id = story.of_record(text)
    if source_id and not GUID.fullmatch(source_id):
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, NO_ID)
    return source_id


def _said(action: str) -> str:
    return WORDS.get(action, story.said(action))


def _dag(run: str) -> str:
    return run.partition("/")[0]


def _record(preview: Preview) -> dict[str, Any]:
    return {
        "id": preview.source_id,
        "action": preview.action,
        "said": _said(preview.action),
        "person": story.person(preview),
        "why": story.why(preview),
        "existing": preview.existing,
        "lines": story.lines(preview),
    }


def _around(run: str, action: str, start: int, records: Sequence[Preview], total: int) -> dict[str, str]:
    """Return the queries of the pages before and after this one."""
    chosen = {"run": run} | ({"action": action} if action else {})
    near: dict[str, str] = {}
    if records and start:
        place = {"before": records[0].source_id, "start": max(start - PER_PAGE, 0)}
        near["previous"] = urlencode({**chosen, **place})
    if records and start + len(records) < total:
        near["next"] = urlencode({**chosen, "after": records[-1].source_id, "start": start + len(records)})
    return near


def _nothing(request: Request) -> Response:
    sentence = translations(language_of(request)).gettext(NOTHING)
    return page(request, "message.html", status=HTTPStatus.NOT_FOUND, sentence=sentence, ended=False)

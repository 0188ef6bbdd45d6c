"""Erasing from the console: what is held is shown first, and afterwards what is left to do elsewhere.

For who may see people and may trigger every DAG that holds something of them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from exact_console.audit import audit
from exact_console.guard import form_token, may_run_dag, own_form, sees_people
from exact_console.pages import page
from exact_console.record_filter import Filter
from exact_console.records import known_run, readable
from include.ledger import open_ledger
from include.privacy.erasing import ASKED, erase, erase_records
from include.privacy.files import in_exports
from include.privacy.person import GUID, person
from include.privacy.telling import erased_lines, find_lines, held
from include.records import HISTORY

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from include.ledger import Ledger
    from include.privacy.person import Person

router = APIRouter(prefix="/records", dependencies=[Depends(sees_people)])

MOST: Final = 500
"""So many records at once; the ledger is read as a whole for them."""


@router.get("/erase")
def ask(request: Request, user: GetUserDep) -> Response:
    """Show what is held of a person, or how many records fit the filter."""
    return _shown(request, user, Filter.of(request.query_params))


@router.post("/erase")
def do(  # noqa: PLR0917 - the fields of a form
    request: Request,
    user: GetUserDep,
    token: Annotated[str, Form()],
    meant: Annotated[str, Form()] = "",
    count: Annotated[int, Form()] = -1,
    typed: Annotated[str, Form()] = "",
) -> Response:
    """Erase, if it is still about as much as the user was shown."""
    own_form(token, user)
    asked = Filter.read(meant)
    with open_ledger() as ledger:
        if _is_one(asked):
            who = _person(ledger, user, asked)
            if count != len(who.pieces) or not who.pieces:
                return _shown(request, user, asked, changed=True)
            audit(user, "erase", record=asked.id, rows=count)
            done = erase(ledger, who, asked_by=user.get_name())
            audit(user, "erase.done", record=asked.id, erasure=done.erasure)
            return page(request, "record_erased.html", lines=erased_lines(done))
        records = _records(ledger, user, asked)
        if count != len(records) or typed.strip() != str(count) or not 0 < count <= MOST:
            return _shown(request, user, asked, changed=True)
        audit(user, "erase", records=count)
        lines = []
        for record, name, left in erase_records(ledger, records, asked_by=user.get_name(), why=ASKED):
            lines.append(f"{record[1]} {record[2]}: {name}")
            lines += [f"{one.service}: {one.what}, {one.id}" for one in left]
        ledger.erasures.finish()
    audit(user, "erase.done", records=count)
    return page(request, "record_erased.html", lines=lines)


def _shown(request: Request, user: BaseUser, asked: Filter, *, changed: bool = False) -> Response:
    lines: list[str] = []
    with open_ledger() as ledger:
        known_run(asked, readable(ledger, user))
        if _is_one(asked):
            who = _person(ledger, user, asked)
            audit(user, "people.find", record=asked.id)
            lines = find_lines(held(ledger, who, in_exports(who.ids, who.emails)))
            count = len(who.pieces)
        else:
            count = len(_records(ledger, user, asked))
    status = HTTPStatus.CONFLICT if changed else HTTPStatus.OK if count else HTTPStatus.NOT_FOUND
    return page(
        request,
        "record_erase.html",
        status=status,
        lines=lines,
        count=count,
        one=_is_one(asked),
        most=MOST,
        asked=asked,
        changed=changed,
        token=form_token(user),
    )


def _is_one(asked: Filter) -> bool:
    return bool(GUID.fullmatch(asked.id.lower()))


def _person(ledger: Ledger, user: BaseUser, asked: Filter) -> Person:
    """Return who is meant.

    :raises HTTPException: 404: nobody the user may know of; 403: a DAG holds something that they may not trigger.
    """
    mine = readable(ledger, user)
    if not ledger.records.sources(asked.narrowing(mine), most=1):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    who = person(ledger, asked.id)
    # Outboxes and previews belong to runs, news and failures to nobody: the rows and deliveries say which DAGs it is.
    dags = {piece.lane.removesuffix(HISTORY) for piece in who.pieces if piece.kind in {"staged", "delivery"}}
    if not all(may_run_dag(user, dag) for dag in dags):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return who


def _records(ledger: Ledger, user: BaseUser, asked: Filter) -> list[tuple[int, str, str]]:
    """Return the records that fit, of DAGs that the user may trigger; one more than `MOST` where there are more."""
    if not asked.query():
        # Everything there is would be a slip.
        raise HTTPException(HTTPStatus.NOT_FOUND)
    allowed = {dag for dag in readable(ledger, user) if may_run_dag(user, dag)}
    return ledger.records.sources(asked.narrowing(allowed), most=MOST)

"""Erasing from the console: what is held is shown first, and afterwards what is left to do elsewhere.

For who may see people and may trigger every DAG that holds something of them. Also of many records at once: each
is erased as one person is, with all that their addresses lead to, the exports, and kept out from then on.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter, Depends, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from exact_console.audit import audit
from exact_console.guard import form_token, may_run_dag, own_form, sees_people
from exact_console.pages import page
from exact_console.record_filter import Filter
from exact_console.record_promises import digest_of, promise, promised
from exact_console.records import known_run, readable
from include.ledger import open_ledger
from include.privacy.erasing import erase
from include.privacy.files import in_exports
from include.privacy.person import GUID, Person, gathered, person
from include.privacy.telling import erased_lines, find_lines, held
from include.records import HISTORY

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from include.ledger import Ledger

router = APIRouter(prefix="/records", dependencies=[Depends(sees_people)])

MOST: Final = 50
"""So many records at once: all that is held of them is in memory, and the ledger is read as a whole for it."""

NOBODY: Final = Person(frozenset(), frozenset(), frozenset())


@router.get("/erase")
def ask(request: Request, user: GetUserDep) -> Response:
    """Show what is held of a person, or of the people whose records fit the filter."""
    return _shown(request, user, Filter.of(request.query_params, strict=True))


@router.post("/erase")
def do(  # noqa: PLR0917 - the fields of a form
    request: Request,
    user: GetUserDep,
    token: Annotated[str, Form()],
    meant: Annotated[str, Form()] = "",
    count: Annotated[int, Form()] = -1,
    typed: Annotated[str, Form()] = "",
    shown: Annotated[str, Form()] = "",
) -> Response:
    """Erase, if it is still exactly what the user was shown."""
    own_form(token, user)
    asked = Filter.read(meant)
    with open_ledger() as ledger:
        who, many = _who(ledger, user, asked)
        told = promised(shown, user, "erase", asked)
        number = _count(asked, who, many)
        if not number or told.get("held") != _digest(who) or number != count or many > MOST:
            return _shown(request, user, asked, changed=True)
        if not _is_one(asked) and typed.strip() != str(number):
            return _shown(request, user, asked, changed=True)
        about: dict[str, Any] = {"record": asked.id} if _is_one(asked) else {"records": len(who.records)}
        audit(user, "erase", rows=len(who.pieces), **about)
        done = erase(ledger, who, asked_by=user.get_name())
        audit(user, "erase.done", erasure=done.erasure, **about)
    return page(request, "record_erased.html", lines=erased_lines(done))


def _shown(request: Request, user: BaseUser, asked: Filter, *, changed: bool = False) -> Response:
    lines: list[str] = []
    with open_ledger() as ledger:
        who, many = _who(ledger, user, asked)
        count = _count(asked, who, many)
        if who.pieces:
            audit(user, "people.find", **({"record": asked.id} if _is_one(asked) else {"records": count}))
            lines = find_lines(held(ledger, who, in_exports(who.ids, who.emails)))
    status = HTTPStatus.CONFLICT if changed else HTTPStatus.OK if count else HTTPStatus.NOT_FOUND
    return page(
        request,
        "record_erase.html",
        status=status,
        lines=lines,
        count=count,
        one=_is_one(asked),
        most=MOST,
        too_many=many > MOST,
        asked=asked,
        changed=changed,
        shown=promise(user, "erase", asked, held=_digest(who)),
        token=form_token(user),
    )


def _is_one(asked: Filter) -> bool:
    return bool(GUID.fullmatch(asked.id.lower()))


def _count(asked: Filter, who: Person, many: int) -> int:
    """Return the number that the page shows: what is held of one person, or how many records are erased."""
    if _is_one(asked):
        return len(who.pieces)
    return max(many, len(who.records)) if many else 0


def _digest(who: Person) -> str:
    return digest_of([*who.records, *who.accounts, *((piece.kind, *piece.key) for piece in who.pieces)])


def _who(ledger: Ledger, user: BaseUser, asked: Filter) -> tuple[Person, int]:
    """Return who is meant, and how many records fit the filter; nobody where these are more than `MOST`.

    :raises HTTPException: 404: nobody the user may know of; 403: a DAG holds something that they may not trigger.
    """
    mine = readable(ledger, user)
    known_run(asked, mine)
    if _is_one(asked):
        if not ledger.records.sources(asked.narrowing(mine), most=1):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        who, many = person(ledger, asked.id), 1
    else:
        allowed = {dag for dag in mine if may_run_dag(user, dag)}
        records = ledger.records.sources(asked.narrowing(allowed), most=MOST)
        many = len(records)
        # Together: who shares an address with somebody who is erased as well shares it with nobody then.
        who = gathered(ledger, records, ()) if 0 < many <= MOST else NOBODY
    # Outboxes and previews belong to runs, news and failures to nobody: the rows and deliveries say which DAGs it is.
    dags = {piece.lane.removesuffix(HISTORY) for piece in who.pieces if piece.kind in {"staged", "delivery"}}
    if not all(may_run_dag(user, dag) for dag in dags):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return who, many

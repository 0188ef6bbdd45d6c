"""The pages of records: finding them, and the whole story of one.

Ids, states and reasons are for who may read the DAG. What a person is called is for who may edit the connections to
Personio, and so is to search by it: whoever may not see people must not learn from a search who is here.
"""

from __future__ import annotations

from http import HTTPStatus
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, Final

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import RedirectResponse, Response

from exact_console.audit import audit
from exact_console.guard import form_token, may_read_dag, may_run_dag, may_see_people, own_form
from exact_console.notices import told_in
from exact_console.pages import page, root
from exact_console.record_filter import DIVISIONS, STATES, Filter, key_of, key_text
from exact_console.record_links import exact_page, personio_page, run_of
from include.ledger import open_ledger
from include.ledger.names import FIELDS
from include.records import HISTORY
from include.source_and_sent import compared

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from include.ledger import Ledger
    from include.ledger.whole_record import WholeDelivery, WholeRecord

PER_PAGE: Final = 50
MASKED: Final = "•••"
NO_ID: Final = "-"
"""Stands in an address for an id that no record has."""

router = APIRouter(prefix="/records")


def readable(ledger: Ledger, user: BaseUser) -> set[str]:
    """Return the DAGs of the ledger that a user may read."""
    dags = {lane[0].removesuffix(HISTORY) for lane in ledger.records.lanes()}
    return {dag for dag in dags if may_read_dag(user, dag)}


def known_run(asked: Filter, dags: set[str]) -> None:
    """Refuse to look for a run of a DAG that the user may not know of, as if there were none.

    :raises HTTPException: 404.
    """
    if asked.run and asked.run.partition("/")[0] not in dags:
        raise HTTPException(HTTPStatus.NOT_FOUND)


@router.get("/")
def overview(request: Request, user: GetUserDep, *, before: str = "", notice: str = "") -> Response:
    """List the newest deliveries of DAGs that the user may read, narrowed as the address says."""
    asked = Filter.of(request.query_params)
    people = may_see_people(user)
    if asked.about_people and not people:
        raise HTTPException(HTTPStatus.FORBIDDEN)
    with open_ledger() as ledger:
        lanes = ledger.records.lanes()
        named = {(lane[0].removesuffix(HISTORY), *lane[1:4]) for lane in lanes}
        mine = {dag for dag in {stream[0] for stream in named} if may_read_dag(user, dag)}
        known_run(asked, mine)
        found = ledger.records.page(asked.narrowing(mine), after=key_of(before), limit=PER_PAGE, with_content=people)
    if people and found.rows:
        audit(user, "people.list", records=len(found.rows))
    streams = sorted(stream for stream in named if stream[0] in mine)
    return page(
        request,
        "records.html",
        rows=[
            {"row": row, "person": _named(row.payload) if people else MASKED, "run": run_of(row.run_id, mine)}
            for row in found.rows
        ],
        asked=asked,
        states=STATES,
        streams=[("|".join(map(str, stream)), stream) for stream in streams],
        people=people,
        may_act=any(may_run_dag(user, dag) for dag in mine),
        older=asked.query(before=key_text(found.older)) if found.older else "",
        looked_at=found.looked_at,
        token=form_token(user),
        told=told_in(notice, "records", user),
        known=bool(mine),
        first=not before,
    )


@router.post("/search")
def search(
    request: Request, user: GetUserDep, token: Annotated[str, Form()], text: Annotated[str, Form()] = ""
) -> Response:
    """Lead to what a text finds; the address that follows holds ids or keyed hashes, never a name or an address."""
    own_form(token, user)
    text = text.strip()[:400]
    asked = Filter.of({"id": text})
    if not text:
        return RedirectResponse(f"{root(request)}/records/", 303)
    with open_ledger() as ledger:
        if asked.id and any(letter.isdigit() for letter in text):
            # Only what is an id here goes into the address: a telephone number looks like one.
            there = ledger.records.sources(asked.narrowing(readable(ledger, user)), most=1)
            return _found(request, asked if there else Filter(id=NO_ID))
        if not may_see_people(user):
            raise HTTPException(HTTPStatus.FORBIDDEN)
        # What was searched for is personal; that somebody searched is not.
        if "@" in text:
            audit(user, "people.search", by="address")
            return _found(request, Filter(email=ledger.records.email_digest(text)))
        digests = ledger.records.name_digests(text)
    audit(user, "people.search", by="name")
    if not digests:
        return RedirectResponse(f"{root(request)}/records/", 303)
    return _found(request, Filter(names=".".join(digests)))


def _found(request: Request, asked: Filter) -> Response:
    return RedirectResponse(f"{root(request)}/records/?{asked.query()}", 303)


@router.get("/{division}/{entity}/{source_id}")
def one(request: Request, user: GetUserDep, division: int, entity: str, source_id: str) -> Response:
    """Show the whole story of one record; whoever reads of a person is on record."""
    if not 0 <= division < DIVISIONS or "\0" in entity + source_id:
        # No database would take it.
        raise HTTPException(HTTPStatus.NOT_FOUND)
    people, record = may_see_people(user), (division, entity, source_id)
    with open_ledger() as ledger:
        mine = readable(ledger, user)
        whole = ledger.records.whole(record, dags=mine, with_content=people)
    if not whole.deliveries and not whole.rows:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    dags = whole.dags()
    if people:
        audit(user, "record.read", dag_id=dags[0], division=division, entity=entity, record=source_id)
    runnable = any(may_run_dag(user, dag) for dag in dags)
    return page(
        request,
        "record.html",
        record=record,
        whole=whole,
        person=_person(whole) if people else MASKED,
        people=people,
        parts=[_part(whole, made) for made in whole.deliveries],
        story=_story(whole, mine),
        at_exact=exact_page(division, entity, source_id),
        acts=_acts(whole, runnable=runnable, people=people),
        filter=Filter().of_record(division, entity, source_id).query(),
    )


def _named(payload: dict[str, Any] | None) -> str:
    return " ".join(str(payload[name]) for name in FIELDS if payload and payload.get(name))


def _person(whole: WholeRecord) -> str:
    return next((name for made in whole.deliveries if (name := _named(made.payload))), "")


def _story(whole: WholeRecord, dags: set[str]) -> list[dict[str, Any]]:
    """Return what happened to a record, oldest first, and when its rows were read that are held now."""
    of = {made.id: made for made in whole.deliveries}
    told: list[tuple[Any, dict[str, Any]]] = [
        (row.staged_at, {"row": row, "run": run_of(f"{row.dag_id}/{row.run_id}", dags)}) for row in whole.rows
    ]
    told += [
        (line.at, {"row": None, "line": line, "of": of[line.delivery_id], "run": run_of(line.run_id, dags)})
        for line in whole.story
    ]
    return [entry for _, entry in sorted(told, key=itemgetter(0))]


def _part(whole: WholeRecord, made: WholeDelivery) -> dict[str, Any]:
    """Return one delivery with what was sent beside what Exact has."""
    own = [row for row in whole.rows if row.dag_id == made.dag_id]
    newest = max(own, key=lambda row: row.row_version, default=None)
    sent = compared(made.payload, made.trace, newest.row if newest else None) if made.payload else []
    result = made.result or {}
    return {
        "made": made,
        "sent": sent,
        "newer": bool(newest and made.decided_version >= 0 and newest.row_version > made.decided_version),
        "marked": made.decided_version == -1,
        "gone": newest is None or (newest.row is None),
        "row": sorted(newest.row.items()) if newest and newest.row and not made.payload else [],
        "warnings": [str(text) for text in result.get("warnings", [])],
        "matches": [
            ", ".join(f"{name} {value}" for name, value in match.items()) for match in result.get("matches", [])
        ],
        "at_personio": personio_page(made),
    }


def _acts(whole: WholeRecord, *, runnable: bool, people: bool) -> list[dict[str, str]]:
    """Return what can be done with a record, and why not what cannot."""
    states = {made.state for made in whole.deliveries}
    fits = {
        "replay": bool(states & {"rejected", "skipped_by_rule"}),
        "remap": bool(states & {"rejected", "skipped_by_rule", "ready", "retry"}),
        "skip": bool(states & {"rejected", "ready", "retry"}),
        "erase": True,
    }
    found = []
    for act, fit in fits.items():
        why = "" if fit else "state"
        if not runnable:
            why = "run"
        elif act == "erase" and not people:
            why = "people"
        found.append({"act": act, "why": why})
    return found

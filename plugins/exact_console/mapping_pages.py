"""The page of the mapping: the rules in force, and a trial of them, or of others, on one record.

The rules name columns and fields, and nothing about people; a trial shows a person's data.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter, Depends, Form
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from exact_console.audit import audit
from exact_console.connections import PERSONIO_DEFAULT
from exact_console.guard import form_token, may_edit, may_read_dag, may_see_people, own_form, sees_people
from exact_console.language import N_
from exact_console.pages import page
from exact_console.trial_subjects import job_position
from exact_console.trials import Tried, tried
from include.mapping_story import DAGS, STAND_IN, in_force, own_file, sections, starting_text
from include.mapping_trial import MOST_TEXT, Rules
from include.preview_story import of_record
from include.privacy.person import GUID
from include.settings import load_settings

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from include.mapping_story import OwnFile
    from include.records import Destination, Entity

router = APIRouter(prefix="/mapping")

TITLES: Final = {
    "contacts_to_application": N_("Contacts to applicants"),
    "accounts_to_application": N_("Accounts to applicants"),
    "contacts_to_employee": N_("Contacts to employees"),
    "accounts_to_employee": N_("Accounts to employees"),
    "contacts_to_employee_match": N_("Contacts and which employees they are"),
    "accounts_to_employee_match": N_("Accounts and which employees they are"),
}
ORIGINS: Final = {"built-in": N_("built in"), "file": N_("own file"), "connection": N_("connection")}
OUTCOMES: Final = {
    "ready": N_("would be sent"),
    "rejected": N_("would be rejected"),
    "skipped_by_rule": N_("would be left alone"),
}

NO_ID: Final = N_("This is no whole ID of Exact. Copy it as Exact shows it, or leave the field empty.")


class Wanted(BaseModel):
    """The form of a trial.

    :param record: an ID of Exact; empty: the newest record.
    :param rules: a whole mapping file; empty: the one in force.
    :param ask: ``exact`` asks Exact for the record.
    """

    token: str
    section: Annotated[str, Field(max_length=60)]
    record: Annotated[str, Field(max_length=60)] = ""
    # Browsers end lines with two characters.
    rules: Annotated[str, Field(max_length=2 * MOST_TEXT)] = ""
    ask: Literal["", "ledger", "exact"] = ""


@router.get("/")
def overview(request: Request, user: GetUserDep, *, section: str = "") -> Response:
    """Show the rules in force of one section, of those whose DAGs the user may read."""
    return _shown(request, user, section)


@router.post("/try", dependencies=[Depends(sees_people)])
def attempt(request: Request, user: GetUserDep, form: Annotated[Wanted, Form()]) -> Response:
    """Try rules on one record; nothing is written but the audit's rows."""
    own_form(form.token, user)
    name, entity, destination = _one_of(user, form.section)
    file, text = own_file(load_settings().mapping_path), form.rules.replace("\r\n", "\n")
    edited = bool(text.strip()) and text.strip() != starting_text(name, file).strip()
    rules = Rules(
        entity, destination, text if edited else file.text, file.name or "mapping.yaml", _defaults(destination)
    )
    record = _whole_id(form.record)
    about: dict[str, Any] = {"section": name, "record": record, "edited": edited, "asked": form.ask or "ledger"}
    audit(user, "mapping.try", **about)
    sent = Tried(edited, text if edited else "", record)
    found = tried(user, sent, rules, _dags(user, name), fresh=form.ask == "exact")
    audit(user, "mapping.try.done", **about, outcome=found.outcome)
    return _shown(request, user, name, found)


def _whole_id(text: str) -> str:
    """Return an ID of Exact, empty if none is given; what is kept in the audit's log is nothing else.

    :raises HTTPException: 422, without the text: it may be a name.
    """
    record = of_record(text)
    if record and not GUID.fullmatch(record):
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, NO_ID)
    return record


def _defaults(destination: Destination) -> dict[str, int]:
    return {"job_position_id": job_position() or STAND_IN} if destination == "application" else {}


def _dags(user: BaseUser, section: str) -> list[str]:
    return [dag_id for dag_id in DAGS[section] if may_read_dag(user, dag_id)]


def _readable(user: BaseUser) -> list[tuple[str, Entity, Destination]]:
    return [one for one in sections() if _dags(user, one[0])]


def _one_of(user: BaseUser, section: str) -> tuple[str, Entity, Destination]:
    """Return the section that is meant, the first one if none is named.

    :raises HTTPException: 403 if the user may read none of the DAGs, 404 if there is no such section for them.
    """
    mine = _readable(user)
    if not mine:
        raise HTTPException(HTTPStatus.FORBIDDEN)
    found = next((one for one in mine if section in {"", one[0]}), None)
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return found


def _shown(request: Request, user: BaseUser, section: str, found: Tried | None = None) -> Response:
    name, entity, destination = _one_of(user, section)
    file, position = own_file(load_settings().mapping_path), job_position()
    sees, readable = may_see_people(user), _readable(user)
    shown = {one: in_force(of, to, file.name, file.text, position) for one, of, to in readable}
    return page(
        request,
        "mapping.html",
        section=name,
        entity=entity,
        destination=destination,
        sections=[one for one, _, _ in readable],
        broken=[one for one, told in shown.items() if told.problem],
        told=shown[name],
        dags=_dags(user, name),
        file=file,
        # A value of a connection is for those who may edit it.
        position=position if may_edit(user, PERSONIO_DEFAULT) else None,
        position_known=position is not None,
        titles=TITLES,
        origins=ORIGINS,
        outcomes=OUTCOMES,
        sees=sees,
        token=form_token(user) if sees else "",
        rules=_text(name, file, found) if sees else "",
        tried=found,
    )


def _text(section: str, file: OwnFile, found: Tried | None) -> str:
    return found.text if found and found.text else starting_text(section, file)

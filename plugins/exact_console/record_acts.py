"""What can be done with records, one or all that fit a filter: replay, remap, put aside, erase.

A page first says how many of which streams it would be; the form carries that number and when it was, signed. Where
it would be others by then, the page is shown again and nothing is done.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from exact_console.audit import audit
from exact_console.guard import form_token, may_run_dag, may_see_people, own_form
from exact_console.notices import notice
from exact_console.pages import back_to, page
from exact_console.record_filter import Filter
from exact_console.record_promises import Bounds, bounds_of, promise, promised
from exact_console.records import known_run, readable
from include.ledger import open_ledger
from include.ledger.replays import Selection
from include.ledger.states import REMAPPABLE, WAITING
from include.records import HISTORY
from include.replay import REPLAY_ONLY, Replay

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from include.ledger import Ledger
    from include.ledger.narrowing import Narrowing

router = APIRouter(prefix="/records")

ACTS: Final = ("replay", "remap", "skip")
MOST: Final = 20_000
"""So many records at once: a request must not take minutes."""
MOST_RUNS: Final = 20


@dataclass(frozen=True, slots=True)
class Planned:
    """What an act would do.

    :param streams: DAG, division, entity, destination and position in words, with how many records.
    :param runs: for a replay: which runs decide them afterwards.
    :param barred: DAGs whose records fit and that the user may not trigger.
    """

    streams: list[tuple[str, int]]
    runs: Replay | None
    barred: list[str]

    @property
    def count(self) -> int:
        """How many records."""
        return sum(count for _, count in self.streams)


@router.get("/act")
def ask(request: Request, user: GetUserDep, *, act: str = "") -> Response:
    """Show what an act would do with all that the address means."""
    if act not in ACTS:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return _shown(request, user, act, Filter.of(request.query_params, strict=True))


@router.post("/act")
def do(  # noqa: PLR0917 - the fields of a form
    request: Request,
    user: GetUserDep,
    token: Annotated[str, Form()],
    act: Annotated[str, Form()] = "",
    meant: Annotated[str, Form()] = "",
    count: Annotated[int, Form()] = -1,
    shown: Annotated[str, Form()] = "",
) -> Response:
    """Do it, if it is still about the same records that the user was shown."""
    own_form(token, user)
    if act not in ACTS:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    asked = Filter.read(meant)
    with open_ledger() as ledger:
        _, planned = _plan(ledger, user, act, asked)
        # Neither more nor others: all that fits now stood when it was shown, and none of it was touched since.
        told = promised(shown, user, act, asked)
        narrowing, stood = _plan(ledger, user, act, asked, bounds_of(told))
        if not told or not told["count"] == count == planned.count == stood.count or not 0 < count <= MOST:
            return _shown(request, user, act, asked, changed=True)
        about = _about(asked)
        audit(user, act, dag_id=_only_dag(planned), count=planned.count, **about)
        done = _carry_out(ledger, act, narrowing)
    audit(user, f"{act}.done", dag_id=_only_dag(planned), count=done, **about)
    runs = [] if planned.runs is None else _runs(planned.runs)
    line = notice("records", user, {"act": act, "count": done, "runs": runs})
    # To the same list: the records have other states now, so without the state they had.
    after = replace(asked, state="", reason="")
    return back_to(request, "/records/", frame=False, **dict(_pairs(after)), notice=line)


def _shown(request: Request, user: BaseUser, act: str, asked: Filter, *, changed: bool = False) -> Response:
    if asked.about_people and not may_see_people(user):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    with open_ledger() as ledger:
        # Before it is counted: what comes meanwhile is not shown then, and asked for again.
        bounds = Bounds.now(ledger)
        _, planned = _plan(ledger, user, act, asked)
    if not planned.count and planned.barred:
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return page(
        request,
        "record_act.html",
        status=HTTPStatus.CONFLICT if changed else HTTPStatus.OK if planned.count else HTTPStatus.NOT_FOUND,
        act=act,
        planned=planned,
        asked=asked,
        most=MOST,
        changed=changed,
        shown=promise(user, act, asked, count=planned.count, **bounds.as_json()),
        token=form_token(user),
    )


def _plan(
    ledger: Ledger, user: BaseUser, act: str, asked: Filter, bounds: Bounds | None = None
) -> tuple[Narrowing, Planned]:
    if asked.about_people and not may_see_people(user):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    mine = readable(ledger, user)
    known_run(asked, mine)
    allowed = {dag for dag in mine if may_run_dag(user, dag)}
    narrowing = asked.narrowing(allowed)
    if bounds is not None:
        narrowing = bounds.within(narrowing)
    barred = sorted({lane[0].removesuffix(HISTORY) for lane in ledger.records.lanes()} & (mine - allowed))
    if act == "skip":
        found = ledger.deliveries.skippable(narrowing, most=MOST)
        streams = [(_words(*lane), count) for lane, count in found.items()]
        return narrowing, Planned(streams, None, barred)
    selected = ledger.deliveries.replayable(_selection(act, narrowing), most=MOST)
    streams = [
        (_words(one.dag_id, one.division, one.entity, one.destination, one.job), one.count + one.marked)
        for one in selected
    ]
    return narrowing, Planned(streams, Replay(selected), barred)


def _selection(act: str, narrowing: Narrowing) -> Selection:
    return Selection(narrowing=narrowing, states=REMAPPABLE if act == "remap" else WAITING)


def _carry_out(ledger: Ledger, act: str, narrowing: Narrowing) -> int:
    # Who it was stands in Airflow's audit log; the story of a record names nobody.
    run_id = f"console/{act}"
    if act == "skip":
        return ledger.deliveries.set_aside(narrowing, run_id=run_id)
    return ledger.deliveries.replay_all(_selection(act, narrowing), run_id=run_id)


def _words(dag_id: str, division: int, entity: str, destination: str, job: int = 0) -> str:
    lane = dag_id.removesuffix(HISTORY)
    return " · ".join([lane, str(division), entity, f"{destination} {job}" if job else destination])


def _runs(planned: Replay) -> list[dict[str, str]]:
    found = zip(planned.runs(), planned.commands(), strict=True)
    return [
        {"dag": dag_id, "conf": json.dumps({**REPLAY_ONLY, **conf}), "command": command}
        for (dag_id, conf), command in list(found)[:MOST_RUNS]
    ]


def _about(asked: Filter) -> dict[str, Any]:
    """Return a filter for the audit log; that it asks for a person, but not for whom."""
    told = dict(_pairs(asked))
    if not asked.about_people:
        return told
    return {"by": "person", **{name: value for name, value in told.items() if name not in {"email", "names"}}}


def _pairs(asked: Filter) -> list[tuple[str, str]]:
    return [(name, value) for name in Filter.__slots__ if (value := getattr(asked, name))]


def _only_dag(planned: Planned) -> str | None:
    dags = {words.partition(" · ")[0] for words, _ in planned.streams}
    return dags.pop() if len(dags) == 1 else None

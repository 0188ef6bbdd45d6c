"""The page of reconciliations: whether Exact, the ledger and Personio agree, and what does not.

It shows ids, counts and codes, and nothing about people; so it is for everybody who may read the DAGs behind it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI reads the annotations
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI reads the annotations
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from exact_console.guard import may_read_dag
from exact_console.language import N_
from exact_console.pages import page
from exact_console.reconciled import DAG, may_read_part
from include.ledger import open_ledger
from include.reconcile.showing import counted

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from include.ledger.reconciliations import Kept

FEW: Final = 20
"""So many ids of a finding are on the page; the JSON has more."""

WORDS: Final = {"ok": N_("agrees"), "difference": N_("DIFFERENCE"), "unproven": N_("not proven")}
"""Verdicts in words."""
UNKNOWN: Final = N_("No report of this run is kept.")

router = APIRouter(prefix="/reconciliation")


@router.get("/")
def report(request: Request, user: GetUserDep, *, run: str = "") -> Response:
    """Show one report, the newest by default, without the parts whose DAGs the user may not read."""
    if not may_read_dag(user, DAG):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    with open_ledger() as ledger:
        kept, runs = ledger.reconciliations.latest(run or None), ledger.reconciliations.runs(FEW)
    mine = [] if kept is None else _readable(user, kept)
    if mine is None:
        kept, runs, mine = None, [], []
    if kept is None and run:
        return page(request, "message.html", status=404, sentence=UNKNOWN, ended=False)
    parts = [_part(part) for part in mine]
    return page(request, "reconciliation.html", kept=kept, runs=runs, parts=parts, words=WORDS)


@router.get("/report.json")
def as_json(user: GetUserDep, *, run: str = "") -> dict[str, Any]:
    """Return one report, the newest by default, as `exact-personio reconcile --json` prints it."""
    if not may_read_dag(user, DAG):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    with open_ledger() as ledger:
        kept = ledger.reconciliations.latest(run or None)
    parts = None if kept is None else _readable(user, kept)
    if kept is None or parts is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return {**kept.report, "parts": parts}


def _readable(user: BaseUser, kept: Kept) -> list[dict[str, Any]] | None:
    """Return the parts that a user may see; None if there are some and none is: its figures are of nothing else."""
    parts = [part for part in kept.report["parts"] if may_read_part(user, part)]
    return parts if parts or not kept.report["parts"] else None


def _part(part: dict[str, Any]) -> dict[str, Any]:
    findings = [{**finding, "named": _named(finding)} for finding in part["findings"]]
    return {**part, "lines": counted(part), "findings": findings}


def _named(finding: dict[str, Any]) -> list[tuple[str, str]]:
    details = finding["details"] or [""] * len(finding["subjects"])
    return list(zip(finding["subjects"], details, strict=False))[:FEW]

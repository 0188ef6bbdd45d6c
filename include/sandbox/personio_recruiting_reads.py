"""Personio's v2 recruiting API, which only reads: applications, candidates, jobs, categories."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from include.sandbox.personio_errors import Refused, bad_request, not_found, unknown_route
from include.sandbox.personio_paging import Asked, Listing, asked, in_range, iso, moment, page
from include.sandbox.personio_state import CATEGORY, CHANNELS, SETUP_AT

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.responses import Response

    from include.sandbox.personio_access import Call
    from include.sandbox.personio_state import Application, Candidate, Job

UPDATED = ("updated_at.gt", "updated_at.lt")


def list_applications(call: Call) -> Response:
    """Answer ``GET /v2/recruiting/applications``, newest update first."""
    listing = _listing(call, (*UPDATED, "candidate.email"))
    wanted = _asked(call, listing)
    email = wanted.filters.get("candidate.email")
    rows = [
        item
        for item in call.state.applications.values()
        if _visible(call, item.created_at)
        and in_range(call, wanted, "updated_at", item.updated_at)
        and (email is None or call.state.candidates[item.candidate_id].email.casefold() == email.casefold())
    ]
    rows.sort(key=_newest_first)
    return page(call, listing, wanted, rows, key=_newest_first, show=lambda item: _application(call, item))


def get_application(call: Call) -> Response:
    """Answer ``GET /v2/recruiting/applications/{id}``."""
    _require_beta(call)
    return _single(call, _application(call, _found_application(call)))


def list_transitions(call: Call) -> Response:
    """Answer ``GET /v2/recruiting/applications/{id}/stage-transitions``, latest first."""
    item = _found_application(call)
    listing = _listing(call, ())
    wanted = _asked(call, listing)
    row = {"entered_at": _stamp(item.created_at), "stage": item.stage}
    return page(call, listing, wanted, [row], key=lambda _: [0], show=lambda shown: shown)


def list_candidates(call: Call) -> Response:
    """Answer ``GET /v2/recruiting/candidates``, newest update first."""
    listing = _listing(call, (*UPDATED, "email"))
    wanted = _asked(call, listing)
    email = wanted.filters.get("email")
    rows = [
        item
        for item in call.state.candidates.values()
        if _visible(call, item.created_at)
        and in_range(call, wanted, "updated_at", item.updated_at)
        and (email is None or item.email.casefold() == email.casefold())
    ]
    rows.sort(key=_newest_first)
    return page(call, listing, wanted, rows, key=_newest_first, show=lambda item: _candidate(call, item))


def get_candidate(call: Call) -> Response:
    """Answer ``GET /v2/recruiting/candidates/{id}``."""
    _require_beta(call)
    item = call.state.candidates.get(call.path_int("id") or 0)
    if item is None or not _visible(call, item.created_at):
        raise Refused(not_found(call.now))
    return _single(call, _candidate(call, item))


def list_jobs(call: Call) -> Response:
    """Answer ``GET /v2/recruiting/jobs``."""
    listing = _listing(call, ())
    rows = list(call.state.jobs.values())
    wanted = _asked(call, listing)
    return page(call, listing, wanted, rows, key=lambda job: [job.id], show=lambda job: _job(call, job))


def get_job(call: Call) -> Response:
    """Answer ``GET /v2/recruiting/jobs/{id}``."""
    _require_beta(call)
    job = call.state.jobs.get(call.path_int("id") or 0)
    if job is None:
        raise Refused(not_found(call.now))
    return _single(call, _job(call, job))


def list_categories(call: Call) -> Response:
    """Answer ``GET /v2/recruiting/categories``."""
    listing = _listing(call, ())
    wanted = _asked(call, listing)
    return page(call, listing, wanted, [_category(call)], key=lambda row: [row["id"]], show=lambda row: row)


def get_category(call: Call) -> Response:
    """Answer ``GET /v2/recruiting/categories/{id}``."""
    _require_beta(call)
    if call.path_int("id") != CATEGORY["id"]:
        raise Refused(not_found(call.now))
    return _single(call, _category(call))


def _listing(call: Call, filters: tuple[str, ...]) -> Listing:
    return Listing(100, 200, filters, always_next=call.settings.recruiting_next_on_last_page)


def _asked(call: Call, listing: Listing) -> Asked:
    _require_beta(call)
    wanted = asked(call, listing)
    times = [wanted.filters[name] for name in UPDATED if name in wanted.filters]
    # The two are mutually exclusive.
    if len(times) > 1 or (times and call.settings.recruiting_updated_filter_fails):
        raise Refused(bad_request(call.now))
    for text in times:
        moment(call, text)
    return wanted


def _require_beta(call: Call) -> None:
    if call.settings.beta_header_required and call.request.headers.get("beta", "").lower() != "true":
        raise Refused(unknown_route(call.now, call.request.url.path))


def _visible(call: Call, created_at: datetime) -> bool:
    return created_at + timedelta(seconds=call.settings.recruiting_lag_seconds) <= call.now


def _newest_first(item: Application | Candidate) -> list[Any]:
    return [-item.updated_at.timestamp(), -item.id]


def _found_application(call: Call) -> Application:
    item = call.state.applications.get(call.path_int("id") or 0)
    if item is None or not _visible(call, item.created_at):
        raise Refused(not_found(call.now))
    return item


def _single(call: Call, body: dict[str, Any]) -> Response:
    wrapper = call.settings.single_object_wrapper
    return JSONResponse({wrapper: body} if wrapper else body)


def _stamp(at: datetime) -> dict[str, str]:
    return {"date-time": iso(at), "timezone": "UTC"}


def _application(call: Call, item: Application) -> dict[str, Any]:
    candidate, job = call.state.candidates[item.candidate_id], call.state.jobs[item.job_id]
    channel = item.body.get("recruiting_channel_id")
    return {
        "id": str(item.id),
        "application_date": item.application_date,
        "candidate": {
            "id": str(candidate.id),
            "email": candidate.email,
            "first_name": candidate.first_name,
            "last_name": candidate.last_name,
            "gender": candidate.attributes.get("gender"),
        },
        "job": {
            "id": str(job.id),
            "name": job.name,
            "department": _department(call, job),
            "category": {"id": str(CATEGORY["id"])},
        },
        "current_stage": item.stage,
        "channel": None if channel is None else {"id": str(channel), "name": CHANNELS.get(channel)},
        "hiring_team": [],
        "is_anonymized": item.anonymised,
        "created_at": _stamp(item.created_at),
        "updated_at": _stamp(item.updated_at),
    }


def _candidate(call: Call, item: Candidate) -> dict[str, Any]:
    own = [row for row in call.state.applications.values() if row.candidate_id == item.id]
    attributes = ("gender", "phone", "location", "birthday", "linkedin_profile", "available_from")
    return {
        "id": str(item.id),
        "first_name": item.first_name,
        "last_name": item.last_name,
        "email": item.email,
        **{name: item.attributes.get(name) for name in attributes},
        "applications": [{"id": str(row.id), "application_date": row.application_date} for row in own],
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
    }


def _job(call: Call, job: Job) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "name": job.name,
        "department": _department(call, job),
        "category": {"id": str(CATEGORY["id"])},
        "hiring_team": [],
        "company": {"id": str(call.settings.company_id)},
        "created_at": _stamp(SETUP_AT),
        "updated_at": _stamp(SETUP_AT),
    }


def _department(call: Call, job: Job) -> dict[str, str]:
    names = call.settings.departments
    number = names.index(job.department) if job.department in names else 0
    return {"id": str(281_521 + number), "name": job.department}


def _category(call: Call) -> dict[str, Any]:
    stages = [{**stage, "id": str(stage["id"])} for stage in CATEGORY["stages"]]  # type: ignore[attr-defined]
    return {
        "id": str(CATEGORY["id"]),
        "name": CATEGORY["name"],
        "stages": stages,
        "company": {"id": str(call.settings.company_id)},
    }

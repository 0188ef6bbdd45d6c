"""Personio's career feed: the published jobs as XML, for everybody.

Its form is public knowledge (every company's career page has one); the interface description only names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from starlette.responses import Response

from include.sandbox.personio_state import CATEGORY, SETUP_AT

if TYPE_CHECKING:
    from include.sandbox.personio_access import Call
    from include.sandbox.personio_state import Job


def career_feed(call: Call) -> Response:
    """Answer ``GET /xml``; the texts of the sandbox's jobs are the same in every language."""
    jobs = sorted(call.state.jobs.values(), key=lambda job: job.id)
    positions = "".join(_position(call, job) for job in jobs if job.published)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<workzag-jobs>{positions}</workzag-jobs>\n'
    return Response(text, media_type="text/xml")


def _position(call: Call, job: Job) -> str:
    settings = call.settings
    fields = {
        "id": str(job.id),
        "subcompany": settings.subcompanies[0] if settings.subcompanies else "",
        "office": settings.offices[0] if settings.offices else "",
        "department": job.department,
        "recruitingCategory": str(CATEGORY["name"]),
        "name": job.name,
        "jobDescriptions": "",
        "employmentType": "permanent",
        "seniority": "experienced",
        "schedule": "full-time",
        "createdAt": SETUP_AT.isoformat(),
    }
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return f"<position>{inner}</position>"

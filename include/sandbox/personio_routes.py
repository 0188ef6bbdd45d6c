"""The paths of the Personio half."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from include.sandbox import personio_employees as employees
from include.sandbox import personio_persons as persons
from include.sandbox import personio_recruiting_reads as reads
from include.sandbox.personio_access import Call, endpoint, v2
from include.sandbox.personio_auth import v1_auth, v2_revoke, v2_token
from include.sandbox.personio_errors import unknown_route
from include.sandbox.personio_feed import career_feed
from include.sandbox.personio_recruiting import create_application, document_endpoint, refuse_recruiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from include.sandbox.state import Sandbox

READ, WRITE, RECRUITING = "personio:persons:read", "personio:persons:write", "personio:recruiting:read"
ANY = ["GET", "POST", "PUT", "PATCH", "DELETE"]

V1: list[tuple[str, str, Callable[[Call], Response]]] = [
    ("POST", "/v1/auth", v1_auth),
    ("POST", "/v1/recruiting/applications", create_application),
    ("GET", "/v1/company/employees", employees.list_employees),
    ("POST", "/v1/company/employees", employees.create_employee),
    ("GET", "/v1/company/employees/attributes", employees.list_attributes),
    ("GET", "/v1/company/employees/custom-attributes", employees.list_attributes),
    ("GET", "/v1/company/employees/{id:int}", employees.get_employee),
    ("PATCH", "/v1/company/employees/{id:int}", employees.update_employee),
    ("GET", "/v1/company/employees/{id:int}/profile-picture", employees.profile_picture),
    ("GET", "/v1/company/employees/{id:int}/profile-picture/{width:int}", employees.profile_picture),
    ("POST", "/v2/auth/token", v2_token),
    ("POST", "/v2/auth/revoke", v2_revoke),
]
V2: list[tuple[str, str, str, Callable[[Call], Response]]] = [
    ("GET", "persons", READ, persons.list_persons),
    ("POST", "persons", WRITE, persons.create_person),
    ("GET", "persons/{id}", READ, persons.get_person),
    ("PATCH", "persons/{id}", WRITE, persons.update_person),
    ("DELETE", "persons/{id}", WRITE, persons.delete_person),
    ("GET", "persons/{id}/employments", READ, persons.list_employments),
    ("GET", "persons/{id}/employments/{employment_id}", READ, persons.get_employment),
    ("GET", "recruiting/applications", RECRUITING, reads.list_applications),
    ("GET", "recruiting/applications/{id}", RECRUITING, reads.get_application),
    ("GET", "recruiting/applications/{id}/stage-transitions", RECRUITING, reads.list_transitions),
    ("GET", "recruiting/candidates", RECRUITING, reads.list_candidates),
    ("GET", "recruiting/candidates/{id}", RECRUITING, reads.get_candidate),
    ("GET", "recruiting/jobs", RECRUITING, reads.list_jobs),
    ("GET", "recruiting/jobs/{id}", RECRUITING, reads.get_job),
    ("GET", "recruiting/categories", RECRUITING, reads.list_categories),
    ("GET", "recruiting/categories/{id}", RECRUITING, reads.get_category),
]


def personio_routes(sandbox: Sandbox) -> list[Route]:
    """Return Personio's routes, unknown paths included: those have answers of their own.

    :param sandbox: what they work on.
    """
    found = [Route(path, endpoint(sandbox, handle), methods=[method]) for method, path, handle in V1]
    found += [
        Route(f"/v2/{path}", endpoint(sandbox, v2(f"{method} {path}", scope, handle)), methods=[method])
        for method, path, scope, handle in V2
    ]
    found.append(Route("/v1/recruiting/applications/documents", document_endpoint(sandbox), methods=["POST"]))
    found.append(Route("/xml", endpoint(sandbox, career_feed), methods=["GET"]))
    found += [
        Route("/v1/recruiting/{rest:path}", endpoint(sandbox, refuse_recruiting), methods=ANY),
        Route("/v1/{rest:path}", endpoint(sandbox, employees.unknown_path), methods=ANY),
        Route("/v2/{rest:path}", endpoint(sandbox, _unknown_v2), methods=ANY),
    ]
    return found


def _unknown_v2(call: Call) -> Response:
    return unknown_route(call.now, call.request.url.path)

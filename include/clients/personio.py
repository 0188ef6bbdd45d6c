"""Personio: applications, documents and employees as Python.

Applications are written through the recruiting API v1, the only one that can, and looked up through v2. The two
need different credentials.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import parse_qs, urlencode, urlsplit

from include.clients.personio_answers import (
    email_of_candidate,
    flat_employees,
    refused_read,
    same,
    total,
    unreadable,
)
from include.clients.personio_calls import UNAUTHORIZED, PersonioCalls, PersonioConfig
from include.clients.personio_errors import application_refusal, login_refusal
from include.errors import (
    AlreadyExistsError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    RecordRejectedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import httpx

    from include.clients.ports import CallMeter, Pacer
    from include.records import Row
    from include.transport import Reply

__all__ = ["PersonioClient", "PersonioConfig"]

log = logging.getLogger(__name__)

APPLICATIONS: Final = "/v1/recruiting/applications"
DOCUMENTS: Final = "/v1/recruiting/applications/documents"
EMPLOYEES: Final = "/v1/company/employees"
V2_APPLICATIONS: Final = "/v2/recruiting/applications"

_MAX_FILE: Final = 20 * 1024 * 1024
_EMPLOYEES_PER_PAGE: Final = 100  # the most since January 2025; more is an error, not a shorter page
_APPLICATIONS_PER_PAGE: Final = 200
_MAX_PAGES: Final = 50
_MAYBE_DUPLICATE: Final = frozenset({400, 409, 422})


class PersonioClient:
    """Writes and looks up applications and employees of one company.

    :param http: from :func:`include.transport.build_http`, with Personio's base URL.
    :param pacer: shares the limits between all workers.
    :param meter: counts the calls.
    :param sleep: how to wait.
    """

    def __init__(
        self,
        config: PersonioConfig,
        http: httpx.Client,
        *,
        pacer: Pacer,
        meter: CallMeter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self._calls = PersonioCalls(config, http, pacer=pacer, meter=meter, sleep=sleep)

    def reserve_recruiting(self) -> None:
        """Wait for a slot of the recruiting API; the next application or document is sent without waiting.

        :raises RateLimitedError: if that would take longer than the connection allows.
        """
        self._calls.reserve()

    def create_application(self, payload: Mapping[str, Any]) -> None:
        """Create an application. Personio returns no id: its 201 has no documented body, and none is read.

        :param payload: fields of *Create Application*.
        :raises AlreadyExistsError: if the address has applied to this position.
        :raises RecordRejectedError: if this record is refused for good.
        :raises AbortError: if every record would be refused.
        :raises RateLimitedError: if it was not processed.
        :raises OutcomeUnknownError: if it may have been created.
        """
        reply = self._calls.recruiting(APPLICATIONS, write=True, json=dict(payload))
        if reply.action != "done":
            raise application_refusal(reply, "v1/recruiting/applications")

    def upload_document(self, filename: str, content: bytes) -> str:
        """Upload a file and return its uuid, for ``files`` of an application.

        :param filename: with an extension that Personio allows.
        :param content: at most 20 MB.
        :raises RecordRejectedError: if size or type are refused.
        """
        if len(content) > _MAX_FILE:
            raise RecordRejectedError(
                "The file is larger than 20 MB.",
                reason_code="personio.file.file-too-big",
                field="file",
                way_out="Send a smaller file.",
            )
        # Not a write in the sense of doubt: a document without an application is nobody's applicant.
        reply = self._calls.recruiting(DOCUMENTS, write=False, files={"file": (filename, content)})
        if reply.action != "done":
            raise application_refusal(reply, "v1/recruiting/applications/documents")
        uuid = reply.json.get("uuid") if isinstance(reply.json, dict) else None
        if not isinstance(uuid, str):
            raise unreadable("v1/recruiting/applications/documents", reply.status)
        return uuid

    def find_applications(self, email: str) -> list[Row]:
        """Return the applications of this address, for all positions.

        :param email: compared again here, because Personio ignores filters that it does not know.
        :raises PermissionDeniedError: if the credential lacks ``personio:recruiting:read``.
        """
        query: Mapping[str, str | int] = {"candidate.email": email, "limit": _APPLICATIONS_PER_PAGE}
        path, found, cursors = f"{V2_APPLICATIONS}?{urlencode(query)}", [], set[str]()
        for _ in range(_MAX_PAGES):
            reply = self._calls.with_token("v2", "v2", "GET", path)
            rows, link = self._v2_page(reply)
            found += [row for row in rows if same(email_of_candidate(row), email)]
            cursor = self._cursor(link)
            # Recruiting lists may link on from the last page; an empty page and a known cursor end them too.
            if not rows or not cursor or cursor in cursors:
                return found
            cursors.add(cursor)
            path = f"{V2_APPLICATIONS}?{urlencode({**query, 'cursor': cursor})}"
        raise ProtocolError(
            "v2/recruiting/applications: one address has more than 50 pages of applications.",
            reason_code="personio.filter.ignored",
            way_out="Personio seems to ignore the filter `candidate.email`; look the applicant up by hand.",
        )

    def list_employees(
        self,
        *,
        email: str | None = None,
        updated_since: str | None = None,
        attributes: Sequence[str] = (),
    ) -> Iterator[Row]:
        """Yield the employees, each once, as attribute key to value.

        :param email: only this one.
        :param updated_since: ISO 8601 without a zone; Personio then ignores ``email``.
        :param attributes: only these keys; the credential must be allowed to read them.
        """
        seen: set[str] = set()
        offset = 0
        while True:
            reply = self._employees(email=email, updated_since=updated_since, attributes=attributes, offset=offset)
            rows = flat_employees(reply)
            fresh = [row for row in rows if str(row.get("id")) not in seen]
            seen.update(str(row.get("id")) for row in fresh)
            yield from fresh
            offset += len(rows)
            # A page of nothing new would otherwise be asked for for ever.
            if not fresh or offset >= total(reply):
                return

    def find_employee(self, email: str) -> Row | None:
        """Return the employee with this address, None if there is none.

        :raises PermissionDeniedError: if the credential may not read ``email``, so that nobody can tell.
        """
        for row in self.list_employees(email=email):
            if "email" not in row:
                raise PermissionDeniedError(
                    "v1/company/employees: the attribute `email` is not readable.",
                    reason_code="personio.email.unreadable",
                    way_out="Allow the attribute `email` on the API credential in Personio.",
                )
            if same(row["email"], email):
                return row
        return None

    def create_employee(self, payload: Mapping[str, Any]) -> str:
        """Create an employee and return the id.

        :param payload: fields of *Create Employee*, without the ``employee`` wrapper.
        :raises AlreadyExistsError: if the address belongs to an employee; looked up, as no code says so.
        :raises RecordRejectedError: if this record is refused for good.
        :raises OutcomeUnknownError: if it may have been created.
        """
        reply = self._calls.with_token("v1", "employees", "POST", EMPLOYEES, json={"employee": dict(payload)})
        body = reply.json if isinstance(reply.json, dict) else {}
        # A 200 may hold a business error.
        if reply.action != "done" or body.get("success") is False:
            self._refuse_employee(reply, payload)
        data = body.get("data")
        if not isinstance(data, dict) or "id" not in data:
            raise OutcomeUnknownError(
                "v1/company/employees: accepted, but the answer holds no id.",
                reason_code="personio.employee.unreadable",
                way_out="It was probably created: the next run looks it up by its e-mail address.",
                status=reply.status,
            )
        if body.get("meta"):
            log.warning("personio: created, but unknown department, office or subcompany was ignored")
        return str(data["id"])

    def check(self) -> str:
        """Log in with what there is and say what works. Makes no change.

        :raises CredentialsError: if client id or secret are wrong.
        """
        if not self.config.client_id:
            return (
                "The recruiting token is set but cannot be tried without creating an application; "
                "without client id and secret nothing can be looked up."
            )
        # The answer may lack every attribute but `id`; that it is a list is enough.
        flat_employees(self._employees(limit=1))
        return "Client id and secret work, employees are readable. The recruiting token is tried on first use."

    def _employees(
        self,
        *,
        email: str | None = None,
        updated_since: str | None = None,
        attributes: Sequence[str] = (),
        offset: int = 0,
        limit: int = _EMPLOYEES_PER_PAGE,
    ) -> Reply:
        options: list[tuple[str, str | int]] = [("limit", limit), ("offset", offset)]
        options += [("email", email)] if email else []
        options += [("updated_since", updated_since)] if updated_since else []
        options += [("attributes[]", name) for name in attributes]
        reply = self._calls.with_token("v1", "employees", "GET", f"{EMPLOYEES}?{urlencode(options)}")
        body = reply.json if isinstance(reply.json, dict) else {}
        if reply.action != "done" or body.get("success") is False:
            if reply.status in {UNAUTHORIZED, 403}:
                raise login_refusal(reply.status, "v1/company/employees")
            raise refused_read("v1/company/employees", reply.status)
        return reply

    def _refuse_employee(self, reply: Reply, payload: Mapping[str, Any]) -> NoReturn:
        if reply.status in {UNAUTHORIZED, 403}:
            raise login_refusal(reply.status, "v1/company/employees")
        email = payload.get("email")
        # No source shows what a duplicate address is answered with, so it is looked up.
        if reply.status in _MAYBE_DUPLICATE and isinstance(email, str) and self.find_employee(email):
            raise AlreadyExistsError(
                "v1/company/employees: an employee with this e-mail address exists.",
                reason_code="personio.email.already-exists",
                field="email",
                way_out="Nothing is to be done.",
                status=reply.status,
            )
        raise RecordRejectedError(
            "v1/company/employees: Personio refuses the record.",
            reason_code="personio.employee.refused",
            way_out="Check supervisor, dates and status of the mapping; it is then tried again.",
            status=reply.status,
        )

    def _v2_page(self, reply: Reply) -> tuple[list[Row], str | None]:
        endpoint = "v2/recruiting/applications"
        if reply.action != "done":
            if reply.status in {UNAUTHORIZED, 403}:
                raise login_refusal(reply.status, endpoint)
            raise refused_read(endpoint, reply.status)
        body = reply.json if isinstance(reply.json, dict) else {}
        rows = body.get("_data")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise unreadable(endpoint, reply.status)
        try:
            link = body["_meta"]["links"]["next"]["href"]
        except (KeyError, TypeError):
            link = None
        return rows, link if isinstance(link, str) else None

    def _cursor(self, link: str | None) -> str | None:
        """Take only the cursor out of a link, so that no request follows it to another host."""
        if not link:
            return None
        parts, own = urlsplit(link), urlsplit(self.config.base_url)
        if parts.netloc and (parts.scheme, parts.netloc.lower()) != (own.scheme, own.netloc.lower()):
            raise ProtocolError(
                "v2/recruiting/applications: the link to the next page leads to another host.",
                reason_code="personio.next.foreign_host",
                way_out="Check the base URL of the connection.",
            )
        return next(iter(parse_qs(parts.query).get("cursor", [])), None)

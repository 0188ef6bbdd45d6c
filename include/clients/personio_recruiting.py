"""Personio's recruiting: applications and documents are written through v1, read through v2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from include.clients.personio_answers import email_of_candidate, same, unreadable
from include.clients.personio_career import position_ids
from include.clients.personio_company import PersonioCompany
from include.clients.personio_errors import application_refusal, reasons_in
from include.clients.personio_lists import V2List
from include.errors import (
    ExactPersonioError,
    OutcomeUnknownError,
    ProtocolError,
    RecordRejectedError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from include.records import Row
    from include.transport import Reply

APPLICATIONS: Final = "/v1/recruiting/applications"
DOCUMENTS: Final = "/v1/recruiting/applications/documents"
V2_APPLICATIONS: Final = "/v2/recruiting/applications"
V2_JOBS: Final = "/v2/recruiting/jobs"
V2_CATEGORIES: Final = "/v2/recruiting/categories"
READ: Final = "personio:recruiting:read"

_MAX_FILE: Final = 20 * 1024 * 1024
PER_PAGE: Final = 200
_MAX_PAGES: Final = 50
_NO_JOB: Final = 2**31 - 1
_NOBODY: Final = "connection-check@example.invalid"


class PersonioRecruiting(PersonioCompany):
    """Applications, documents, jobs and categories."""

    def create_application(self, payload: Mapping[str, Any]) -> None:
        """Create an application. Personio returns no id: its 201 has no documented body, and none is read.

        .. seealso:: https://developer.personio.de/reference/post_v1-recruiting-applications

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
        query: Mapping[str, str | int] = {"candidate.email": email, "limit": PER_PAGE}
        rows = self._list(V2_APPLICATIONS, repeat_query=True).rows(query, most_pages=_MAX_PAGES)
        return [row for row in rows if same(email_of_candidate(row), email)]

    def list_applications(self) -> Iterator[Row]:
        """Yield all applications, those changed last first; a page is asked for when its first row is needed.

        .. seealso:: https://developer.personio.de/reference/get_v2-recruiting-applications

        :raises PermissionDeniedError: if the credential lacks ``personio:recruiting:read``.
        :raises ProtocolError: if a link leads to another host.
        """
        return self._list(V2_APPLICATIONS, repeat_query=True).rows({"limit": PER_PAGE})

    def jobs(self) -> list[Row]:
        """Return id and name of every job; the id is the ``job_position_id`` of an application.

        :raises PermissionDeniedError: if the credential lacks ``personio:recruiting:read``.
        """
        rows = self._list(V2_JOBS, repeat_query=True).rows({"limit": PER_PAGE})
        return [{"id": row["id"], "name": str(row.get("name") or "")} for row in rows]

    def categories(self) -> list[Row]:
        """Return the categories of jobs, with the ``stages`` whose ids an application's ``phase`` may name.

        :raises PermissionDeniedError: if the credential lacks ``personio:recruiting:read``.
        """
        return list(self._list(V2_CATEGORIES, repeat_query=True).rows({"limit": PER_PAGE}))

    def career_positions(self, url: str) -> frozenset[int]:
        """Return the ids of the published jobs, from the company's public feed; no login is sent.

        .. seealso:: https://developer.personio.de/reference/get_xml

        :param url: such as ``https://company.jobs.personio.de/xml?language=en``.
        :raises ConfigurationError: if the URL is none, or leads elsewhere.
        :raises ServiceUnavailableError: if no feed came.
        """
        return position_ids(self._http, url, on_status=lambda status: self._calls.counted("xml", status))

    def probe_recruiting(self) -> None:
        """Make sure that the recruiting token and the company id are accepted, without creating anything.

        There is no call that only reads with this token. So an application is sent that cannot become one: for
        a job that cannot exist, with a file that was never uploaded. Personio looks at the token before it
        looks at either. It takes a slot of the recruiting limit.

        :raises CredentialsError: if token or company id are refused.
        :raises PermissionDeniedError: if recruiting or its API is switched off.
        :raises ServiceUnavailableError: if the answer proves neither.
        :raises ProtocolError: if Personio did create an application.
        """
        payload = {
            "first_name": "Connection",
            "last_name": "Check",
            "email": _NOBODY,
            "job_position_id": _NO_JOB,
            "files": [{"uuid": str(uuid4()), "original_filename": "check.pdf", "category": "other"}],
        }
        try:
            reply = self._calls.recruiting(APPLICATIONS, write=True, json=payload)
        except OutcomeUnknownError as error:
            raise _unproven(error.status) from None
        if reply.action == "done":
            raise ProtocolError(
                f"Personio CREATED an application for the job {_NO_JOB}, which cannot exist.",
                reason_code="personio.probe.created",
                way_out=f"Delete the applicant {_NOBODY} in Personio, and check the base URL of the connection.",
                status=reply.status,
            )
        _judge_probe(reply)

    def _list(self, path: str, *, repeat_query: bool) -> V2List:
        return V2List(self._calls, self.config.base_url, path, scope=READ, repeat_query=repeat_query)


def _judge_probe(reply: Reply) -> None:
    error: ExactPersonioError = application_refusal(reply, "v1/recruiting/applications")
    codes = [reason.code for reason in reasons_in(reply.json)]
    if reply.status in {401, 403, 404, 405} or any(code.startswith("feature.") for code in codes):
        raise error
    # A refusal of what is in the record comes after the login; one of its form comes before it.
    if not any(code.startswith("errors.") for code in codes):
        raise _unproven(reply.status)


def _unproven(status: int | None) -> ServiceUnavailableError:
    return ServiceUnavailableError(
        "v1/recruiting/applications: the answer does not tell whether the recruiting token is accepted.",
        reason_code="personio.probe.unproven",
        way_out="Nothing was created. Try again later; the first application will tell.",
        status=status,
    )

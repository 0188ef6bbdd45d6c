"""Personio for authors of DAGs: create an application or an employee, list employees, upload a document.

What passes through XCom are counts, paths and ids. Everything about a person is templated, but rendered while the
task runs: Airflow stores it nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger_task.exports import RowsFile, file_content
from personio.call import PersonioCallOperator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from airflow.sdk import Context

    from include.ledger import Ledger
    from include.records import Row


class PersonioCreateApplicationOperator(PersonioCallOperator):
    """Create an application, once: neither a retry nor a cleared task creates a second one.

    .. seealso:: https://developer.personio.de/reference/post_v1-recruiting-applications

    :param personio_conn_id: Airflow connection of Personio. (templated)
    :param first_name: of the applicant. (templated, not stored)
    :param last_name: of the applicant. (templated, not stored)
    :param email: of the applicant. (templated, not stored)
    :param job_position_id: must be published; None: the connection's. (templated)
    :param recruiting_channel_id: id of a channel. (templated)
    :param external_posting_id: must exist and match the channel. (templated)
    :param message: free text. (templated, not stored)
    :param application_date: not in the future. (templated, not stored)
    :param phase: ``{"type": "system" or "custom", "id": …}``. (templated, not stored)
    :param tags: unknown ones are created. (templated, not stored)
    :param files: list of ``{"path", "category"}``, uploaded first, or ``{"uuid", "original_filename", "category"}``.
        (templated, not stored)
    :param attributes: list of ``{"id", "value"}``. (templated, not stored)

    XCom: ``{"state", "job_position_id", "id"}``; ``state`` is ``created``, or ``already_there`` if this address had
    applied to this position before. Personio gives no id, so ``id`` is None unless it had to be looked up.

    :raises AirflowFailException: a field is missing or refused; other values under the same run.
    :raises AirflowException: no clear answer, a limit or an outage; the retry decides.
    """

    template_fields = (
        *PersonioCallOperator.template_fields,
        "job_position_id",
        "recruiting_channel_id",
        "external_posting_id",
    )

    def __init__(
        self,
        *,
        first_name: str,
        last_name: str,
        email: str,
        job_position_id: int | str | None = None,
        recruiting_channel_id: int | str | None = None,
        external_posting_id: str | None = None,
        message: str | None = None,
        application_date: date | str | None = None,
        phase: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        files: Sequence[Mapping[str, Any]] = (),
        attributes: Sequence[Mapping[str, Any]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_position_id = job_position_id
        self.recruiting_channel_id = recruiting_channel_id
        self.external_posting_id = external_posting_id
        self.keep_private(
            person={
                "first_name": first_name,
                "last_name": last_name,
                "email": email,
                "message": message,
                "application_date": application_date,
                "phase": phase,
                "tags": tags,
                "files": files,
                "attributes": attributes,
            }
        )

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Create the application."""
        from include.sync import personio_action as action  # noqa: PLC0415 - lazily, for the Dag parse

        position = {
            "job_position_id": self.job_position_id or self.hook.job_position_id,
            "recruiting_channel_id": self.recruiting_channel_id,
            "external_posting_id": self.external_posting_id,
        }
        payload = action.checked_payload({**self.private(context, "person"), **position}, action.APPLICATION)
        job = int(payload["job_position_id"])
        with self.client(ledger, context) as client:
            made = action.applied(client, ledger, self.write_key(context), payload, read=file_content)
        self.personio_url = self.hook.job_url(job) or ""
        return {"state": made.state, "job_position_id": job, "id": made.remote_id or None}


class PersonioCreateEmployeeOperator(PersonioCallOperator):
    """Create an employee, once. An address that is there already is looked up, not tried again.

    .. seealso:: https://developer.personio.de/reference/post_company-employees

    All fields about the employee are templated, but not stored.

    :param personio_conn_id: Airflow connection of Personio. (templated)
    :param email: of the employee.
    :param first_name: of the employee.
    :param last_name: of the employee.
    :param preferred_name: of the employee.
    :param gender: ``male``, ``female`` or ``diverse``.
    :param position: job title.
    :param subcompany: a name that Personio knows; others it ignores, with a warning. So for the next two.
    :param department: name.
    :param office: name.
    :param hire_date: day; in the past Personio makes the employee active.
    :param weekly_working_hours: number.
    :param status: ``onboarding``, ``active``, ``leave`` or ``inactive``.
    :param supervisor_id: id of an employee.
    :param custom_attributes: ``{"dynamic_123": value}``.

    XCom: ``{"id", "state", "warnings"}``; ``state`` is ``created`` or ``already_there``, ``warnings`` the number of
    Personio's remarks on what it ignored, None if an earlier attempt created the employee.

    :raises AirflowFailException: a field is missing or refused; other values under the same run.
    :raises AirflowException: no clear answer, a limit or an outage; the retry decides.
    """

    def __init__(
        self,
        *,
        email: str,
        first_name: str,
        last_name: str,
        preferred_name: str | None = None,
        gender: str | None = None,
        position: str | None = None,
        subcompany: str | None = None,
        department: str | None = None,
        office: str | None = None,
        hire_date: date | str | None = None,
        weekly_working_hours: float | str | None = None,
        status: str | None = None,
        supervisor_id: int | str | None = None,
        custom_attributes: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep_private(
            person={
                "email": email,
                "first_name": first_name,
                "last_name": last_name,
                "preferred_name": preferred_name,
                "gender": gender,
                "position": position,
                "subcompany": subcompany,
                "department": department,
                "office": office,
                "hire_date": hire_date,
                "weekly_working_hours": weekly_working_hours,
                "status": status,
                "supervisor_id": supervisor_id,
                "custom_attributes": custom_attributes,
            }
        )

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Create the employee."""
        from include.sync import personio_action as action  # noqa: PLC0415

        payload = action.checked_payload(self.private(context, "person"), action.EMPLOYEE)
        with self.client(ledger, context) as client:
            made = action.employed(client, ledger, self.write_key(context), payload)
        if made.written.remote_id:
            self.personio_url = self.hook.employee_url(made.written.remote_id) or ""
        return {"id": made.written.remote_id or None, "state": made.written.state, "warnings": made.warnings}


class PersonioListEmployeesOperator(PersonioCallOperator):
    """Read all employees that match into a file, however many pages there are.

    .. seealso:: https://developer.personio.de/reference/get_company-employees

    :param personio_conn_id: Airflow connection of Personio. (templated)
    :param email_address: only this employee; not together with ``updated_since``. Not called ``email``, which the
        ``default_args`` of many DAGs set for Airflow's own mails. (templated, not stored)
    :param updated_since: only those that changed since; an aware time is sent as UTC. (templated)
    :param attributes: only these keys; the credential must be allowed to read them. (templated)
    :param path: where the file goes, any path that ``ObjectStoragePath`` knows, ending in the format. None: below
        ``$AIRFLOW_HOME/exports``. (templated)
    :param format: ``jsonl`` or ``parquet``. (templated)
    :param include_ids: also return the ids.

    XCom: ``{"count", "path", "format"}``, with ``"ids"`` if asked for.

    :raises AirflowFailException: an argument is wrong, known before any call; or Personio refuses the login.
    :raises AirflowException: a limit or an outage; the retry reads again and leaves no half file.
    """

    template_fields = (*PersonioCallOperator.template_fields, "updated_since", "attributes", "path", "format")

    def __init__(
        self,
        *,
        email_address: str | None = None,
        updated_since: date | datetime | str | None = None,
        attributes: Sequence[str] = (),
        path: str | None = None,
        format: str = "jsonl",  # noqa: A002 - the plain word
        include_ids: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.updated_since = updated_since
        self.attributes = attributes
        self.path = path
        self.format = format
        self.include_ids = include_ids
        self.keep_private(email_address=email_address)

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Read the pages into the file."""
        from include.sync.personio_action import one_question, since_text  # noqa: PLC0415

        email, since = self.private(context, "email_address") or None, since_text(self.updated_since)
        one_question(email, since)
        file, ids = RowsFile(self, context, path=self.path, fmt=self.format), list[int]()
        with self.client(ledger, context) as client:
            rows = client.list_employees(email=email, updated_since=since, attributes=tuple(self.attributes))
            result = file.save(_noting(rows, ids), columns=list(self.attributes))
        return {**result, "ids": ids} if self.include_ids else result


class PersonioUploadDocumentOperator(PersonioCallOperator):
    """Upload a file, for the ``files`` of an application.

    .. seealso:: https://developer.personio.de/reference/post_v1-recruiting-applications-documents

    :param personio_conn_id: Airflow connection of Personio. (templated)
    :param path: of the file, any that ``ObjectStoragePath`` knows; at most 20 MB. (templated, not stored)
    :param filename: with its extension; None: the path's. (templated, not stored)

    XCom: the uuid.

    :raises AirflowFailException: the file cannot be read, is too large, or of a type that Personio refuses.
    :raises AirflowException: a limit or an outage; uploading again does no harm.
    """

    def __init__(self, *, path: str, filename: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keep_private(file={"path": path, "filename": filename})

    def work(self, ledger: Ledger, context: Context) -> str:
        """Upload the file; return its uuid."""
        from include.sync.personio_action import uploaded  # noqa: PLC0415

        file = self.private(context, "file")
        name = file["filename"] or str(file["path"]).rpartition("/")[2]
        content = file_content(str(file["path"]))
        with self.client(ledger, context) as client:
            return uploaded(client, name, content)


def _noting(rows: Iterable[Row], ids: list[int]) -> Iterator[Row]:
    for row in rows:
        ids.append(row["id"])
        yield row

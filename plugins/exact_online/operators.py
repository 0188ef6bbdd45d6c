"""Exact Online for authors of DAGs: list, get, create, update, delete, and any other call.

What passes through XCom are counts, paths and ids. Arguments that may hold personal data (``body``, ``filter``) are
templated, but rendered while the task runs: Airflow stores them nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exact_online.call import ExactOnlineCallOperator, columns_of, number_of
from exact_online.request import ExactOnlineRequestOperator
from exact_online.time_transactions import ExactOnlineTimeTransactionOperator
from ledger_task.exports import RowsFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context, XComArg

    from include.ledger import Ledger

__all__ = [
    "ExactOnlineCreateOperator",
    "ExactOnlineDeleteOperator",
    "ExactOnlineGetOperator",
    "ExactOnlineListOperator",
    "ExactOnlineRequestOperator",
    "ExactOnlineTimeTransactionOperator",
    "ExactOnlineUpdateOperator",
]


class ExactOnlineListOperator(ExactOnlineCallOperator):
    """Read all rows of an endpoint into a file, however many pages there are.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx

    Values stay as Exact sends them; only its dates become ISO 8601 without a zone, the wall clock of the site.

    :param endpoint: service and endpoint, such as ``crm/Accounts``. (templated)
    :param select: columns, as a list or as a text with commas; bulk and sync endpoints demand them. (templated)
    :param filter: OData ``$filter``, such as ``Status eq 'C'``. (templated, not stored)
    :param orderby: such as ``Modified desc``. (templated)
    :param top: at most so many rows over all pages. (templated)
    :param path: where the file goes, any path that ``ObjectStoragePath`` knows, ending in the format. None: below
        ``$AIRFLOW_HOME/exports``. (templated)
    :param format: ``jsonl`` or ``parquet``. (templated)
    :param exact_conn_id: id of the Airflow connection. (templated)
    :param division: company to work in; None: the connection's. (templated)

    XCom: ``{"count", "path", "format"}``.

    :raises AirflowFailException: an argument is wrong, known before any call; or Exact refuses the query.
    :raises AirflowException: a limit or an outage; the retry reads again and leaves no half file.
    """

    template_fields = (
        *ExactOnlineCallOperator.template_fields,
        "endpoint",
        "select",
        "orderby",
        "top",
        "path",
        "format",
    )

    def __init__(
        self,
        *,
        endpoint: str,
        select: str | Sequence[str] = (),
        filter: str | None = None,  # noqa: A002 - OData's own word
        orderby: str = "",
        top: int | str | None = None,
        path: str | None = None,
        format: str = "jsonl",  # noqa: A002 - the plain word
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint
        self.select = select
        self.orderby = orderby
        self.top = top
        self.path = path
        self.format = format
        self.keep_private(filter=filter)

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Read the pages into the file; return where it is and how many rows it has."""
        asked = self.action(
            "list",
            endpoint=self.endpoint,
            select=columns_of(self.select),
            filter=self.private(context, "filter"),
            orderby=self.orderby,
            top=number_of(self.top, "top"),
        )
        file = RowsFile(self, context, path=self.path, fmt=self.format)
        return self.rows(ledger, context, asked, file)


class ExactOnlineGetOperator(ExactOnlineCallOperator):
    """Read one row by its key into a file.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx

    :param endpoint: service and endpoint, such as ``crm/Accounts``. (templated)
    :param key: of the row, a GUID for most endpoints. (templated)
    :param select: columns. (templated)
    :param include_in_xcom: names of fields that go to XCom as well; Airflow keeps them, so choose none that is
        about a person.
    :param path: as for :class:`ExactOnlineListOperator`. (templated)
    :param format: ``jsonl`` or ``parquet``. (templated)
    :param exact_conn_id: id of the Airflow connection. (templated)
    :param division: company to work in; None: the connection's. (templated)

    XCom: ``{"count", "path", "format"}``, with ``"fields"`` if ``include_in_xcom`` names some.

    :raises AirflowFailException: there is no such row, or an argument is wrong, known before any call.
    :raises AirflowException: a limit or an outage.
    """

    template_fields = (*ExactOnlineCallOperator.template_fields, "endpoint", "key", "select", "path", "format")

    def __init__(
        self,
        *,
        endpoint: str,
        key: str | int,
        select: str | Sequence[str] = (),
        include_in_xcom: Sequence[str] = (),
        path: str | None = None,
        format: str = "jsonl",  # noqa: A002 - the plain word
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint
        self.key = key
        self.select = select
        self.include_in_xcom = include_in_xcom
        self.path = path
        self.format = format

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Read the row into the file."""
        asked = self.action("get", endpoint=self.endpoint, key=self.key, select=columns_of(self.select))
        file = RowsFile(self, context, path=self.path, fmt=self.format)
        result, row = self.row(ledger, context, asked, file)
        if self.include_in_xcom:
            result["fields"] = {name: row.get(name) for name in self.include_in_xcom}
        return result


class ExactOnlineCreateOperator(ExactOnlineCallOperator):
    """Create a record, once: neither a retry nor a cleared task creates a second one.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx

    If no answer comes, the next attempt looks for rows created since with the same values before it sends again.

    :param endpoint: service and endpoint, such as ``crm/Contacts``. (templated)
    :param body: the new record's properties, under Exact's names. (templated, not stored)
    :param exact_conn_id: id of the Airflow connection. (templated)
    :param division: company to work in; None: the connection's. (templated)

    XCom: ``{"id", "state", "endpoint"}``; ``state`` is ``created``.

    :raises AirflowFailException: a property is missing or refused; other values under the same run; or several
        rows may be what an unanswered attempt created.
    :raises AirflowException: no clear answer, a limit or an outage; the retry decides.
    """

    template_fields = (*ExactOnlineCallOperator.template_fields, "endpoint")

    def __init__(self, *, endpoint: str, body: Mapping[str, Any] | XComArg | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint
        self.keep_private(body=body)

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Create the record; return its id."""
        asked = self.action("create", endpoint=self.endpoint, body=self.private(context, "body"))
        return self.write(ledger, context, asked)


class ExactOnlineUpdateOperator(ExactOnlineCallOperator):
    """Change some properties of a record; the others stay.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx

    :param endpoint: service and endpoint, such as ``crm/Contacts``. (templated)
    :param key: of the record. (templated)
    :param body: the properties that change, under Exact's names. (templated, not stored)
    :param exact_conn_id: id of the Airflow connection. (templated)
    :param division: company to work in; None: the connection's. (templated)

    XCom: ``{"id", "endpoint"}``.

    :raises AirflowFailException: a property is refused, there is no such record, or the hours are final.
    :raises AirflowException: no clear answer, a limit or an outage; sending it again is safe.
    """

    template_fields = (*ExactOnlineCallOperator.template_fields, "endpoint", "key")

    def __init__(
        self, *, endpoint: str, key: str | int, body: Mapping[str, Any] | XComArg | str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint
        self.key = key
        self.keep_private(body=body)

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Change the record."""
        asked = self.action("update", endpoint=self.endpoint, key=self.key, body=self.private(context, "body"))
        return self.write(ledger, context, asked)


class ExactOnlineDeleteOperator(ExactOnlineCallOperator):
    """Delete a record for good. One that is gone already is no error.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx

    :param endpoint: service and endpoint; protected ones (settings, ledgers, payroll) are refused. (templated)
    :param key: of the record. (templated)
    :param confirm_id: the key once more, so that a slip deletes nothing. (templated)
    :param exact_conn_id: id of the Airflow connection. (templated)
    :param division: company to work in; None: the connection's. (templated)

    XCom: ``{"id", "deleted", "endpoint"}``; ``deleted`` is false if it was gone already.

    :raises AirflowFailException: not confirmed, protected, refused by Exact, or the hours are final.
    :raises AirflowException: no clear answer, a limit or an outage; deleting again is safe.
    """

    template_fields = (*ExactOnlineCallOperator.template_fields, "endpoint", "key", "confirm_id")

    def __init__(self, *, endpoint: str, key: str | int, confirm_id: str | int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint
        self.key = key
        self.confirm_id = confirm_id

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Delete the record; say whether there was one."""
        asked = self.action("delete", endpoint=self.endpoint, key=self.key, confirm_id=self.confirm_id)
        return self.write(ledger, context, asked)

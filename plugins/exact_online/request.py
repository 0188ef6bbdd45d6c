"""Any other call to Exact: invoices, quotations, stock, functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exact_online.call import ExactOnlineCallOperator, key_of, object_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context, XComArg

    from include.ledger import Ledger


class ExactOnlineRequestOperator(ExactOnlineCallOperator):
    """Make one call below the division, to any endpoint.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx

    A GET writes what comes to a file, one page of it: for all pages use ``ExactOnlineListOperator``. A POST is made
    once, as by ``ExactOnlineCreateOperator``. To delete, use ``ExactOnlineDeleteOperator``, which asks twice.

    :param method: ``GET`` (the default), ``POST`` or ``PUT``. (templated)
    :param endpoint: path below the division, such as ``salesinvoice/SalesInvoices``. (templated)
    :param key: of the record. (templated)
    :param query: options of the query, such as ``{"$filter": …}``. (templated, not stored)
    :param body: properties to write. (templated, not stored)
    :param unlisted: also take a path that the catalogue of endpoints lacks: a function, a new endpoint.
    :param path: as for ``ExactOnlineListOperator``. (templated)
    :param format: ``jsonl`` or ``parquet``. (templated)
    :param exact_conn_id: id of the Airflow connection. (templated)
    :param division: company to work in; None: the connection's. (templated)

    XCom: GET ``{"count", "path", "format"}``; POST and PUT ``{"id", "state", "endpoint"}``, ``state`` ``created``
    or ``updated``.

    :raises AirflowFailException: an argument is wrong, known before any call; or Exact refuses it.
    :raises AirflowException: no clear answer, a limit or an outage; the retry decides.
    """

    template_fields = (*ExactOnlineCallOperator.template_fields, "method", "endpoint", "key", "path", "format")

    def __init__(
        self,
        *,
        endpoint: str,
        method: str = "GET",
        key: str | int = "",
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | XComArg | str | None = None,
        unlisted: bool = False,
        path: str | None = None,
        format: str = "jsonl",  # noqa: A002 - the plain word
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.method = method
        self.endpoint = endpoint
        self.key = key
        self.unlisted = unlisted
        self.path = path
        self.format = format
        self.keep_private(query=query, body=body)

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Make the call; return where its rows are, or the id of what was written."""
        from include.sync.exact_request import ExactRequest  # noqa: PLC0415 - lazily, for the Dag parse

        request = ExactRequest(
            method=self.method.upper(),
            endpoint=self.endpoint,
            key=key_of(self.key),
            zone=self.hook().zone,
            query=object_of(self.private(context, "query"), "query"),
            body=object_of(self.private(context, "body"), "body"),
            unlisted=self.unlisted,
        )
        request.checked()
        return self.requested(ledger, context, request, path=self.path, fmt=self.format)

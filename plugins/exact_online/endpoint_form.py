"""The manual form for any endpoint of Exact, as data, and the task that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from exact_online.call import ExactOnlineCallOperator, columns_of, object_of
from include.clients.endpoints import catalogue

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.ledger import Ledger
    from include.sync.exact_action import ExactAction
    from include.sync.exact_request import ExactRequest

ACTIONS = {
    "list": "list: all rows that match, into a file",
    "get": "get: one row, into a file",
    "count": "count: how many rows match",
    "create": "create: a new record",
    "update": "update: change some properties of a record",
    "delete": "delete: one record, for good",
    "other": "other: one call as it is typed",
}
PATH_PATTERN = r"^[A-Za-z0-9_]+(/[A-Za-z0-9_]+(\([^()/?#%\s]*\))?)+$"
QUERY = "Which rows"
WRITE = "What to write or delete"
FILE = "Where the rows go"
OTHER = "For the action other"


def endpoint_params() -> dict[str, Param]:
    """Return the form. The endpoints are the catalogue's, as data; what it lacks can be typed."""
    return {
        "action": Param("list", type="string", enum=list(ACTIONS), values_display=ACTIONS, title="Action"),
        "endpoint": _optional(
            "string",
            "Endpoint",
            "Service and endpoint, from the list.",
            enum=[None, *sorted((info.path for info in catalogue().values()), key=str.lower)],
        ),
        "other_endpoint": _optional(
            "string", "Endpoint, typed", "Instead of the list, such as crm/Accounts.", pattern=PATH_PATTERN
        ),
        "key": _optional(
            "string", "Key", "ID of the record, for get, update and delete. A GUID for most endpoints.", maxLength=200
        ),
        "select": _optional(
            "string", "Columns ($select)", "Such as ID,Name. Bulk and sync endpoints demand it.", section=QUERY
        ),
        "filter": _optional("string", "Filter ($filter)", "Such as Status eq 'C'.", section=QUERY),
        "orderby": _optional("string", "Order ($orderby)", "Such as Modified desc.", section=QUERY),
        "top": _optional("integer", "At most ($top)", "So many rows. Empty: all.", minimum=1, section=QUERY),
        "path": _optional(
            "string",
            "File",
            "Such as s3://conn_id@bucket/rows.jsonl. Empty: below $AIRFLOW_HOME/exports.",
            pattern=r"^\S.*\.(jsonl|parquet)$",
            section=FILE,
        ),
        "format": Param(
            "jsonl",
            type="string",
            enum=["jsonl", "parquet"],
            values_display={"jsonl": "JSON Lines", "parquet": "Parquet"},
            title="Format",
            section=FILE,
        ),
        "body": _optional(
            "object", "Body", "Properties to create or update, under Exact's names. Airflow keeps it.", section=WRITE
        ),
        "confirm_id": _optional(
            "string", "Confirm the key", "For delete: the key once more, so that a slip does nothing.", section=WRITE
        ),
        "method": Param("GET", type="string", enum=["GET", "POST", "PUT"], title="Method", section=OTHER),
        "unlisted": Param(
            default=False,
            type="boolean",
            title="Not in the list",
            description="Take a typed path that the list lacks: a function or a new endpoint.",
            section=OTHER,
        ),
        "division": _optional("integer", "Division", "Empty: the connection's first.", minimum=1, section=OTHER),
    }


def _optional(kind: str, title: str, text: str, **schema: Any) -> Param:
    return Param(None, type=["null", kind], title=title, description=text, **schema)


class EndpointFormOperator(ExactOnlineCallOperator):
    """Do what the form of the run says, or only check it.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx

    :param check_only: look at the fields and make no call.

    XCom: list, get and other GET ``{"count", "path", "format"}``, count ``{"count"}``, create
    ``{"id", "state", "endpoint"}``, update ``{"id", "endpoint"}``, delete ``{"id", "deleted", "endpoint"}``.

    :raises AirflowFailException: a field is wrong, in one sentence that names it; or Exact refuses the call.
    :raises AirflowException: no clear answer, a limit or an outage; the retry decides and creates nothing twice.
    """

    def __init__(self, *, check_only: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_only = check_only

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Check the fields; then make the call."""
        from ledger_task.exports import RowsFile  # noqa: PLC0415 - lazily, for the Dag parse

        params = dict(context["params"])
        self.division = params.get("division")
        if params["action"] == "other":
            return self._other(ledger, context, params)
        asked = self._asked(params)
        if asked.action in ("list", "get"):
            file = RowsFile(self, context, path=params.get("path"), fmt=params["format"])
        if self.check_only:
            return {"action": asked.action, "endpoint": asked.checked().path}
        if asked.action == "list":
            return self.rows(ledger, context, asked, file)
        if asked.action == "get":
            return self.row(ledger, context, asked, file)[0]
        if asked.action == "count":
            with self.client(ledger, context) as client:
                return {"count": client.count(asked.checked().path, asked.filter or None)}
        return self.write(ledger, context, asked)

    def _asked(self, params: dict[str, Any]) -> ExactAction:
        return self.action(
            params["action"],
            endpoint=_endpoint(params),
            key=params.get("key") or "",
            body=params.get("body"),
            select=columns_of(params.get("select")),
            filter=params.get("filter"),
            orderby=params.get("orderby"),
            top=params.get("top"),
            confirm_id=params.get("confirm_id") or "",
        )

    def _other(self, ledger: Ledger, context: Context, params: dict[str, Any]) -> dict[str, Any]:
        from ledger_task.exports import RowsFile  # noqa: PLC0415

        request = self._request(params)
        request.checked()
        if self.check_only:
            if request.method == "GET":
                RowsFile(self, context, path=params.get("path"), fmt=params["format"])
            return {"action": "other", "endpoint": request.checked().path}
        return self.requested(ledger, context, request, path=params.get("path"), fmt=params["format"])

    def _request(self, params: dict[str, Any]) -> ExactRequest:
        from include.sync.exact_request import ExactRequest  # noqa: PLC0415 - lazily, for the Dag parse

        query = {f"${name}": params.get(name) for name in ("select", "filter", "orderby", "top")}
        return ExactRequest(
            method=params["method"],
            endpoint=_endpoint(params),
            zone=self.hook().zone,
            key=params.get("key") or "",
            query={name: value for name, value in query.items() if value},
            body=object_of(params.get("body"), "body"),
            unlisted=bool(params.get("unlisted")),
        )


def _endpoint(params: dict[str, Any]) -> str:
    """Return the endpoint that was chosen or typed.

    :raises ConfigurationError: neither, or two different ones.
    """
    from include.errors import ConfigurationError  # noqa: PLC0415

    chosen, typed = (str(params.get(name) or "").strip() for name in ("endpoint", "other_endpoint"))
    if not chosen and not typed:
        raise ConfigurationError(
            "`endpoint` is empty.",
            reason_code="exact.endpoint.missing",
            way_out="Choose one from the list, or type one into the field below it.",
        )
    if chosen and typed and chosen.lower() != typed.lower():
        raise ConfigurationError(
            "`endpoint` and `other_endpoint` name two endpoints.",
            reason_code="exact.endpoint.ambiguous",
            way_out="Empty one of the two fields.",
        )
    return chosen or typed

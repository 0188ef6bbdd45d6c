"""The manual form for project time transactions, as data, and the task that reads it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from exact_online.call import ExactOnlineCallOperator
from exact_online.time_transactions import ENDPOINT

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.ledger import Ledger
    from include.sync.exact_action import ExactAction

GUID_PATTERN = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
GUID: dict[str, Any] = {"type": ["null", "string"], "pattern": GUID_PATTERN}
NUMBER: dict[str, Any] = {"type": ["null", "number"]}
TEXT: dict[str, Any] = {"type": ["null", "string"]}
MOMENT: dict[str, Any] = {"type": ["null", "string"], "format": "date-time"}
WHO = "Who and for whom: at least one of account, project and subscription"
WHEN = "When"
MORE = "More properties"
STATUSES = {1: "draft", 2: "rejected", 10: "submitted"}

# Property, section, title, plain words, schema; in the order of the form.
PROPERTIES: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("Item", "", "Item (hour type)", "Which kind of work. Needed for new hours.", GUID),
    ("Quantity", "", "Quantity", "How many hours, such as 7.5. Needed for new hours.", NUMBER),
    ("Project", WHO, "Project", "The project that the time was spent on.", GUID),
    ("Account", WHO, "Account", "The customer, where there is no project.", GUID),
    ("Subscription", WHO, "Subscription", "The subscription that the time belongs to.", GUID),
    ("SubscriptionAccount", WHO, "Account of the subscription", "Only together with a subscription.", GUID),
    ("Employee", WHO, "Employee", "Empty: the user who is logged in at Exact.", GUID),
    ("Activity", WHO, "Activity", "An activity of the project's work breakdown structure.", GUID),
    ("Date", WHEN, "Date", "Day of the work. Empty: today.", {"type": ["null", "string"], "format": "date"}),
    ("StartTime", WHEN, "Start", "Begin of the work; moved to the clock of the Exact site.", MOMENT),
    ("EndTime", WHEN, "End", "End of the work; not before the start.", MOMENT),
    ("Notes", MORE, "Notes", "Free text. Airflow keeps what is typed here with the run.", TEXT),
    (
        "HourStatus",
        MORE,
        "Status",
        "Empty: Exact decides. Final hours cannot be changed.",
        {"type": ["null", "integer"], "enum": [None, *STATUSES], "values_display": STATUSES},
    ),
    ("Price", MORE, "Price", "Per unit. Empty: the item's.", NUMBER),
    ("Amount", MORE, "Amount", "Old property: Exact computes quantity times price itself.", NUMBER),
    ("Currency", MORE, "Currency", "Such as EUR.", {"type": ["null", "string"], "pattern": "^[A-Z]{3}$"}),
    ("Attachment", MORE, "Attachment", "A document at Exact.", GUID),
    ("EntryNumber", MORE, "Entry number", "Empty: the next one.", {"type": ["null", "integer"], "minimum": 1}),
    ("ErrorText", MORE, "Error text", "Text of an error on these hours.", TEXT),
    ("SkipValidation", MORE, "Skip validation", "Let Exact leave out its checks.", {"type": ["null", "boolean"]}),
    ("ID", MORE, "ID for new hours", "Empty: Exact makes one.", GUID),
)


def time_transaction_params() -> dict[str, Param]:
    """Return the form: action and key on top, then every property that can be written."""
    params = {
        "action": Param(
            "create",
            type="string",
            enum=["create", "update", "delete"],
            title="Action",
            description="Update changes only the fields that are filled in.",
        ),
        "key": Param(None, title="Key", description="ID of the hours to update or delete.", **GUID),
        "confirm_id": Param(
            None,
            title="Confirm the key",
            description="For delete: the key once more, so that a slip does nothing.",
            **GUID,
        ),
    }
    for name, section, title, text, schema in PROPERTIES:
        place: dict[str, Any] = {"section": section} if section else {}
        params[name] = Param(None, title=title, description=text, **schema, **place)
    params["division"] = Param(
        None,
        type=["null", "integer"],
        minimum=1,
        title="Division",
        description="Company at Exact. Empty: the connection's first.",
        section=MORE,
    )
    return params


class TimeTransactionFormOperator(ExactOnlineCallOperator):
    """Do what the form of the run says, or only check it.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=ProjectTimeTransactions

    :param check_only: look at the fields and make no call.

    XCom: what ``ExactOnlineTimeTransactionOperator`` returns; a check returns the names of the filled-in fields.

    :raises AirflowFailException: a field is wrong, in one sentence that names it; or Exact refuses the hours.
    :raises AirflowException: no clear answer, a limit or an outage; the retry decides and creates nothing twice.
    """

    def __init__(self, *, check_only: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check_only = check_only

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Check the fields; then create, update or delete the hours."""
        params = context["params"]
        self.division = params.get("division")
        body = {name: params.get(name) for name, *_ in PROPERTIES}
        filled = {name: value for name, value in body.items() if value not in (None, "")}
        asked = self.action(
            str(params["action"]),
            endpoint=ENDPOINT,
            key=params.get("key") or "",
            confirm_id=params.get("confirm_id") or "",
            body=filled,
        )
        check_order(asked)
        if self.check_only:
            return {"action": asked.action, "fields": sorted(filled)}
        return self.write(ledger, context, asked)


def check_order(asked: ExactAction) -> None:
    """Refuse hours that end before they start.

    :raises ConfigurationError: they do.
    """
    from include.errors import ConfigurationError  # noqa: PLC0415 - lazily, for the Dag parse

    if asked.action == "delete":
        return
    times = asked.payload(asked.checked())
    start, end = (times.get(name) for name in ("StartTime", "EndTime"))
    if start and end and datetime.fromisoformat(end) < datetime.fromisoformat(start):
        raise ConfigurationError(
            "`EndTime` is before `StartTime`.",
            reason_code="exact.EndTime.before_start",
            way_out="Correct one of them; both are times on the clock of the Exact site.",
        )

"""Project time transactions: an operator for authors of DAGs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from exact_online.call import ExactOnlineCallOperator

if TYPE_CHECKING:
    from datetime import date, datetime

    from airflow.sdk import Context

    from include.ledger import Ledger

ENDPOINT = "project/TimeTransactions"


class ExactOnlineTimeTransactionOperator(ExactOnlineCallOperator):
    """Create, update or delete hours on a project, an account or a subscription.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=ProjectTimeTransactions

    New hours need ``item``, ``quantity`` and one of ``account``, ``project``, ``subscription``. Final hours are
    neither changed nor deleted. All properties are templated, but not stored; those left at None are not sent.

    :param action: ``create``, ``update`` or ``delete``. (templated)
    :param key: of the hours, for ``update`` and ``delete``. (templated)
    :param confirm_id: for ``delete``: the key once more. (templated)
    :param item: GUID of the item (hour type).
    :param quantity: number of hours.
    :param account: GUID of the account.
    :param project: GUID of the project.
    :param subscription: GUID of the subscription.
    :param subscription_account: GUID of the subscription's account.
    :param activity: GUID of an activity of the project's work breakdown structure.
    :param employee: GUID of the employee; None: the signed-in user.
    :param date: day of the work; None: today.
    :param start_time: an aware time is moved to the clock of the site.
    :param end_time: as ``start_time``.
    :param hour_status: 1 draft, 2 rejected, 10 submitted.
    :param notes: free text.
    :param price: per unit.
    :param amount: obsolete at Exact, which computes it.
    :param currency: such as ``EUR``.
    :param attachment: GUID of a document.
    :param entry_number: number of the entry.
    :param error_text: text of an error.
    :param skip_validation: let Exact leave out its checks.
    :param id: GUID for new hours; None: Exact makes one.
    :param exact_conn_id: id of the Airflow connection. (templated)
    :param division: company to work in; None: the connection's. (templated)

    XCom: create ``{"id", "state", "endpoint"}``, update ``{"id", "endpoint"}``, delete
    ``{"id", "deleted", "endpoint"}``.

    :raises AirflowFailException: a property is missing, unknown or malformed, known before any call; refused by
        Exact; or the hours are final.
    :raises AirflowException: no clear answer, a limit or an outage; the retry decides and creates nothing twice.
    """

    template_fields = (*ExactOnlineCallOperator.template_fields, "action_name", "key", "confirm_id")

    def __init__(
        self,
        *,
        action: Literal["create", "update", "delete"] | str = "create",  # noqa: PYI051 - a template, too
        key: str = "",
        confirm_id: str = "",
        item: str | None = None,
        quantity: float | str | None = None,
        account: str | None = None,
        project: str | None = None,
        subscription: str | None = None,
        subscription_account: str | None = None,
        activity: str | None = None,
        employee: str | None = None,
        date: date | str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        hour_status: int | str | None = None,
        notes: str | None = None,
        price: float | str | None = None,
        amount: float | str | None = None,
        currency: str | None = None,
        attachment: str | None = None,
        entry_number: int | str | None = None,
        error_text: str | None = None,
        skip_validation: bool | str | None = None,
        id: str | None = None,  # noqa: A002 - Exact's own name
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.action_name = action
        self.key = key
        self.confirm_id = confirm_id
        self.keep_private(
            properties={
                "ID": id,
                "Item": item,
                "Quantity": quantity,
                "Account": account,
                "Project": project,
                "Subscription": subscription,
                "SubscriptionAccount": subscription_account,
                "Activity": activity,
                "Employee": employee,
                "Date": date,
                "StartTime": start_time,
                "EndTime": end_time,
                "HourStatus": hour_status,
                "Notes": notes,
                "Price": price,
                "Amount": amount,
                "Currency": currency,
                "Attachment": attachment,
                "EntryNumber": entry_number,
                "ErrorText": error_text,
                "SkipValidation": skip_validation,
            }
        )

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Create, update or delete the hours."""
        given = self.private(context, "properties").items()
        asked = self.action(
            self.action_name,
            endpoint=ENDPOINT,
            key=self.key,
            confirm_id=self.confirm_id,
            body={name: value for name, value in given if value is not None},
        )
        return self.write(ledger, context, asked)

"""New accounts and contacts of Exact Online, for DAGs of one's own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from exact_online.hooks import ExactOnlineHook
from exact_online.links import ExactOnlineRecordLink
from ledger_task.news import NewRecordsOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Connection

    from include.ledger import Ledger
    from include.records import Entity
    from include.sync.news_sources import ExactNews


class ExactNewsFeed:
    """The sync feed of one entity, through an Airflow connection.

    :param entity: ``Accounts`` or ``Contacts``.
    :param exact_conn_id: Airflow connection.
    :param division: company; None: the connection's.
    :param connection: the connection itself, where it was fetched already.
    """

    def __init__(
        self,
        entity: Entity,
        exact_conn_id: str,
        division: int | None = None,
        connection: Connection | None = None,
    ) -> None:
        self._entity: Entity = entity
        self._hook = ExactOnlineHook(exact_conn_id, division, connection=connection)

    @property
    def page(self) -> str:
        """The start page of the division."""
        return self._hook.record_url("", "")

    def key(self, consumer: str) -> str:
        """Return the name in the ledger of what this consumer is told."""
        from include.sync.news_sources import exact_key  # noqa: PLC0415 - lazily, for the Dag parse

        return exact_key(consumer, self._hook.division, self._entity)

    @contextmanager
    def open(self, ledger: Ledger, consumer: str, run_key: str) -> Iterator[ExactNews]:
        """Yield the source.

        :param ledger: the open ledger.
        :param consumer: who is told.
        :param run_key: name under which the calls are counted.
        """
        from include.sync.news_sources import ExactNews  # noqa: PLC0415

        with self._hook.client(ledger, run_key) as client:
            yield ExactNews(client, self._entity, self._hook.zone, consumer)


class ExactOnlineNewRecordsOperator(NewRecordsOperator):
    """Return the accounts or contacts that are new since this task's last run, each once.

    New is what was created since the start; a changed record is not. Only ids, times and row versions are read.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=SyncCRMContacts

    Returns ``{"source", "batch", "count", "ids"}``. Read the records themselves with an
    ``ExactOnlineHook`` client, for example ``client.by_ids("crm/Contacts", ids, ["FullName"])``.

    :param entity: ``Accounts`` or ``Contacts`` (templated).
    :param start_from: for the very first run: ``now``, ``beginning`` or a date like ``2026-01-31`` (templated).
    :param exact_conn_id: Airflow connection of Exact Online (templated).
    :param division: company; None: the connection's (templated).
    :param max_records: most records in one batch, up to 1,000; the rest comes with the next run.
    :param skip_when_none: end as skipped when nothing is new.
    :raises AirflowFailException: login, rights, division or ``start_from`` are wrong.
    :raises AirflowException: a limit or an outage; nothing is lost.
    """

    template_fields: Sequence[str] = ("entity", "start_from", "exact_conn_id", "division")
    operator_extra_links = (ExactOnlineRecordLink(),)

    def __init__(
        self,
        *,
        entity: Entity,
        exact_conn_id: str = ExactOnlineHook.default_conn_name,
        division: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.entity: Entity = entity
        self.exact_conn_id = exact_conn_id
        self.division = division

    def feed(self) -> ExactNewsFeed:
        """Return the sync feed."""
        return ExactNewsFeed(checked_entity(self.entity), self.exact_conn_id, division_of(self.division))


def checked_entity(text: str) -> Entity:
    """Return the entity if news can be had of it.

    :raises ConfigurationError: it is neither accounts nor contacts.
    """
    from include.errors import ConfigurationError  # noqa: PLC0415 - lazily, for the Dag parse
    from include.records import ENTITIES  # noqa: PLC0415

    known = {entity.lower(): entity for entity in ENTITIES}
    if str(text).strip().lower() in known:
        return known[str(text).strip().lower()]
    raise ConfigurationError(
        f"entity is {text!r}; new records can be had of Accounts and of Contacts.",
        reason_code="params.entity.unknown",
        way_out="Name one of the two.",
    )


def division_of(value: int | str | None) -> int | None:
    """Return a division as a number; None for nothing, also as an empty template leaves it.

    :raises ConfigurationError: it is no number.
    """
    from include.errors import ConfigurationError  # noqa: PLC0415

    text = str(value or "").strip()
    if text in ("", "None"):
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    raise ConfigurationError(
        f"division is {text!r}; it must be the company's number at Exact.",
        reason_code="params.division.malformed",
        way_out="Take the number from the address of Exact's pages, or leave it empty for the connection's.",
    )

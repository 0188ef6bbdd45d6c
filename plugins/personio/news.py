"""New employees at Personio, for DAGs of one's own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ledger_task.news import NewRecordsOperator
from personio.hooks import PersonioHook
from personio.links import PersonioLink, company_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Connection

    from include.ledger import Ledger
    from include.sync.news import NewsSource


class PersonioNewsFeed:
    """The employees of one company, through an Airflow connection.

    :param personio_conn_id: Airflow connection.
    :param connection: the connection itself, where it was fetched already.
    """

    def __init__(self, personio_conn_id: str, connection: Connection | None = None) -> None:
        self._hook = PersonioHook(personio_conn_id, connection=connection)

    @property
    def page(self) -> str:
        """The company's first page at Personio, empty if the connection names none."""
        return company_page(self._hook)

    def key(self, consumer: str) -> str:
        """Return the name in the ledger of what this consumer is told."""
        from include.sync.news_employees import personio_key  # noqa: PLC0415 - lazily, for the Dag parse

        return personio_key(consumer, self._hook.personio_conn_id)

    @contextmanager
    def open(self, ledger: Ledger, consumer: str, run_key: str) -> Iterator[NewsSource]:
        """Yield the source that the credential can use: v2 persons, else v1 employees.

        :param ledger: the open ledger.
        :param consumer: who is told.
        :param run_key: name under which the calls are counted.
        """
        from include.sync.news_employees import personio_news  # noqa: PLC0415

        with self._hook.client(ledger, run_key) as client:
            yield personio_news(client, self.key(consumer), api=self._hook.employees_api)


class PersonioNewEmployeesOperator(NewRecordsOperator):
    """Return the employees that are new since this task's last run, each once.

    New is who was created since the start; somebody who merely changes is not. With the scope
    ``personio:persons:read`` v2 is asked for who was created; else v1 for who changed, and the first run reads
    everybody once. Both give a person the same id.

    .. seealso:: https://developer.personio.de/reference/get_v2-persons

    Returns ``{"source", "batch", "count", "ids"}``, ids as text.

    :param start_from: for the very first run: ``now``, ``beginning`` or a date like ``2026-01-31`` (templated).
    :param personio_conn_id: Airflow connection of Personio (templated).
    :param max_records: most employees in one batch, up to 1,000; the rest comes with the next run.
    :param skip_when_none: end as skipped when nobody is new.
    :raises AirflowFailException: login, rights or ``start_from`` are wrong.
    :raises AirflowException: a limit or an outage; nothing is lost.
    """

    template_fields: Sequence[str] = ("start_from", "personio_conn_id")
    operator_extra_links = (PersonioLink(),)

    def __init__(self, *, personio_conn_id: str = PersonioHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.personio_conn_id = personio_conn_id

    def feed(self) -> PersonioNewsFeed:
        """Return the employees."""
        return PersonioNewsFeed(self.personio_conn_id)

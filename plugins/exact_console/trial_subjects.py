"""What a trial of a mapping works on: the ledger's copy of a record, or what Exact says of it now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow.sdk.log import mask_secret

from exact_console.connections import PERSONIO_DEFAULT, fields_of, known_connections, read_app
from exact_console.examining import SECONDS, within
from exact_console.guard import may_edit, may_read_dag
from include.connection_fields import whole_number
from include.errors import ConfigurationError, ExactPersonioError
from include.login.session import app_session
from include.records import HISTORY
from include.sync.main_contacts import contact_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from include.ledger import Ledger
    from include.ledger.source_rows import SourceCopy
    from include.mapping_trial import Trial
    from include.records import Entity, Row

_NO_FEED: Final = frozenset({"Timestamp"})
"""Columns that only the sync feed has."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The record that rules are tried on.

    :param copy: the ledger's, which says where it was read.
    :param row: what is tried, the ledger's copy or Exact's answer.
    :param contact: the main contact of an account; None: there is none here.
    :param fresh: whether Exact was asked just now.
    """

    copy: SourceCopy
    row: Row = field(repr=False)
    contact: Row | None = field(default=None, repr=False)
    fresh: bool = False

    def lacking(self, trial: Trial) -> list[str]:
        """Return the columns that the rules read and that the record was not read with."""
        own = [name for name in trial.select if name not in self.row and name not in _NO_FEED]
        theirs = [] if self.contact is None else [name for name in trial.contact_select if name not in self.contact]
        return [*own, *(f"contact.{name}" for name in theirs)]

    @property
    def lacks_contact(self) -> bool:
        """Whether the record names a main contact of whom nothing is here."""
        return self.contact is None and contact_id(self.row) is not None


def job_position() -> int | None:
    """Return the position that the default connection names for applicants; None: it names none."""
    try:
        return whole_number(fields_of(PERSONIO_DEFAULT)["extra"], "job_position_id", service="personio")
    except ExactPersonioError:
        return None


def kept(user: BaseUser, ledger: Ledger, entity: Entity, dag_ids: Sequence[str], source_id: str) -> Subject:
    """Return a record as the ledger has it, the copy of one of these DAGs if there is any.

    :param user: of this request; a contact is shown if they may read a DAG that has read it.
    :param source_id: its ID at Exact.
    :raises ConfigurationError: it is not there, or its content was removed.
    """
    copies = ledger.source_rows.of(source_id, entity)
    own = [copy for copy in copies if copy.dag_id.partition("/")[0] in dag_ids]
    if not own:
        raise ConfigurationError(
            f"The ledger knows no record of {entity} by this ID that these DAGs have read.",
            reason_code="ledger.record.unknown",
            way_out="Give the whole ID as Exact shows it; or leave it empty for the newest record.",
        )
    copy = own[0]
    if copy.row is None:
        raise ConfigurationError(
            "What was read of this record was removed when its time was over (EXACT_PERSONIO_RETENTION_DAYS).",
            reason_code="ledger.record.removed",
            way_out="Try another record, or let it be read again.",
        )
    main = contact_id(copy.row) if entity == "Accounts" else None
    found = ledger.source_rows.of(main, "Contacts", copy.division) if main else []
    contact = next((one.row for one in found if may_read_dag(user, one.dag_id.removesuffix(HISTORY))), None)
    return Subject(copy, copy.row, None if contact is None else {**contact, "ID": main})


def asked_at_exact(user: BaseUser, entity: Entity, subject: Subject, trial: Trial) -> Subject:
    """Return the record as Exact has it now; one call, and one more for an account's main contact.

    :param user: of this request, who may edit the connection.
    :param subject: as the ledger has it.
    :param trial: says which columns the rules read.
    :raises ConfigurationError: no connection that the user may edit names the division, or the record is gone.
    :raises RetryLaterError: Exact is slow or limited.
    """
    conn_id = _connection(user, subject.copy.division)
    return within(SECONDS, conn_id, lambda: _read(conn_id, entity, subject, trial))


def _connection(user: BaseUser, division: int) -> str:
    for conn_id in known_connections():
        try:
            if may_edit(user, conn_id) and division in read_app(conn_id).divisions:
                return conn_id
        except ExactPersonioError:
            continue
    raise ConfigurationError(
        f"No connection that you may edit names division {division}.",
        reason_code="exact.division.other",
        way_out="Switch the division on under Connections.",
    )


def _read(conn_id: str, entity: Entity, subject: Subject, trial: Trial) -> Subject:
    copy = subject.copy
    with app_session(conn_id, read_app(conn_id), mask=mask_secret) as session:
        client = session.client(copy.division)
        columns = [name for name in trial.select if name not in _NO_FEED]
        row = client.get(f"crm/{entity}", copy.source_id, select=columns)
        if row is None:
            raise ConfigurationError(
                "Exact has this record no more.",
                reason_code="exact.record.gone",
                way_out="It was deleted there, or the login may not see it.",
            )
        main = contact_id(row) if trial.contact_select else None
        contact = client.get("crm/Contacts", main, select=tuple(trial.contact_select)) if main else None
    # The columns of the rules need not name the contact's own ID.
    return Subject(copy, row, None if contact is None else {**contact, "ID": main}, fresh=True)

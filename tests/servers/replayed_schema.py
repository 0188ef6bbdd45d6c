"""New ledgers of the tests get their schema by repeating what the migrations did for the first of them.

To run all migrations takes longer than most tests. Whatever is not new is migrated as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from include.ledger import migrate
from include.ledger.tables import VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

_LOOKS = ("SELECT", "PRAGMA", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class ReplayedSchema:
    """Stands in for the upgrade to the newest schema.

    :param upgrade: the real one.
    """

    def __init__(self, upgrade: Callable[[Connection], None]) -> None:
        self._upgrade = upgrade
        self._made: dict[str, list[tuple[str, Any]]] = {}

    def __call__(self, connection: Connection) -> None:
        """Bring the schema up to date."""
        dialect = connection.dialect.name
        if not _is_new(connection):
            self._upgrade(connection)
        elif dialect in self._made:
            for statement, values in self._made[dialect]:
                connection.exec_driver_sql(statement, values or ())
        else:
            self._made[dialect] = self._recorded(connection)

    def _recorded(self, connection: Connection) -> list[tuple[str, Any]]:
        made: list[tuple[str, Any]] = []

        def remember(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
            if not statement.lstrip().upper().startswith(_LOOKS):
                made.append((statement, values))

        event.listen(connection, "before_cursor_execute", remember)
        self._upgrade(connection)
        event.remove(connection, "before_cursor_execute", remember)
        return made


def _is_new(connection: Connection) -> bool:
    return not connection.dialect.has_table(connection, VERSION_TABLE)


def install() -> None:
    """Let all ledgers that this process opens get their schema so."""
    migrate._upgrade = ReplayedSchema(migrate._upgrade)

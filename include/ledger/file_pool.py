"""Connections to a ledger in a file: one per transaction, or one for a piece of work with many of them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.pool import ConnectionPoolEntry


class FilePool(NullPool):
    """Opens a connection for each transaction and closes it, unless one is to be kept.

    Airflow forks a process per task, and SQLite's locks belong to a process: a connection that is open at a fork
    breaks them on both sides. So nothing stays open between pieces of work. Within one, such as a read of a thousand
    pages, opening costs more than the transaction, and closing the last one copies the whole log into the file.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._keeping = 0
        self._kept: list[tuple[int, ConnectionPoolEntry]] = []

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Keep a connection open in this block; whatever else needs one at the same time opens its own."""
        self._keeping += 1
        try:
            yield
        finally:
            self._keeping -= 1
            if not self._keeping:
                self._let_go()

    def dispose(self) -> None:
        """Close what is kept."""
        self._let_go()
        super().dispose()

    def _let_go(self) -> None:
        while self._kept:
            process, entry = self._kept.pop()
            if process == os.getpid():
                entry.close()

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            process, entry = self._kept.pop()
        except IndexError:
            return super()._do_get()
        if process == os.getpid():
            return entry
        # Of the process that this one was forked from: left open, as closing would give up that one's locks.
        _FOREIGN.append(entry)
        return super()._do_get()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if self._keeping and not self._kept and record.dbapi_connection is not None:
            self._kept.append((os.getpid(), record))
        else:
            super()._do_return_conn(record)


_FOREIGN: list[ConnectionPoolEntry] = []
"""Held, so that nobody closes them."""

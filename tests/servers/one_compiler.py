"""Ledgers of a test process share the statements that SQLAlchemy has compiled for one of them.

Every ledger that is opened has an engine of its own, which begins with nothing compiled; a page of the console opens
one, and compiles for longer than it reads. The engines differ in nothing that a statement is compiled by but their
dialect, of which each has one of its own, too: it counts here by what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.util import LRUCache

from include.ledger import database

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine
    from sqlalchemy.engine.interfaces import Compiled

_MOST = 2_000


class SharedStatements:
    """What SQLAlchemy looks compiled statements up in; the first part of a key is the engine's dialect."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[Any, ...], Compiled] = LRUCache(_MOST)

    def get(self, key: tuple[Any, ...]) -> Compiled | None:
        """Return a statement that was compiled before."""
        return self._kept.get(_by_kind(key))

    def __setitem__(self, key: tuple[Any, ...], compiled: Compiled) -> None:
        self._kept[_by_kind(key)] = compiled


def _by_kind(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *statement = key
    return (type(dialect), dialect.server_version_info, *statement)


def install() -> None:
    """Let all ledgers that this process opens share them."""
    shared = SharedStatements()
    made = database._make_engine

    def make(url: URL) -> Engine:
        engine = made(url)
        names: Any = engine
        names._compiled_cache = shared
        return engine

    database._make_engine = make

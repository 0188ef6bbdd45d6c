"""Shortcuts that make thousands of runs in one process quick; nothing of what they do is left out."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event

import line
from include.ledger.database import _on_sqlite_begin, _on_sqlite_connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.records import Destination, Entity


@contextmanager
def quick(url: str) -> Iterator[None]:
    """Let all lines share one HTTP client and one mapping: to build them takes longer than a run."""
    # Names that the module only imports: for mypy they are not its own.
    names: Any = line
    built, loaded = names.build_http, names.load_mapping
    mappings: dict[str, Any] = {}

    def load(entity: Entity, destination: Destination, *, overrides: dict[str, Any]) -> Any:
        key = f"{entity} {destination} {overrides}"
        if key not in mappings:
            mappings[key] = loaded(entity, destination, overrides=overrides)
        return mappings[key]

    with built(base_url=url, timeout=30) as http:
        names.build_http = lambda **_: nullcontext(http)
        names.load_mapping = load
        try:
            yield
        finally:
            names.build_http, names.load_mapping = built, loaded


def keep_connections(ledger: Ledger) -> None:
    """Let a ledger keep its connections, and SQLite not wait for the disk: nobody forks here or cuts the power."""
    held = ledger._database
    engine = create_engine(held.engine.url, hide_parameters=True)
    if held.is_sqlite:
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        event.listen(engine, "begin", _on_sqlite_begin)
    held.engine.dispose()
    held.engine = engine
    held._writer = engine.execution_options(ledger_write=True)

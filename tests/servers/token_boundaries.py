"""The I/O boundaries of a token renewal, found by tracing: no list of them is kept anywhere."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx
from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from include.ledger import locks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Crossing = Callable[[int, str], None]


@contextmanager
def crossed(tell: Crossing) -> Iterator[None]:
    """Call a function at each boundary that the block crosses.

    Boundaries are: before each statement to the database, before and after each commit, before a request is sent,
    when its answer's head has come and when all of it has, and after a lock is taken and given back.

    :param tell: called with the number of the boundary, from 0, and its name.
    """
    numbers = iter(range(1_000_000))

    def cross(name: str) -> None:
        tell(next(numbers), name)

    def statement(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        cross(f"statement {' '.join(text.split()[:3])}")

    with ExitStack() as stack:
        stack.enter_context(_around(DefaultDialect, "do_commit", cross, "commit"))
        stack.enter_context(_around(httpx.HTTPTransport, "handle_request", cross, "request", "answer begun"))
        stack.enter_context(_around(httpx.Client, "send", cross, "send", "answer read"))
        for name in ("_file_lock", "_advisory"):
            stack.enter_context(_around_lock(name, cross))
        event.listen(Engine, "before_cursor_execute", statement)
        stack.callback(event.remove, Engine, "before_cursor_execute", statement)
        yield


def _around(owner: Any, name: str, cross: Callable[[str], None], before: str, after: str = "") -> Any:
    original = getattr(owner, name)

    def traced(*arguments: Any, **named: Any) -> Any:
        cross(f"{before} to come" if not after else before)
        result = original(*arguments, **named)
        cross(after or f"{before} done")
        return result

    return patch.object(owner, name, traced)


def _around_lock(name: str, cross: Callable[[str], None]) -> Any:
    original: Any = getattr(locks, name)

    @contextmanager
    def traced(*arguments: Any, **named: Any) -> Iterator[None]:
        with original(*arguments, **named):
            cross("lock taken")
            yield
            cross("lock to be given back")
        cross("lock given back")

    return patch.object(locks, name, traced)

"""One time for the ledger, the clients and both services, which passes only when somebody waits."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from importlib import import_module
from pkgutil import iter_modules
from threading import Lock
from typing import TYPE_CHECKING, Any

from include import clients, ledger, sync, transform

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 6, 25, 6, 0, tzinfo=UTC)
TICK = timedelta(milliseconds=1)
PARTS = {part.__name__: part.__path__ for part in (clients, ledger, sync, transform)}


class Time:
    """Called, it tells the time; it goes on a little with every call, so that nothing happens at once."""

    def __init__(self) -> None:
        self._now = START
        self._lock = Lock()

    def __call__(self) -> datetime:
        with self._lock:
            self._now += TICK
            return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += max(timedelta(seconds=seconds), TICK)


@contextmanager
def everywhere(time: Time) -> Iterator[None]:
    """Let all of the project's modules, not the sandbox, read the time where they read the machine's clock."""

    class Same(type):
        def __instancecheck__(cls, one: object) -> bool:
            return isinstance(one, datetime)

    class Shifted(datetime, metaclass=Same):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return time().astimezone(tz)

    # What is imported only when it is needed, too.
    names = [f"{part}.{one.name}" for part, path in PARTS.items() for one in iter_modules(path)]
    modules = [import_module(name) for name in ("line", "include.transport", *names)]
    modules = [module for module in modules if getattr(module, "datetime", None) is datetime]
    for module in modules:
        module.datetime = Shifted  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in modules:
            module.datetime = datetime  # type: ignore[attr-defined]

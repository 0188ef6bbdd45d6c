"""Many real processes that want one token at the same time, and a sandbox whose log is the judge."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import forkserver
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

from forks import FORKS
from include.ledger import open_ledger
from include.sandbox.settings import EXACT_CLIENT_ID
from token_process import CONNECTION, Told, Wanting, want

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from include.sandbox.server import RunningSandbox

RACERS = int(os.environ.get("EXACT_PERSONIO_RACERS", "50"))
"""How many processes want the token at the same time."""

PATIENCE = 240.0
"""Seconds that a process may take, on a machine that is busy with other things."""


class Runner:
    """One process.

    :param target: what it runs; it gets the arguments and its end of the line.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        self._line, far = FORKS.Pipe()
        self._process = FORKS.Process(target=target, args=(*arguments, far), daemon=True)
        # What this process was started with is nothing to them, and takes long to import.
        with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
            self._process.start()
        far.close()

    def heard(self) -> Any:
        """Return what it says next.

        :raises AssertionError: it says nothing, or is gone.
        """
        assert self._line.poll(PATIENCE), "a process hangs"
        try:
            return self._line.recv()
        except EOFError:
            raise AssertionError("a process ended without a word; its traceback is above") from None

    def go(self) -> None:
        """Let it begin."""
        self._line.send("go")

    def told(self) -> Told:
        """Return its report, once it has ended."""
        report = Told(**self.heard())
        self._process.join(PATIENCE)
        return report

    def kill(self) -> None:
        """End it by SIGKILL, if it has not ended."""
        if self._process.is_alive() and self._process.pid is not None:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join(PATIENCE)
        self._line.close()


@contextmanager
def started(target: Callable[..., None], many: Sequence[tuple[Any, ...]]) -> Iterator[list[Runner]]:
    """Yield processes that have said ``ready``; none is left behind.

    :param target: what they run.
    :param many: the arguments of each.
    """
    _warm_up()
    with ExitStack() as stack:
        runners = []
        for arguments in many:
            runners.append(Runner(target, *arguments))
            stack.callback(runners[-1].kill)
        for runner in runners:
            assert runner.heard() == "ready"
        yield runners


def ready(wantings: Sequence[Wanting]) -> AbstractContextManager[list[Runner]]:
    """Return processes that want a token and wait for their start."""
    return started(want, [(wanting,) for wanting in wantings])


def _warm_up() -> None:
    """Start the server that forks, with all modules imported; once."""
    FORKS.set_forkserver_preload(["token_process", "httpcore", "psycopg"])
    # Its imports do not see this process' own path: https://github.com/python/cpython/issues/117378
    with patch.dict(os.environ, {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}):
        forkserver.ensure_running()


def run(wantings: Sequence[Wanting]) -> list[Told]:
    """Let all of them go at once, and return their reports."""
    with ready(wantings) as runners:
        for runner in runners:
            runner.go()
        return [runner.told() for runner in runners]


@dataclass(frozen=True)
class Judged:
    """What the sandbox has counted.

    :param asked: requests for a token, whatever became of them.
    :param renewed: those that got one.
    :param errors: answers for which Exact would block the key, by endpoint.
    """

    asked: int
    renewed: int
    errors: dict[str, int]

    @property
    def all_errors(self) -> int:
        """The errors of all endpoints."""
        return sum(self.errors.values())


class Company:
    """A ledger and a login at the sandbox, in a time of their own.

    :param running: Exact.
    :param url: of the ledger.
    :param key: of the ledger.
    """

    def __init__(self, running: RunningSandbox, url: str, key: str) -> None:
        self.sandbox = running.sandbox
        self._first = Wanting(url, key, running.url)
        self._ahead = 0.0

    def __enter__(self) -> Self:
        """Log in, so long ago that the access token has ended."""
        self.sandbox.log.clear()
        self.log_in()
        self.pass_time(601)
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing is held open."""

    def wanting(self, **changes: Any) -> Wanting:
        """Return what to tell a process of this company, at this time."""
        return replace(self._first, ahead=self._ahead, **changes)

    @property
    def url(self) -> str:
        """The ledger's URL."""
        return self._first.url

    @property
    def key(self) -> str:
        """The ledger's key."""
        return self._first.key

    def crowd(self, count: int, **changes: Any) -> list[Wanting]:
        """Return what to tell so many processes of one host."""
        return [self.wanting(**changes)] * count

    def hosts(self, count: int, home: Path, **changes: Any) -> list[Wanting]:
        """Return what to tell processes of two hosts, so many each, in turns."""
        names = ("worker-a", "worker-b")
        told = [self.wanting(home=str(home / name / "airflow"), host=name, **changes) for name in names]
        return told * count

    def log_in(self) -> None:
        """Put the first link of a new chain into the ledger, as the login command does."""
        with self.sandbox.lock:
            issued = self.sandbox.exact.issue_tokens()
        now = datetime.now(UTC) + timedelta(seconds=self._ahead)
        app = f"127.0.0.1|{EXACT_CLIENT_ID}"
        with open_ledger(self._first.url, self._first.key) as ledger, ledger.vault(CONNECTION, app).locked() as held:
            held.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, for Exact and for all processes to come."""
        self._ahead += seconds
        with self.sandbox.lock:
            self.sandbox.clock.advance(timedelta(seconds=seconds))

    def shift_exact(self, seconds: float) -> None:
        """Put Exact's clock ahead of everybody else's, and begin a new chain."""
        with self.sandbox.lock:
            self.sandbox.clock.advance(timedelta(seconds=seconds))
        self.log_in()

    def stored(self) -> str:
        """Return the refresh token in the ledger."""
        with open_ledger(self._first.url, self._first.key) as ledger:
            link = ledger.vault(CONNECTION).read()
        assert link is not None
        return link.refresh_token

    def newest(self) -> str:
        """Return the refresh token that Exact gave last."""
        return list(self.sandbox.exact.tokens._refresh)[-1]

    def judged(self) -> Judged:
        """Return what the sandbox has counted since the beginning."""
        entries = [entry for entry in self.sandbox.log.entries() if entry.service == "exact"]
        asked = [entry for entry in entries if entry.kind == "oauth2/token"]
        bad = [entry.kind for entry in entries if entry.status in {400, 401, 403, 404}]
        errors = {kind: bad.count(kind) for kind in sorted(set(bad))}
        return Judged(len(asked), sum(entry.status == 200 for entry in asked), errors)

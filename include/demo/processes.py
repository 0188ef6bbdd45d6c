"""Child processes that never outlive their parent's block."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Self

import psutil

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

GRACE = 8.0
"""Seconds between SIGTERM and SIGKILL."""

LAST_WORDS = 12
"""Lines of its log that the error about a failed process shows."""


class Processes:
    """Start commands, each in a session of its own, and end them all when the block is left.

    :param logs: directory that takes one log file per process.
    :param env: environment of all of them.
    """

    def __init__(self, logs: Path, env: Mapping[str, str]) -> None:
        self.logs = logs
        self.env = dict(env)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start ``command`` in the background; its output goes to ``<name>.log``."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                command, env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def run(self, name: str, command: Sequence[str]) -> None:
        """Run ``command`` to its end.

        :raises ConfigurationError: it failed; the text names its log.
        """
        self.start(name, command)
        code = self._running[name].wait()
        del self._running[name]
        if code != 0:
            raise self._failed(name, code)

    def wait_for(self, what: str, ready: Callable[[], bool], *, seconds: float = 120.0) -> None:
        """Wait until ``ready`` says so.

        :raises ConfigurationError: a process ended, or time ran out.
        """
        deadline = time.monotonic() + seconds
        while True:
            self.check()
            if ready():
                return
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"{what} did not come up within {seconds:.0f} seconds.",
                    reason_code="demo.process.slow",
                    way_out=f"Read the logs in {self.logs}.",
                )
            time.sleep(0.25)

    def check(self) -> None:
        """Raise if a process has ended by itself.

        :raises ConfigurationError: one has; the text names its log.
        """
        for name, process in self._running.items():
            code = process.poll()
            if code is not None:
                raise self._failed(name, code)

    def stop(self) -> None:
        """End every process and all that descends from it: first asked, then killed."""
        with uninterrupted():
            self._end_all()

    def _end_all(self) -> None:
        # Listed first: Airflow's tasks have sessions of their own, and once their parent is gone nothing
        # tells any more that they were ours.
        family = [member for process in self._running.values() for member in _with_descendants(process.pid)]
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=GRACE)
        late = [child for member in alive for child in _with_descendants(member.pid)]
        stubborn = [*{*alive, *late}]
        for member in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(stubborn, timeout=GRACE)
        for process in self._running.values():
            process.wait()
        self._running.clear()

    def _failed(self, name: str, code: int) -> ConfigurationError:
        log = self.logs / f"{name}.log"
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        return ConfigurationError(
            "\n  ".join([f"{name} ended with exit code {code}; the last that it said:", *lines[-LAST_WORDS:]]),
            reason_code="demo.process.ended",
            way_out=f"Read {log}.",
        )


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a second Ctrl-C of an impatient person not stop the stopping."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _with_descendants(pid: int) -> list[psutil.Process]:
    """Return the process and everything below it that is still there."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []

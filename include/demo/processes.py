"""Child processes that never outlive their parent's block."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

GRACE = 15.0
"""Seconds between SIGTERM and SIGKILL."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        code = self._running.pop(name).wait()
        if code != 0:
            raise self._failed(name, code)

    def wait_for(self, what: str, ready: Callable[[], bool], *, seconds: float = 120.0) -> None:
        """Wait until ``ready`` says so.

        :raises ConfigurationError: a process ended, or time ran out.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
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
        """End every process and its children: first asked, then killed."""
        for process in self._running.values():
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for process in self._running.values():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()
            # A parent that ended may have left children of its session behind.
            _signal_group(process, signal.SIGKILL)
        self._running.clear()

    def _failed(self, name: str, code: int) -> ConfigurationError:
        return ConfigurationError(
            f"{name} ended with exit code {code}.",
            reason_code="demo.process.ended",
            way_out=f"Read {self.logs / name}.log.",
        )


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return

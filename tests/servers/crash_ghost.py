"""A task process that was only thought to be dead: it goes on later, when its task has long been tried again.

The process that Airflow knows dies. A copy of it, forked at the boundary, holds everything that it held but its line
to the supervisor, and waits to be thawed.
"""

from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path

FROZEN = "frozen"
THAW = "thaw"
GONE = "gone"
LONGEST = 120.0
"""Seconds after which a ghost that nobody thaws gives up."""
_really_sleep = time.sleep


def leave(folder: Path) -> bool:
    """Fork; return True in the ghost, once it is thawed, and False in the process that is to die.

    :param folder: of the story; files in it are what ghost and story tell each other.
    """
    pid = os.fork()
    if pid:
        return False
    os.setsid()
    _cut_lines()
    (folder / FROZEN).write_text(str(os.getpid()))
    deadline = time.monotonic() + LONGEST
    while not (folder / THAW).exists():
        if time.monotonic() > deadline:
            os._exit(3)
        _really_sleep(0.01)
    return True


def _cut_lines() -> None:
    """Put nothing in the place of all pipes to the supervisor; connections to the services stay."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor != nothing and _is_local(descriptor):
            os.dup2(nothing, descriptor)


def _is_local(descriptor: int) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        with socket.socket(fileno=os.dup(descriptor)) as end:
            return end.family == socket.AF_UNIX
    except OSError:
        return False


def thaw(folder: Path, seconds: float = 60.0) -> bool:
    """Let the ghost go on, and wait for its end; say whether there was one.

    :param folder: of the story.
    :raises TimeoutError: it did not end.
    """
    if not (folder / FROZEN).exists():
        return False
    pid = int((folder / FROZEN).read_text())
    (folder / THAW).touch()
    deadline = time.monotonic() + seconds
    while _is_running(pid):
        if time.monotonic() > deadline:
            raise TimeoutError(f"ghost {pid} did not end")
        _really_sleep(0.02)
    return True


def _is_running(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"

"""What a task process does at its edges, seen from inside, and where it is to die.

Nothing here is known to the code under test. In the task process, just after Airflow's supervisor forked it, the
library calls that everything to the outside passes through are wrapped: httpx's transport, the commit of a database
connection, and what the task says to its supervisor. Each passage is a *boundary*, numbered as it comes, written to a
trace that outlives the process; at one of them the process is killed, or frozen.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import crash_clock
import crash_ghost

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Kind = Literal["http", "commit", "read", "say"]
Side = Literal["before", "after"]
Action = Literal["kill", "freeze"]

QUESTIONS = ("Get", "Mask", "Resend", "Validate")
"""What a task only asks its supervisor changes nothing; the other messages write."""
_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=/)\d+(?=/|$)")
_WRITES = re.compile(r"^\s*(?:INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|ALTER TABLE)\s+\"?(\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class Boundary:
    """One passage from the task to the outside, or back.

    :param number: counts from 1 in each try of a task.
    :param kind: ``http``, ``commit`` of the ledger, ``read`` of it, ``say`` to the supervisor.
    :param label: method and path, tables written, or name of the message; never values.
    :param struck: whether the process died here.
    """

    task: str
    attempt: int
    number: int
    kind: Kind
    label: str
    side: Side
    struck: bool = False

    @property
    def place(self) -> str:
        """What passes, and in which direction."""
        return f"{self.kind} {self.label} {self.side}"

    @property
    def name(self) -> str:
        """As it is told to people."""
        return f"{self.task}.{self.attempt}#{self.number} {self.place}"


@dataclass(frozen=True)
class Strike:
    """Where a task process ends.

    :param task: id of the task.
    :param attempt: counts the processes of the task in this story, from 1.
    :param number: of the boundary; 0: it is told by its place.
    :param at: kind, label and side, instead of the number.
    :param nth: which time the process comes to that place.
    :param action: ``kill`` ends it; ``freeze`` too, but a copy of it goes on later, as a process would that was
        only thought to be dead.
    """

    task: str
    attempt: int = 1
    number: int = 0
    at: str = ""
    nth: int = 1
    action: Action = "kill"

    def hits(self, boundary: Boundary, times: int) -> bool:
        """Say whether this is where.

        :param times: how often this process has come to a boundary of that place, this time included.
        """
        return times == self.nth if boundary.place == self.at else self.number == boundary.number


@dataclass
class Orders:
    """What the next task process is to do; set in the parent before the fork.

    :param strikes: of the whole story.
    :param trace: file that every boundary is appended to.
    :param variant: name of the mistake to build in; empty: none.
    """

    strikes: tuple[Strike, ...]
    trace: Path
    clock: Path
    variant: str = ""
    task: str = ""
    attempt: int = 0


class Tracer:
    """Counts the boundaries of this process, and ends it at the one that it was told."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.number = 0
        self.ghost = False
        mine = (orders.task, orders.attempt)
        self.strikes = [strike for strike in orders.strikes if (strike.task, strike.attempt) == mine]
        self.times: Counter[str] = Counter()
        self._file = os.open(orders.trace, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def passes(self, kind: Kind, label: str, side: Side) -> None:
        """Note a boundary, and die there if that is what was ordered."""
        if self.ghost:
            return
        self.number += 1
        boundary = Boundary(self.orders.task, self.orders.attempt, self.number, kind, label, side)
        self.times[boundary.place] += 1
        strike = next((one for one in self.strikes if one.hits(boundary, self.times[boundary.place])), None)
        self._write(asdict(boundary) | {"struck": strike is not None})
        if strike is None:
            return
        if strike.action == "freeze":
            self.ghost = crash_ghost.leave(self.orders.trace.parent)
            if self.ghost:
                return
        os.kill(os.getpid(), signal.SIGKILL)

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def read_trace(path: Path) -> list[Boundary]:
    """Return the boundaries of all processes of a story, in order."""
    if not path.exists():
        return []
    return [Boundary(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def arm(orders: Orders) -> Tracer:
    """Wrap the edges of this process, which has just been forked to be a task."""
    tracer = Tracer(orders)
    crash_clock.install(orders.clock)
    _wrap_http(tracer)
    _wrap_commits(tracer)
    _wrap_supervisor(tracer)
    if orders.variant:
        import crash_variants  # noqa: PLC0415 - imports the code that it breaks

        crash_variants.VARIANTS[orders.variant].build_in()
    return tracer


def _wrap_http(tracer: Tracer) -> None:
    import httpx  # noqa: PLC0415

    original = httpx.HTTPTransport.handle_request

    def handle_request(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        label = f"{request.method} {_IDS.sub('*', request.url.path)}"
        tracer.passes("http", label, "before")
        answer = original(self, request)
        answer.read()
        tracer.passes("http", label, "after")
        return answer

    replace(httpx.HTTPTransport, "handle_request", handle_request)


def _wrap_commits(tracer: Tracer) -> None:
    from sqlalchemy import Engine, event  # noqa: PLC0415
    from sqlalchemy.engine.default import DefaultDialect  # noqa: PLC0415

    # SQLAlchemy leaves it without types.
    commit: Any = DefaultDialect.do_commit

    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found = _WRITES.match(statement)
        if found:
            connection.connection.info.setdefault("written", []).append(found[1].lower())

    listen: Any = event.listen
    listen(Engine, "before_cursor_execute", note)

    def do_commit(self: DefaultDialect, connection: Any) -> None:
        written = sorted(set(connection.info.pop("written", ())))
        kind: Kind = "commit" if written else "read"
        label = "+".join(table.removeprefix("ledger_") for table in written)
        if written:
            tracer.passes(kind, label, "before")
        commit(self, connection)
        tracer.passes(kind, label, "after")

    replace(DefaultDialect, "do_commit", do_commit)


def _wrap_supervisor(tracer: Tracer) -> None:
    from airflow.sdk.execution_time.comms import CommsDecoder  # noqa: PLC0415

    original = CommsDecoder.send

    def send(self: Any, msg: Any) -> Any:
        name = type(msg).__name__
        if name.startswith(QUESTIONS):
            return original(self, msg)
        label = f"{name} {getattr(msg, 'key', '')}".strip()
        tracer.passes("say", label, "before")
        answer = original(self, msg)
        tracer.passes("say", label, "after")
        return answer

    replace(CommsDecoder, "send", send)


def replace(owner: Any, name: str, function: Callable[..., Any]) -> None:
    """Put a function in the place of another, for good: the process is a task's own.

    :param owner: class or module.
    """
    setattr(owner, name, function)

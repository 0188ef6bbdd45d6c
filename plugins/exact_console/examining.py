"""The test of a connection: the doctor's checks of its service, and an end to them however slow the service is."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from exact_console.connections import fields_of
from include.doctor.installation import Installation
from include.doctor.run import checks_of, examine
from include.doctor.visit import Visit
from include.errors import ConfigurationError, ExactPersonioError, RetryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.doctor.finding import Finding

T = TypeVar("T")

SECONDS: Final = 25.0
"""For which somebody waits for a page."""
PATIENCE: Final = 8.0
"""Seconds for one answer of a service."""

_lock = threading.Lock()
_under_way: set[str] = set()


@dataclass(frozen=True, slots=True)
class Examined:
    """What the test of a connection found.

    :param findings: of the service, and what kept its checks from being asked.
    :param complete: whether all checks were made in time.
    """

    findings: tuple[Finding, ...]
    complete: bool

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each status."""
        told = [finding.status for finding in self.findings]
        return {status: told.count(status) for status in ("pass", "fail", "unknown")}


def examined(conn_id: str, service: str, *, seconds: float = SECONDS) -> Examined:
    """Make the doctor's checks of one connection.

    :param conn_id: of the connection.
    :param service: ``exact`` or ``personio``.
    :param seconds: after which what was found so far is returned.
    :raises RetryLaterError: the last test of it is still under way.
    """
    installation = _installation(conn_id, service)
    findings: list[Finding] = []
    ended = threading.Event()

    def work() -> None:
        with Visit(installation, patience=PATIENCE) as visit:
            for finding in examine(visit, checks_of(service)):
                findings.append(finding)
                if ended.is_set():
                    return

    complete = True
    try:
        within(seconds, conn_id, work)
    except _TooSlowError:
        complete = False
        ended.set()
    told = [one for one in findings if one.check.startswith(f"{service}.") or one.status != "pass"]
    return Examined(tuple(told), complete)


class _TooSlowError(RetryLaterError):
    """Raised when the time is over."""


def within(seconds: float, conn_id: str, work: Callable[[], T]) -> T:
    """Do what asks a service, and give it up after a while; it then ends by itself, and nobody waits for it.

    :param seconds: how long somebody waits.
    :param conn_id: the connection; one thing at a time is asked through it from here.
    :param work: asks the service.
    :raises RetryLaterError: it took too long, or the last one is still under way.
    """
    with _lock:
        if conn_id in _under_way:
            raise RetryLaterError(
                f"Connection {conn_id} is being asked already, and its service is slow.",
                reason_code="console.connection.busy",
                way_out="Wait a minute and ask again.",
            )
        _under_way.add(conn_id)
    outcome: list[T] = []
    trouble: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            trouble.append(error)
        finally:
            with _lock:
                _under_way.discard(conn_id)

    # A daemon: a service that never answers must not keep the API server from ending.
    thread = threading.Thread(target=run, daemon=True, name=f"exact-console {conn_id}")
    thread.start()
    thread.join(seconds)
    if trouble:
        raise trouble[0]
    if not outcome:
        raise _TooSlowError(
            f"No answer through connection {conn_id} within {seconds:g} seconds.",
            reason_code="console.connection.slow",
            way_out="Ask again later; check proxy and firewall if it stays so.",
        )
    return outcome[0]


def _installation(conn_id: str, service: str) -> Installation:
    """Return an installation of this connection alone: the checks of one service do not look at the other."""
    fields: Any
    try:
        fields = fields_of(conn_id)
    except ExactPersonioError as error:
        fields = error
    other = ConfigurationError("It is not looked at here.", reason_code="console.connection.other")
    of_exact = service == "exact"
    names = (conn_id, "") if of_exact else ("", conn_id)
    return Installation(*names, fields if of_exact else other, other if of_exact else fields)

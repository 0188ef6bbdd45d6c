"""One process that wants Exact's token, as a task does: what it is told, what it does, what it reports.

It stands in a module of its own because processes import it by name.
"""

from __future__ import annotations

import fcntl
import os
import socket
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx

import include.ledger.tokens
import token_boundaries
import token_mistakes
from include.clients.exact_calls import ExactCalls, ExactConfig
from include.clients.tokens import ExactTokens
from include.errors import ExactPersonioError
from include.ledger import open_ledger
from include.sandbox.settings import DEFAULT_DIVISION, EXACT_CLIENT_ID, EXACT_CLIENT_SECRET
from include.transport import build_http

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from include.ledger import Ledger

CONNECTION = "exact_online_default"
CONTACTS = f"/api/v1/{DEFAULT_DIVISION}/crm/Contacts?$select=ID&$top=1"


@dataclass(frozen=True)
class Wanting:
    """What a process is told.

    :param url: of the ledger.
    :param key: of the ledger.
    :param site: Exact's address.
    :param home: AIRFLOW_HOME, working directory and folder for temporary files; empty: those of the parent.
    :param host: name of the machine that it believes to run on.
    :param ahead: seconds that have passed in the company's time, for everybody.
    :param off: seconds by which the clock of its host is ahead of everybody's.
    :param reads: whether it reads from Exact with the token that it got.
    :param stop_at: number of the I/O boundary at which it waits to be killed; -1: nowhere.
    :param trace: whether it reports the boundaries that it crosses.
    :param mistake: name of the broken variant to run with.
    """

    url: str = field(repr=False)
    key: str = field(repr=False)
    site: str
    home: str = ""
    host: str = ""
    ahead: float = 0.0
    off: float = 0.0
    reads: bool = True
    stop_at: int = -1
    trace: bool = False
    mistake: str = ""


@dataclass
class Told:
    """What a process reports.

    :param code: reason code of what it ended with; empty: it has what it wanted.
    :param text: of the error, as a log would show it.
    :param wait: seconds until the error says that it is worth another try.
    :param locked_files: files it has locked, by path.
    :param boundaries: what it crossed, if it was asked to tell.
    """

    code: str = ""
    text: str = ""
    wait: float = 0.0
    locked_files: list[str] = field(default_factory=list)
    boundaries: list[str] = field(default_factory=list)


def want(wanting: Wanting, line: Connection) -> None:
    """Get ready, wait for the start, get a token, read from Exact with it, and report.

    :param wanting: what to do.
    :param line: to the parent: ``ready``, then whatever it sends, then a report.
    """
    told = Told()
    _move_in(wanting)
    _watch_file_locks(told.locked_files)
    # The server's clock goes with everybody's; it has to be told of the time that is said to have passed.
    stored_tokens: Any = include.ledger.tokens
    stored_tokens._server_time = lambda _connection: _true_time(wanting)
    token_mistakes.make(wanting.mistake)
    # The sandbox speaks plain HTTP; to load all certificates takes longer than the whole test.
    plain = httpx.HTTPTransport(verify=False)
    with (
        open_ledger(wanting.url, wanting.key, clock=lambda: _now(wanting)) as ledger,
        build_http(base_url=wanting.site, transport=plain) as http,
    ):
        tokens = tokens_of(ledger, http)
        line.send("ready")
        line.recv()
        try:
            with token_boundaries.crossed(lambda number, name: _cross(wanting, line, told, number, name)):
                tokens.access_token()
            if wanting.reads:
                read(ledger, http, tokens)
        except ExactPersonioError as error:
            told.code, told.text = error.reason_code, str(error)
            retry_at = getattr(error, "retry_at", None)
            told.wait = (retry_at - _now(wanting)).total_seconds() if retry_at else 0.0
    line.send(asdict(told))


def tokens_of(ledger: Ledger, http: httpx.Client) -> ExactTokens:
    """Return the connection's chain as a task gets it."""
    app = f"{http.base_url.host}|{EXACT_CLIENT_ID}"
    return ExactTokens(
        http=http,
        client_id=EXACT_CLIENT_ID,
        client_secret=EXACT_CLIENT_SECRET,
        vault=ledger.vault(CONNECTION, app),
        conn_id=CONNECTION,
        meter=ledger.meter("race"),
        budget=ledger.error_budget(app),
    )


def read(ledger: Ledger, http: httpx.Client, tokens: ExactTokens) -> None:
    """Read one contact, with the limits and the error budget of a task."""
    config = ExactConfig(
        base_url=str(http.base_url), division=DEFAULT_DIVISION, zone=ZoneInfo("UTC"), calls_per_minute=100_000
    )
    budget = ledger.error_budget(f"{EXACT_CLIENT_ID}:{DEFAULT_DIVISION}")
    calls = ExactCalls(config, http, tokens, pacer=ledger.pacer, budget=budget, meter=ledger.meter("race"))
    calls.call("GET", CONTACTS, "crm/Contacts")


def _now(wanting: Wanting) -> datetime:
    return _true_time(wanting) + timedelta(seconds=wanting.off)


def _true_time(wanting: Wanting) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=wanting.ahead)


def _cross(wanting: Wanting, line: Connection, told: Told, number: int, name: str) -> None:
    if wanting.trace:
        told.boundaries.append(name)
    if number == wanting.stop_at:
        line.send(name)
        line.recv()  # nothing comes: the parent kills


def _move_in(wanting: Wanting) -> None:
    """Share nothing with processes of another host but the database and the key."""
    if not wanting.home:
        return
    home = Path(wanting.home)
    home.mkdir(parents=True, exist_ok=True)
    os.environ.update({"AIRFLOW_HOME": str(home), "HOME": str(home), "TMPDIR": str(home)})
    os.environ["HOSTNAME"] = wanting.host
    os.chdir(home)
    socket.gethostname = lambda: wanting.host


def _watch_file_locks(seen: list[str]) -> None:
    names: Any = fcntl
    for name in ("flock", "lockf"):
        original = getattr(names, name)

        def watched(file: Any, *rest: Any, _original: Any = original) -> Any:
            number = file if isinstance(file, int) else file.fileno()
            path = str(Path(f"/proc/self/fd/{number}").readlink())
            if path not in seen:
                seen.append(path)
            return _original(file, *rest)

        setattr(names, name, watched)

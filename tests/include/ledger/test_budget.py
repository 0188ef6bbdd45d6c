"""The budget counts what Exact counts, and no crowd of processes gets past it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from forks import FORKS
from include.clients.exact import ExactClient, ExactConfig
from include.clients.tokens import ExactTokens
from include.errors import ErrorBudgetSpentError, ExactPersonioError
from include.ledger import open_ledger
from include.ledger.budget import SharedErrorBudget
from include.ledger.staging import StagedRow
from include.transport import build_http

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

PROCESSES, CALLS = 18, 3
SPENT = "exact.error_budget.spent"


class Refusing(ThreadingHTTPServer):
    """A service that knows nobody's values: it takes its time, counts the call and answers with one status."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, status: int, seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.status, self.seconds = status, seconds
        self.counted: Counter[str] = Counter()
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Refusing

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.guard:
            self.server.counted[self.path] += 1
        time.sleep(self.server.seconds)
        body = b'{"d": {"ID": "1"}}' if self.server.status < 300 else b'{"error": {"message": {"value": "no"}}}'
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def refusing(request: pytest.FixtureRequest) -> Iterator[Refusing]:
    server = Refusing(*request.param)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def log_in(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    with ledger.vault("exact").locked() as chain:
        chain.replace("access", "refresh", now, now + timedelta(seconds=600))


@contextmanager
def client_of(ledger: Ledger, site: str) -> Iterator[ExactClient]:
    """Build a client as the hook does."""
    meter = ledger.meter("run")
    with build_http(base_url=site, timeout=30) as http:
        tokens = ExactTokens(http=http, client_id="app", client_secret="s", vault=ledger.vault("exact"), meter=meter)
        config = ExactConfig(base_url=site, division=124132, zone=ZoneInfo("Europe/Amsterdam"), calls_per_minute=999)
        budget = ledger.error_budget("app:124132")
        yield ExactClient(config, http, tokens, pacer=ledger.pacer, budget=budget, meter=meter)


def create(ledger: Ledger, site: str) -> str:
    """Make one create with a client of its own; return what it came to."""
    with client_of(ledger, site) as client:
        try:
            client.create("crm/Accounts", {"Name": "Acme"})
        except ExactPersonioError as error:
            return error.reason_code
        return "created"


def crowd(url: str, key: str, site: str, ready: Any) -> list[str]:
    with open_ledger(url, key) as ledger:
        ready.wait()
        return [create(ledger, site) for _ in range(CALLS)]


def hold_and_die(url: str, key: str) -> None:
    with open_ledger(url, key) as ledger, ledger.error_budget("app:1").reserved("crm/Accounts"):
        os.kill(os.getpid(), signal.SIGKILL)


def all_at_once(url: str, key: str, site: str) -> Counter[str]:
    with open_ledger(url, key) as ledger:
        log_in(ledger)
    with FORKS.Manager() as manager, FORKS.Pool(PROCESSES) as pool:
        ready = manager.Barrier(PROCESSES)
        found = pool.starmap(crowd, [(url, key, site, ready)] * PROCESSES, chunksize=1)
    return Counter(code for mine in found for code in mine)


@pytest.mark.parametrize("refusing", [(400, 0.3)], indirect=True)
def test_a_crowd_of_bad_calls_makes_nine_errors(url: str, key: str, refusing: Refusing) -> None:
    """Eighteen processes send refused values at the same moment, and do not stop: nine reach Exact."""
    codes = all_at_once(url, key, refusing.url)
    assert refusing.counted == {"/api/v1/124132/crm/Accounts": 9}
    assert codes[SPENT] == PROCESSES * CALLS - 9
    assert codes.total() == PROCESSES * CALLS


@pytest.mark.parametrize("refusing", [(201, 0.2)], indirect=True)
def test_a_crowd_of_good_calls_is_not_turned_away(url: str, key: str, refusing: Refusing) -> None:
    """More than nine at a time wait for each other's end; every one is made."""
    assert all_at_once(url, key, refusing.url) == {"created": PROCESSES * CALLS}
    assert refusing.counted.total() == PROCESSES * CALLS


@pytest.mark.parametrize("refusing", [(201,)], indirect=True)
def test_a_healthy_call_costs_no_transaction_for_the_budget_but_one_that_reads(
    url: str, key: str, clock: Clock, refusing: Refusing
) -> None:
    """Two read: the token and the budget. Three write: the slots of minute and day, the count of calls.

    The ledger's clock stands still: a call that leaves long after its slot was taken costs another one.
    """
    with open_ledger(url, key, clock=clock) as ledger, client_of(ledger, refusing.url) as client:
        log_in(ledger)
        # Before the first call a client compares its clock with the server's, once.
        client.create("crm/Accounts", {"Name": "Acme"})
        begun: list[bool] = []
        event.listen(
            ledger._database.engine,
            "begin",
            lambda connection: begun.append(connection.get_execution_options().get("ledger_write", False)),
        )
        for _ in range(5):
            client.create("crm/Accounts", {"Name": "Acme"})
    assert Counter(begun) == {False: 5 * 2, True: 5 * 3}


def test_what_is_under_way_counts_as_an_error_until_it_has_ended(ledger: Ledger) -> None:
    budget = SharedErrorBudget(ledger._database, "app:1", wait_seconds=0.1)
    for _ in range(6):
        with budget.reserved("crm/Accounts") as record:
            record(400)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(budget.reserved("crm/Accounts"))
        with pytest.raises(ErrorBudgetSpentError) as crowded, budget.reserved("crm/Accounts"):
            pass
        assert crowded.value.reason_code == "exact.error_budget.crowded"
        with budget.reserved("crm/Contacts"):
            pass
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(budget.reserved("crm/Accounts"))


def test_place_is_free_again_however_the_call_ends(ledger: Ledger) -> None:
    budget = SharedErrorBudget(ledger._database, "app:1", wait_seconds=0.1)
    for _ in range(20):
        with suppress(TimeoutError), budget.reserved("crm/Accounts"):
            raise TimeoutError


def test_a_killed_caller_gives_its_place_back(url: str, key: str) -> None:
    """Nobody knows its answer: it is no error, and nobody waits for it."""
    with open_ledger(url, key) as ledger:
        budget = SharedErrorBudget(ledger._database, "app:1", wait_seconds=10)
        with ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(budget.reserved("crm/Accounts"))
            process = FORKS.Process(target=hold_and_die, args=(url, key))
            process.start()
            process.join()
            assert process.exitcode == -signal.SIGKILL
            stack.enter_context(budget.reserved("crm/Accounts"))


def test_broken_connection_does_not_hide_the_answer(url: str, key: str) -> None:
    """The server ends a transaction that is idle for too long; the call it was opened for has an answer."""
    with open_ledger(url, key) as ledger, ledger.error_budget("app:1").reserved("crm/Accounts") as record:
        if not ledger._database.is_sqlite:
            with ledger._database.write() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
        record(404)


def test_path_in_another_case_is_the_same_endpoint(ledger: Ledger) -> None:
    budget = ledger.error_budget("app")
    for name in ("crm/accounts", "CRM/Accounts", "crm/Accounts") * 3:
        with budget.reserved(name) as record:
            record(404)
    with pytest.raises(ErrorBudgetSpentError, match="CRM/ACCOUNTS"), budget.reserved("CRM/ACCOUNTS"):
        pass
    with budget.reserved("crm/Contacts"):
        pass


def test_calls_without_a_division_have_one_budget_for_all_divisions(ledger: Ledger) -> None:
    """Exact counts `current/Me` per key, whichever company is worked on; other keys have their own."""
    for division in (1, 2, 3) * 3:
        with ledger.error_budget(f"app:{division}").reserved("current/Me", division=False) as record:
            record(401)
    for scope in ("app:1", "app:4", "app"):
        with pytest.raises(ErrorBudgetSpentError), ledger.error_budget(scope).reserved("current/Me", division=False):
            pass
    with ledger.error_budget("app:1").reserved("current/Me"):
        pass
    for scope in ("other:1", "http://127.0.0.1:80|app"):
        with ledger.error_budget(scope).reserved("current/Me", division=False):
            pass


def test_ledger_in_memory_keeps_the_budget(key: str, clock: Clock) -> None:
    with open_ledger("sqlite://", key, clock=clock) as ledger:
        budget = ledger.error_budget("app:1")
        for _ in range(9):
            with budget.reserved("crm/Accounts") as record:
                record(400)
        with pytest.raises(ErrorBudgetSpentError), budget.reserved("crm/Accounts"):
            pass


def test_lock_files_name_nobody(tmp_path: Path, key: str) -> None:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", key) as ledger:
        with ledger.error_budget("client-id:1").reserved("crm/Accounts"):
            pass
        with ledger.error_budget("client-id:1").reserved("crm/Accounts"):
            pass
    places = list(tmp_path.glob("*-?.lock"))
    assert len(places) == 1
    assert "client" not in places[0].name


def test_staged_row_does_not_show_the_person() -> None:
    assert "Ada" not in repr(StagedRow("id", 1, None, {"FirstName": "Ada"}))

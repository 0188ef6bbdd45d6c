"""The ledger as one object, opened by `open_ledger`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from include.ledger.alarms import Alarms
from include.ledger.approvals import Approvals
from include.ledger.balances import Balances
from include.ledger.budget import SharedErrorBudget
from include.ledger.calls import RunMeter, calls_of
from include.ledger.crypto import Cipher
from include.ledger.database import Database, parse_url, utc_now
from include.ledger.deliveries import Deliveries
from include.ledger.erasures import Erasures
from include.ledger.failures import Failures
from include.ledger.holdings import Holdings
from include.ledger.keyfile import keys_for
from include.ledger.migrate import migrate
from include.ledger.news import News
from include.ledger.opening import told_plainly, told_while_open
from include.ledger.outcomes import Outcomes
from include.ledger.pacing import SharedPacer
from include.ledger.previews import Previews
from include.ledger.reading_ranges import ReadingRanges
from include.ledger.reconciliations import Reconciliations
from include.ledger.record_list import RecordList
from include.ledger.rejections import Rejections
from include.ledger.remote_matches import RemoteMatches
from include.ledger.resealing import Resealing
from include.ledger.retention import Retention
from include.ledger.run_results import RunResults
from include.ledger.settled import SettledLanes
from include.ledger.source_rows import SourceRows
from include.ledger.staging import Staging
from include.ledger.standings import Standings
from include.ledger.tokens import Chain, SharedVault, chains_of, logins_of
from include.ledger.tombstones import Tombstones
from include.ledger.vitals import Vitals
from include.ledger.watermarks import Watermarks
from include.ledger.windows import Windows
from include.ledger.writes import Writes
from include.settings import load_settings, split_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime
    from types import TracebackType


class Ledger:
    """Everything the project remembers; each attribute is one store.

    :param database: with its schema up to date.
    :param cipher: unlocked.
    """

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher
        self.windows = Windows(database)
        self.watermarks = Watermarks(database)
        self.staging = Staging(database, cipher)
        self.settled = SettledLanes(database)
        self.source_rows = SourceRows(database, cipher)
        self.deliveries = Deliveries(database, cipher)
        self.outcomes = Outcomes(database)
        self.standings = Standings(database, cipher)
        self.previews = Previews(database, cipher)
        self.approvals = Approvals(database)
        self.failures = Failures(database)
        self.news = News(database)
        self.writes = Writes(database, cipher)
        self.retention = Retention(database)
        self.resealing = Resealing(database, cipher)
        self.pacer = SharedPacer(database)
        self.balances = Balances(database)
        self.ranges = ReadingRanges(database)
        self.remote = RemoteMatches(database, cipher)
        self.reconciliations = Reconciliations(database)
        self.tombstones = Tombstones(database, cipher)
        self.erasures = Erasures(database, cipher)
        self.holdings = Holdings(database, cipher)
        self.vitals = Vitals(database)
        self.run_results = RunResults(database)
        self.rejections = Rejections(database)
        self.alarms = Alarms(database)
        self.records = RecordList(database, cipher)

    def error_budget(self, scope: str) -> SharedErrorBudget:
        """Return the error budget of one API key."""
        return SharedErrorBudget(self._database, scope)

    def meter(self, run_id: str) -> RunMeter:
        """Return the counter of a run's calls."""
        return RunMeter(self._database, run_id)

    def calls(self, run_id: str) -> dict[tuple[str, str, int], int]:
        """Return a run's calls by service, endpoint and status."""
        return calls_of(self._database, run_id)

    def vault(self, connection_id: str, app: str = "") -> SharedVault:
        """Return the token chain of one connection.

        :param app: ``host|client_id`` of the chain; stored with the next link, as a keyed hash.
        """
        return SharedVault(self._database, self._cipher, connection_id, app)

    def chains(self, app: str) -> list[Chain]:
        """Return the token chains of an app, the newest first, whatever their connections are called.

        :param app: ``host|client_id``, as given to `vault`.
        """
        return chains_of(self._database, self._cipher, app)

    def logins(self) -> list[str]:
        """Return the ids of all connections that have a token chain, be it alive or dead."""
        return logins_of(self._database)

    def told_plainly(self) -> AbstractContextManager[None]:
        """Return a block in which the loss of the database is one sentence, a `RetryLaterError`."""
        return told_while_open(self._database.engine.url)

    def kept_open(self) -> AbstractContextManager[None]:
        """Return a block in which a ledger in a file stays open; for work with many transactions and no forks."""
        return self._database.kept_open()

    def close(self) -> None:
        """Give back all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_ledger(url: str | None = None, key: str | None = None, *, clock: Callable[[], datetime] = utc_now) -> Ledger:
    """Open the ledger, with its schema brought up to date.

    :param url: SQLAlchemy URL; None: from the settings.
    :param key: Fernet keys, comma separated; None: from the settings, else the key file.
    :param clock: replaces the system's clock in tests.
    :raises ConfigurationError: if the URL, the key or the schema does not fit, or the database cannot be used.
    :raises RetryLaterError: if the database is too busy to be opened.
    """
    settings = load_settings()
    parsed = parse_url(url or settings.ledger_url)
    with told_plainly(parsed):
        cipher = Cipher(keys_for(parsed, split_keys(key) if key else settings.ledger_keys))
        database = Database(parsed, clock)
        try:
            migrate(database)
            cipher.unlock(database)
        except BaseException:
            database.close()
            raise
        return Ledger(database, cipher)

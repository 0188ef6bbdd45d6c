"""What keeps a database from being opened, told in one sentence with the way out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, OperationalError

from include.errors import ConfigurationError, RetryLaterError
from include.ledger.database import sqlite_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL

_BUSY = (
    *("database is locked", "database table is locked", "too many clients", "connection slots"),
    *("starting up", "shutting down", "in recovery mode", "deadlock detected"),
)

# What drivers say -> reason, what is wrong, what to do. The first that fits; their own words may quote settings.
_CAUSES: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (
        ("password authentication failed", "no password supplied", "authentication failed"),
        "login",
        "the server does not accept the user or the password",
        "Correct user and password in EXACT_PERSONIO_LEDGER_URL; write @ : / in a password as %40 %3A %2F.",
    ),
    (
        ("resolve", "name or service not known", "translate host name", "no address"),
        "host",
        "there is no such host",
        "Correct the host in EXACT_PERSONIO_LEDGER_URL; write @ in a password as %40.",
    ),
    (
        ("does not exist",),
        "missing",
        "the server has no such database or user",
        "Create it there, or correct EXACT_PERSONIO_LEDGER_URL.",
    ),
    (
        ("permission denied", "not permitted", "readonly", "read-only"),
        "denied",
        "this user may not write there",
        "Let the user create tables and files there, or set EXACT_PERSONIO_LEDGER_URL to another place.",
    ),
    (
        ("no space left", "disk is full", "could not extend file", "quota"),
        "disk_full",
        "the disk is full",
        "Free some space, then run it again: what was committed is kept.",
    ),
    (
        ("not a database", "malformed", "file is encrypted"),
        "no_database",
        "the file is no SQLite database, or it is damaged",
        "Put a backup in its place, or set EXACT_PERSONIO_LEDGER_URL to another file.",
    ),
    (
        ("no such file", "not a directory", "is a directory", "file exists", "unable to open"),
        "no_file",
        "there cannot be a file of that name",
        "Create the folder, or set EXACT_PERSONIO_LEDGER_URL to another file.",
    ),
)
_AWAY = (
    *("refused", "timeout", "timed out", "unreachable", "closed the connection", "terminating connection"),
    *("reset by peer", "temporary failure in name resolution"),
)
_FULL = ("no space left", "disk is full", "could not extend file")
_LOST = (*_BUSY, *_AWAY, *_FULL, "disk i/o error")
_UNKNOWN = ("failed", "it cannot be opened", "Check EXACT_PERSONIO_LEDGER_URL, and the database's own log.")


@contextmanager
def told_plainly(url: URL) -> Iterator[None]:
    """Turn what drivers and the file system say while a ledger is opened into one sentence.

    :raises ConfigurationError: in place of their errors; it never holds the URL's password.
    :raises RetryLaterError: if the database is only too busy for the moment, or away.
    """
    try:
        yield
    except DBAPIError as error:
        text = str(error.orig).lower()
        if isinstance(error, OperationalError) and any(word in text for word in _BUSY):
            raise _busy(url) from None
        if isinstance(error, OperationalError) and any(word in text for word in _AWAY):
            raise _away(url) from None
        raise _sentence(url, text) from None
    except OSError as error:
        raise _sentence(url, f"{error.strerror or ''}".lower()) from None


@contextmanager
def told_while_open(url: URL) -> Iterator[None]:
    """Turn the loss of an open ledger into one sentence; the driver's would be a page of SQL.

    What is wrong with a statement stays what it is: that is a mistake of ours, and its trace is wanted.

    :raises RetryLaterError: in place of an error that says that the database went away, is locked or full.
    """
    try:
        yield
    except DBAPIError as error:
        text = str(error.orig).lower()
        if not error.connection_invalidated and not any(word in text for word in _LOST):
            raise
        raise RetryLaterError(
            f"The ledger at {_place(url)} was lost in the middle of the work: "
            f"{'there is no room left' if any(word in text for word in _FULL) else 'it went away, or was too busy'}.",
            reason_code="ledger.database.lost",
            way_out="What was committed is kept, and the task is tried again; if it stays: exact-personio doctor.",
        ) from None


def _sentence(url: URL, text: str) -> ConfigurationError:
    found = (rest for words, *rest in _CAUSES if any(word in text for word in words))
    reason, what, way_out = next(found, _UNKNOWN)
    return ConfigurationError(
        f"The ledger at {_place(url)} cannot be used: {what}.",
        reason_code=f"ledger.database.{reason}",
        way_out=way_out,
    )


def _busy(url: URL) -> RetryLaterError:
    return RetryLaterError(
        f"The ledger at {_place(url)} is too busy to be opened.",
        reason_code="ledger.database.busy",
        way_out="It is tried again later; if it stays, look for a process that hangs.",
    )


def _away(url: URL) -> RetryLaterError:
    return RetryLaterError(
        f"The ledger at {_place(url)} cannot be reached: nothing answers there.",
        reason_code="ledger.database.unreachable",
        way_out="It is tried again later; if it stays, start the database, or correct EXACT_PERSONIO_LEDGER_URL.",
    )


def _place(url: URL) -> str:
    file = sqlite_file(url)
    if file is not None:
        return str(file)
    parts = (url.host or "localhost", url.database or "")
    if any("@" in part for part in parts):
        # An @ in the password that was not escaped: its rest is taken for the host.
        return "the host of EXACT_PERSONIO_LEDGER_URL"
    return f"{url.get_backend_name()}://{parts[0]}:{url.port or 5432}/{parts[1]}"

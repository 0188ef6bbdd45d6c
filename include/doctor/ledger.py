"""Checks of the ledger: reachable, migrated, opened by the key, writable, and with room to grow."""

from __future__ import annotations

import shutil
import stat
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from include.doctor.finding import Result, check, failed, failed_by, passed, unknown, unknown_by
from include.doctor.visit import RUN_KEY
from include.errors import ExactPersonioError, RetryLaterError
from include.ledger.database import parse_url, sqlite_file
from include.ledger.keyfile import SUFFIX
from include.ledger.migrate import HEAD
from include.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from include.doctor.visit import Visit

_KEY: Final = "settings.EXACT_PERSONIO_LEDGER_KEY."
_WRONG_KEY: Final = f"{_KEY}wrong"
_SCHEMA: Final = "ledger.schema."
_LEAST_FREE: Final = 500 * 1024 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@check("ledger.reachable", needs=("settings.retention",))
def reachable(visit: Visit) -> Result:
    """Check that the ledger's database answers."""
    error = _trouble(visit)
    if error is not None:
        if error.reason_code == _WRONG_KEY or error.reason_code.startswith(_SCHEMA):
            return passed(f"{_place()}: the database answers.")
        if error.reason_code.startswith(_KEY):
            return unknown(f"{_place()}: not opened, because of its key.", "Mend ledger.key first.")
        if isinstance(error, RetryLaterError):
            return unknown_by(error)
        return failed_by(error)
    return passed(f"{_place()}: the database answers.")


@check("ledger.key", unless=("ledger.reachable",), needs=("settings.retention",))
def key(visit: Visit) -> Result:
    """Check that the encryption key is there and opens this ledger."""
    error = _trouble(visit)
    if error is not None:
        if error.reason_code.startswith(_KEY):
            return failed_by(error)
        return unknown("The ledger was not opened.", "Mend ledger.schema first.")
    source = "EXACT_PERSONIO_LEDGER_KEY" if load_settings().ledger_keys else "the key file beside the ledger"
    return passed(f"The ledger opens with {source}.")


@check("ledger.schema", needs=("ledger.reachable",))
def schema(visit: Visit) -> Result:
    """Check that the ledger's schema is the one that this installation knows; missing migrations have been run."""
    error = _trouble(visit)
    if error is not None and error.reason_code.startswith(_SCHEMA):
        return failed_by(error)
    return passed(f"The schema is at {HEAD}.")


@check("ledger.writable", needs=("ledger.reachable", "ledger.key", "ledger.schema"))
def writable(visit: Visit) -> Result:
    """Check that the ledger can be written to."""
    try:
        # A slot of a bucket that nobody else uses; it is swept away when it has run out.
        visit.ledger.pacer.acquire(RUN_KEY, limit=1_000_000, seconds=1.0)
    except (SQLAlchemyError, OSError) as error:
        return failed(
            f"{_place()}: nothing can be written ({type(error).__name__}).",
            "Give the user who runs Airflow the right to write the file and its folder, and look at the disk.",
        )
    return passed("A write was committed.")


@check("ledger.disk", needs=("ledger.reachable",))
def disk(_visit: Visit) -> Result:
    """Check that the disk under an embedded ledger has room."""
    file = _file()
    if file is None:
        return unknown("The ledger is on a database server.", "Watch the disk of that server.")
    free = shutil.disk_usage(file.parent).free
    if free < _LEAST_FREE:
        return failed(
            f"{free // 1024**2} MB are free where the ledger is.",
            "Make room; a full disk stops every task. `sync_housekeeping` removes what has served its time.",
        )
    return passed(f"{free // 1024**3} GB are free where the ledger is.")


@check("ledger.key_file", needs=("settings.retention",), unless=("ledger.reachable",))
def key_file(_visit: Visit) -> Result:
    """Check that the key file, where it is used, can be read by its owner alone."""
    file = _file()
    path = file.with_suffix(SUFFIX) if file else None
    if load_settings().ledger_keys or path is None or not path.exists():
        return passed("No key file is used.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        return failed(
            f"{path} has mode {mode:o}: others on this machine can read the key.",
            f"Take that right away: chmod 600 {path}",
        )
    return passed(f"{path} has mode {mode:o}.")


CHECKS: Final = (reachable, schema, key, writable, disk, key_file)


def _trouble(visit: Visit) -> ExactPersonioError | None:
    """Open the ledger; return what hindered it."""
    try:
        _ = visit.ledger
    except ExactPersonioError as error:
        return error
    return None


def _file() -> Path | None:
    return sqlite_file(parse_url(load_settings().ledger_url))


def _place() -> str:
    """Name the database without user and password."""
    try:
        file = _file()
        return str(file) if file else "The ledger"
    except ExactPersonioError:
        return "The ledger"

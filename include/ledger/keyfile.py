"""The key file beside an embedded ledger, for those who have not set a key of their own."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from include.errors import ConfigurationError
from include.ledger.crypto import NEW_KEY_COMMAND
from include.ledger.database import sqlite_file
from include.settings import split_keys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy import URL

SUFFIX = ".key"


def keys_for(url: URL, keys: Sequence[str]) -> tuple[str, ...]:
    """Return the keys to use: the given ones, else those of the key file, made on first use.

    :raises ConfigurationError: if there is none and making one would be wrong: several machines share
        PostgreSQL, and a ledger whose key file is gone cannot be read with a new one.
    """
    if keys:
        return tuple(keys)
    if url.get_backend_name() != "sqlite":
        raise ConfigurationError(
            "EXACT_PERSONIO_LEDGER_KEY is not set, and the ledger is on PostgreSQL.",
            reason_code="settings.EXACT_PERSONIO_LEDGER_KEY.missing",
            way_out=f"Make one and set it on every machine: {NEW_KEY_COMMAND}",
        )
    file = sqlite_file(url)
    if file is None:
        return (Fernet.generate_key().decode(),)
    path = file.with_suffix(SUFFIX)
    return _read(path) or _make(path, file)


def _read(path: Path) -> tuple[str, ...]:
    try:
        return split_keys(path.read_text())
    except FileNotFoundError:
        return ()


def _make(path: Path, database: Path) -> tuple[str, ...]:
    if database.exists() and database.stat().st_size:
        # Another process may have made both since we looked: the key always comes first.
        if found := _read(path):
            return found
        raise ConfigurationError(
            f"The ledger {database} exists, its key file {path.name} does not.",
            reason_code="settings.EXACT_PERSONIO_LEDGER_KEY.lost",
            way_out="Put the key file back, set EXACT_PERSONIO_LEDGER_KEY, or move the ledger away to start anew.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and linked: the name appears with its whole content, and the first process wins.
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(Fernet.generate_key().decode() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
    return _read(path)

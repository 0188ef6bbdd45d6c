"""An empty ledger as a file to be copied: making its schema takes longer than most tests."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import text

from include.ledger import open_ledger


@functools.cache
def fresh() -> tuple[bytes, str]:
    """Return the file's content and the key that opens it; the same for all tests of a process."""
    key = Fernet.generate_key().decode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.db")
        with open_ledger(f"sqlite:///{path}", key) as ledger, ledger._database.engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        return path.read_bytes(), key


def put(path: Path) -> str:
    """Write an empty ledger; return its key."""
    content, key = fresh()
    path.write_bytes(content)
    return key

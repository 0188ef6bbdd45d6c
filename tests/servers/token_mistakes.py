"""Deliberately broken variants of the token handling: who proves that it works must notice each of them."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.clients import token_chain, tokens
from include.clients.ports import StoredToken
from include.ledger import locks
from include.ledger import tokens as stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def make(name: str) -> None:
    """Break this process; it is to be thrown away after it.

    :param name: of the mistake; empty: none.
    """
    if name:
        MISTAKES[name]()


def _set(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


def _no_lock() -> None:
    @contextmanager
    def free(*_arguments: Any, **_named: Any) -> Iterator[None]:
        yield

    _set(stored, "exclusive", free)


def _lock_of_the_host() -> None:
    """Lock a file of this machine, as it would do for a database of this machine."""

    @contextmanager
    def local(*_arguments: Any, **_named: Any) -> Iterator[None]:
        path = Path(os.environ["AIRFLOW_HOME"]) / "token.lock"
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    _set(locks, "_advisory", local)


def _not_read_again() -> None:
    """Renew what was read before the lock was waited for."""

    @contextmanager
    def locked(vault: stored.SharedVault) -> Iterator[stored.HeldToken]:
        before = vault.read()
        with locks.exclusive(vault._database, f"token:{vault._id}"):
            yield stored.HeldToken(vault, before)

    _set(stored.SharedVault, "locked", locked)


def _told_nobody() -> None:
    """Keep to oneself that Exact found it too early, and that a renewal is under way."""
    _set(stored.SharedVault, "note", lambda _vault, _link: None)


def _asked_not_noted() -> None:
    """Leave nothing behind that tells of a renewal under way."""
    _set(tokens, "note_asked", lambda *_arguments: None)


def _never_dead() -> None:
    """Let every process find out by itself that the chain is dead."""
    _set(tokens, "bury", lambda *_arguments: None)


def _link_opened() -> None:
    """Open the last link before the new one is stored over it."""
    save = stored.SharedVault.save

    def opened(vault: stored.SharedVault, *arguments: Any) -> Any:
        vault.read()
        return save(vault, *arguments)

    _set(stored.SharedVault, "save", opened)


def _saved_for_oneself() -> None:
    """Use the new link without saving it."""
    _set(tokens.ExactTokens, "_save", lambda _tokens, _locked, answer, sent: _unsaved(answer, sent))


def _unsaved(answer: Any, sent: Any) -> Any:
    return StoredToken(answer["access_token"], answer["refresh_token"], sent, sent + token_chain.REFRESH_AFTER, 99)


MISTAKES: dict[str, Callable[[], None]] = {
    "no lock": _no_lock,
    "lock of the host": _lock_of_the_host,
    "not read again": _not_read_again,
    "told nobody": _told_nobody,
    "asked, not noted": _asked_not_noted,
    "never dead": _never_dead,
    "link opened": _link_opened,
    "saved for oneself": _saved_for_oneself,
}

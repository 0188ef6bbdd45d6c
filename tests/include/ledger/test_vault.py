"""The token vault when the database has trouble: an answer of Exact comes once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.exc import OperationalError

from include.ledger import open_ledger
from include.ledger import tokens as stored
from include.ledger.tokens import SharedVault

if TYPE_CHECKING:
    from include.clients.ports import StoredToken
    from include.ledger import Ledger
    from tests.include.ledger.conftest import Clock

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINK = ("access", "refresh", T0, T0 + timedelta(seconds=600))


def failing(times: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the database be away for so many attempts to save; return the pauses between them."""
    pauses: list[float] = []
    save, left = SharedVault.save, [None] * times

    def away(vault: SharedVault, *link: Any) -> StoredToken:
        if left:
            left.pop()
            raise OperationalError("", {}, Exception("server closed the connection"))
        return save(vault, *link)

    monkeypatch.setattr(SharedVault, "save", away)
    monkeypatch.setattr("include.ledger.tokens.time.sleep", pauses.append)
    return pauses


def test_link_is_saved_once_the_database_is_back(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = failing(4, monkeypatch)
    with ledger.vault("exact_online_default").locked() as held:
        held.replace(*LINK)
    token = ledger.vault("exact_online_default").read()
    assert token is not None
    assert (token.refresh_token, len(pauses)) == ("refresh", 4)


def test_database_that_stays_away_is_told(sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = failing(100, monkeypatch)
    with sqlite_ledger.vault("exact_online_default").locked() as held, pytest.raises(OperationalError):
        held.replace(*LINK)
    assert sum(pauses) > 20


def test_notes_stand_beside_the_link_until_the_next_one(ledger: Ledger) -> None:
    """Other processes read them; a link that somebody saved meanwhile does not get the notes of the one before."""
    vault = ledger.vault("exact_online_default")
    with vault.locked() as held:
        held.note(asked_at=T0, early_at=None)
        assert held.current is None
        old = held.replace(*LINK)
        held.note(asked_at=T0, early_at=T0 + timedelta(seconds=1))
    noted = vault.read()
    assert noted is not None
    assert (noted.asked_at, noted.early_at, noted.generation) == (T0, T0 + timedelta(seconds=1), 1)
    with vault.locked() as held:
        held.replace(*LINK)
    vault.note(old)
    token = vault.read()
    assert token is not None
    assert (token.asked_at, token.early_at, token.generation) == (None, None, 2)


def test_hosts_agree_on_the_servers_time(url: str, key: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a server all count by its clock, beyond a few seconds; an embedded ledger has one machine."""
    clock.at = T0 + timedelta(minutes=10)
    with open_ledger(url, key, clock=clock) as ledger:
        for server, shown in ((T0, T0), (T0 + timedelta(minutes=10, seconds=3), clock.at)):
            monkeypatch.setattr(stored, "_server_time", lambda _connection, server=server: server)
            expected = shown if url.startswith("postgresql") else clock.at
            assert ledger.vault("exact_online_default").now() == expected


def test_server_tells_its_time(url: str, key: str) -> None:
    """Aware, and on this machine the same as ours."""
    with open_ledger(url, key) as ledger:
        assert abs(ledger.vault("exact_online_default").now() - datetime.now(UTC)) < timedelta(minutes=5)

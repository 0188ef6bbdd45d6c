"""What Exact deleted or anonymised is followed up: what is held of it goes, and what Personio has is named."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from include.ledger.erasure_tables import deletion_logs
from include.privacy.following import LOG_KEPT, follow_anonymised, follow_deletions
from line import DIVISION, Line
from moved import calls, hire, move

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox


def follow(line: Line) -> dict[str, int]:
    with line.exact("housekeeping") as client:
        return follow_deletions(line.ledger, client, asked_by="housekeeping")


def held(ledger: Ledger) -> set[str]:
    return {piece.source_id for piece in ledger.holdings.pieces() if piece.content}


def test_who_was_deleted_is_erased_once_and_named(
    line: Line, sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """One call a day; somebody who was never read makes no difference."""
    gone, stays, unread = hire(sandbox, 1, 2, 3)
    line.run("first")
    exact = sandbox.sandbox.exact
    for one in (gone, unread):
        exact.delete(DIVISION, "Contacts", one)
    calls(sandbox)
    with caplog.at_level(logging.INFO):
        assert follow(line) == {"deleted": 2, "erased": 2, "at_personio": 2}
    assert held(line.ledger) == {stays}
    assert calls(sandbox).count("sync/Deleted") == 1
    assert gone in caplog.text
    assert "application for position 1001" in caplog.text
    assert not any(word in caplog.text for word in ("Sanne", "Proef1", "sanne1@example.org"))
    assert follow(line) == {"deleted": 0, "erased": 0, "at_personio": 0}
    assert [known.why for known in line.ledger.erasures.known()] == ["exact.deleted"] * 2


def test_only_the_record_is_kept_out(line: Line, sandbox: RunningSandbox) -> None:
    """A double was deleted, and its address stays with the contact that is left; who applies anew is taken in."""
    double, kept = hire(sandbox, 1, 2, Email="sanne@example.org")
    line.run("first")
    sandbox.sandbox.exact.delete(DIVISION, "Contacts", double)
    follow(line)
    assert held(line.ledger) == {kept}
    [anew] = hire(sandbox, 3, Email="sanne@example.org")
    line.run("second")
    assert held(line.ledger) == {kept, anew}


def test_an_account_forgets_its_deleted_main_contact(line: Line, sandbox: RunningSandbox) -> None:
    """The contact is on no row of its own here."""
    [contact] = hire(sandbox, 1)
    accounts = Line(line.ledger, sandbox, entity="Accounts")
    accounts.run("first")
    sandbox.sandbox.exact.delete(DIVISION, "Contacts", contact)
    assert follow(line)["erased"] == 1
    assert held(line.ledger) == set()


def test_a_moved_division_has_its_log_read_from_the_start(line: Line, sandbox: RunningSandbox) -> None:
    """Its row versions may lie below the place that was reached; whoever was erased before is not erased again."""
    gone, later = hire(sandbox, 1, 2)
    line.run("first")
    sandbox.sandbox.exact.delete(DIVISION, "Contacts", gone)
    follow(line)
    move(sandbox)
    line.run("second")
    sandbox.sandbox.exact.delete(DIVISION, "Contacts", later)
    follow(line)
    assert held(line.ledger) == set()


def test_a_log_that_was_read_too_late_is_told(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    """Exact keeps it for two months; what was deleted in between is not known."""
    follow(line)
    long_ago = datetime.now(UTC) - LOG_KEPT - timedelta(days=1)
    with line.ledger._database.write() as connection:
        connection.execute(deletion_logs.update().values(read_at=long_ago))
    follow(line)
    assert f"{long_ago:%Y-%m-%d}" in caplog.text
    caplog.clear()
    follow(line)
    assert caplog.text == ""


def test_nothing_is_noted_of_a_log_whose_erasures_failed(
    line: Line, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next day reads the same lines again."""
    [gone] = hire(sandbox, 1)
    line.run("first")
    sandbox.sandbox.exact.delete(DIVISION, "Contacts", gone)

    def broken(*_: object, **__: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(type(line.ledger.erasures), "blank", broken)
        with pytest.raises(OSError):  # noqa: PT011 - the one above
            follow(line)
    assert held(line.ledger) == {gone}
    assert follow(line)["erased"] == 1
    assert held(line.ledger) == set()


@pytest.mark.parametrize("sent", [True, False], ids=["after it was sent", "before it was sent"])
def test_who_was_anonymised_is_erased(line: Line, sandbox: RunningSandbox, sent: bool) -> None:
    """The feed says so: no call is needed, and it is done once."""
    [gone] = hire(sandbox, 1)
    if sent:
        line.run("first")
    exact = sandbox.sandbox.exact
    exact._touch(
        exact.division(DIVISION),
        "Contacts",
        exact.division(DIVISION).tables["Contacts"].rows[gone],
        {"IsAnonymised": 1},
    )
    line.run("second")
    assert follow_anonymised(line.ledger, asked_by="me") == {"erased": 1, "at_personio": int(sent)}
    assert held(line.ledger) == set()
    line.run("third")
    assert follow_anonymised(line.ledger, asked_by="me") == {"erased": 0, "at_personio": 0}

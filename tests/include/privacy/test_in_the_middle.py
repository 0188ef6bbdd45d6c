"""Erasing while the line goes on: nothing is sent unseen, nobody else is touched, nothing is left behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from include.errors import ConfigurationError
from include.ledger.holdings import Holdings
from include.ledger.tables import deliveries
from include.privacy import erasing
from include.privacy.erasing import erase
from include.privacy.following import follow_deletions
from include.privacy.person import gathered, person
from include.privacy.readmitting import readmit
from line import DIVISION, Line
from moved import hire
from planned import fill
from vera import MAIL, MAY, applied, erased, held

if TYPE_CHECKING:
    from pathlib import Path

    from include.sandbox.server import RunningSandbox


def decided(line: Line, name: str = "first") -> Any:
    """Bring everybody up to the moment before they are sent; return the run."""
    run = line.start(name, start_from="beginning")
    run.plan()
    run.extract()
    run.decide()
    return run


def account_of(sandbox: RunningSandbox, contact: str) -> str:
    accounts = sandbox.sandbox.exact.contents()[str(DIVISION)]["Accounts"]
    return str(next(row["ID"] for row in accounts if row["MainContact"] == contact))


def test_a_load_beside_an_erasure_finds_nobody_to_send(
    line: Line, sandbox: RunningSandbox, vera: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a large ledger once more takes minutes; a load that comes along meanwhile has nobody to send."""
    run, search = decided(line), gathered

    def load_meanwhile(*args: Any, **kwargs: Any) -> Any:
        run.load()
        return search(*args, **kwargs)

    monkeypatch.setattr(erasing, "gathered", load_meanwhile)
    done = erased(line.ledger, home)
    assert applied(sandbox) == []
    assert (done.stopped, done.under_way) == (1, 0)
    assert [one.service for one in done.elsewhere] == ["Exact"]


def test_who_was_sent_while_an_erasure_looked_for_them_is_reported_so(
    line: Line, sandbox: RunningSandbox, vera: str, home: Path
) -> None:
    """What counts is how a delivery stood when it was blanked, not how it was read before."""
    run = decided(line)
    found = person(line.ledger, MAIL)
    run.load()
    [remote] = [piece.about["remote_id"] for piece in line.ledger.holdings.pieces() if piece.kind == "delivery"]
    done = erase(line.ledger, found, asked_by="officer", exports=home / "exports")
    assert applied(sandbox) == [MAIL]
    assert (done.stopped, done.under_way) == (0, 0)
    assert [(one.id, one.certain) for one in done.elsewhere if one.service == "Personio"] == [(remote or "", True)]


def test_who_came_under_another_id_meanwhile_is_kept_out_too(
    line: Line, sandbox: RunningSandbox, vera: str, home: Path
) -> None:
    """The second record was read after the search; later it changes its address, and is still the person's."""
    run = line.start("first", start_from="beginning")
    run.plan()
    run.extract()
    found = person(line.ledger, MAIL)
    [second] = fill(sandbox, MAY, FirstName="Verafirst", Email=MAIL)
    line.run("second")
    done = erase(line.ledger, found, asked_by="officer", exports=home / "exports")
    assert {one.id for one in done.elsewhere if one.service == "Exact"} == {vera, second}
    assert [known.name for known in line.ledger.erasures.known()] == [done.erasure]
    sandbox.sandbox.exact.update(DIVISION, "Contacts", second, {"Email": "vera@other.example.org"})
    line.run("third")
    assert [piece.source_id for piece in line.ledger.holdings.pieces() if piece.content] == []


def test_a_person_whose_rows_retention_removed_is_let_in_again(
    line: Line, sandbox: RunningSandbox, vera: str, home: Path
) -> None:
    """Not even the mark of the erasure is left in the row then; the story of the delivery still tells."""
    line.run("first")
    erased(line.ledger, home)
    line.ledger.retention.purge(datetime.now(UTC) + timedelta(days=1))
    lines = readmit(line.ledger, vera, division=None, asked_by="officer", anew=True)
    assert "1 rows are to be read again, 1 deliveries to be decided again" in lines[0]
    line.window("again", "2024-05-01", "2024-06-01")
    # Nobody has erased her at Personio here.
    [delivery] = [piece for piece in line.ledger.holdings.pieces() if piece.kind == "delivery"]
    assert delivery.about["state"] == "already_there"
    assert "staged" in held(line.ledger)


def test_an_id_of_two_places_at_personio_means_nobody(line: Line, sandbox: RunningSandbox, vera: str) -> None:
    """Applications and employees are counted each for themselves, and so are companies."""
    [other] = fill(sandbox, MAY, FirstName="Bob", Email="bob@example.org")
    line.run("first")
    for source, destination in ((vera, "application"), (other, "employee")):
        with line.ledger._database.write() as connection:
            row = deliveries.c.source_id == source
            connection.execute(update(deliveries).where(row).values(remote_id="77", destination=destination))
    with pytest.raises(ConfigurationError) as refused:
        person(line.ledger, "77")
    assert refused.value.reason_code == "privacy.person.ambiguous"
    assert vera in refused.value.what
    assert other in refused.value.what


def test_an_account_in_two_hands_forgets_the_one_that_is_gone(line: Line, sandbox: RunningSandbox) -> None:
    """Her account got another main contact; a backfill has read that, the live lane not yet."""
    [contact] = hire(sandbox, 1, Email=MAIL, FirstName="Verafirst")
    account = account_of(sandbox, contact)
    [bob] = fill(sandbox, MAY, FirstName="Bob", Email="bob@example.org")
    accounts = Line(line.ledger, sandbox, entity="Accounts")
    accounts.run("first")
    sandbox.sandbox.exact.update(DIVISION, "Accounts", account, {"MainContact": bob})
    accounts.backfill("second", datetime(2000, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    sandbox.sandbox.exact.delete(DIVISION, "Contacts", contact)
    with line.exact("housekeeping") as client:
        told = follow_deletions(line.ledger, client, asked_by="housekeeping")
    assert told == {"deleted": 1, "erased": 1, "at_personio": 1}
    assert held(line.ledger) == []


def test_who_took_her_place_while_the_officer_was_asked_goes_on(
    line: Line, sandbox: RunningSandbox, home: Path
) -> None:
    """Between the search and the yes, the account got another main contact and was decided anew."""
    [contact] = hire(sandbox, 1, Email=MAIL, FirstName="Verafirst")
    account = account_of(sandbox, contact)
    [bob] = fill(sandbox, MAY, FirstName="Bob", Email="bob@example.org")
    accounts = Line(line.ledger, sandbox, entity="Accounts")
    decided(accounts)
    found = person(line.ledger, MAIL)
    sandbox.sandbox.exact.update(DIVISION, "Accounts", account, {"MainContact": bob})
    run = decided(accounts, "second")
    done = erase(line.ledger, found, asked_by="officer", exports=home / "exports")
    assert done.stopped == 0
    run.load()
    assert applied(sandbox) == ["bob@example.org"]
    assert held(line.ledger) == []


@pytest.mark.parametrize("number", [1, 7])
def test_the_ledger_is_read_as_often_for_many_deletions_as_for_one(
    line: Line, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    gone = hire(sandbox, *range(number))
    line.run("first")
    for one in gone:
        sandbox.sandbox.exact.delete(DIVISION, "Contacts", one)
    readings, read = [], Holdings.pieces

    def counted(self: Holdings) -> Any:
        readings.append(1)
        return read(self)

    monkeypatch.setattr(Holdings, "pieces", counted)
    with line.exact("housekeeping") as client:
        told = follow_deletions(line.ledger, client, asked_by="housekeeping")
    assert told["erased"] == number
    assert len(readings) == 2
    assert len({known.name for known in line.ledger.erasures.known()}) == number

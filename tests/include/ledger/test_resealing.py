"""A new key: everything comes under it, nothing is lost, and who is recognised stays so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import LargeBinary, inspect

from include.errors import ConfigurationError
from include.ledger import open_ledger, resealing
from include.ledger.resealing import Resealing, Sealed, sealed_columns
from include.ledger.run_tables import previews, run_outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger import Ledger
    from include.records import Decision, SourceRow, StreamKey

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = 450
WRONG = "settings.EXACT_PERSONIO_LEDGER_KEY.wrong"
TO: Any = (4242, "application", 1001)


@pytest.fixture
def new() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def filled(
    url: str,
    key: str,
    stream: StreamKey,
    source: Callable[..., SourceRow],
    ready: Callable[..., Decision],
) -> None:
    """Fill every column that is sealed, under the old key."""
    with open_ledger(url, key) as ledger:
        ledger.staging.stage(stream, "run", [source(n) for n in range(ROWS)], resume=None, page=1)
        ledger.deliveries.decide(stream, "application", 1001, 4242, [ready(n) for n in range(3)], "run")
        claim = ledger.deliveries.claim(*TO, run_id="run")
        assert claim is not None
        ledger.deliveries.settle(claim, "created", result={"warning": "odd"})
        with ledger.vault("exact_online_default").locked() as held:
            held.replace("access", "refresh", T0, T0 + timedelta(seconds=600))
        sealed = ledger._cipher.seal({"first_name": "Ada"})
        with ledger._database.write() as connection:
            connection.execute(run_outbox.insert().values(run_id="DAG/run", delivery_id=1, sealed=sealed))
            empty = dict.fromkeys(("outcome", "reason_code", "field", "action", "existing"), "")
            row = {"run_id": "DAG/run", "source_id": "1", "sealed": sealed, "made_at": T0, **empty}
            connection.execute(previews.insert().values(row))


def read_back(ledger: Ledger, stream: StreamKey) -> dict[str, Any]:
    """Return what the ledger knows, as its users see it."""
    waiting = ledger.staging.undecided(stream, "application", 1001)
    token = ledger.vault("exact_online_default").read()
    return {
        "names": [row.row["FirstName"] for rows in waiting for row in rows],
        "stories": [len(ledger.deliveries.history_of_email(f"person{n}@example.org")) for n in range(3)],
        "claims": [claim.payload for _ in range(2) if (claim := ledger.deliveries.claim(*TO, run_id="later"))],
        "token": token and (token.access_token, token.refresh_token),
    }


def total(found: dict[str, Sealed]) -> Sealed:
    return sum(found.values(), start=Sealed())


def test_every_column_of_bytes_is_known(ledger: Ledger) -> None:
    """As the database has them: a table that nobody imported would keep the old key."""
    found = inspect(ledger._database.engine)
    there = {
        f"{table}.{column['name']}"
        for table in found.get_table_names()
        for column in found.get_columns(table)
        if isinstance(column["type"], LargeBinary)
    }
    assert {str(column) for column in sealed_columns()} == there


@pytest.mark.usefixtures("filled")
def test_the_new_key_opens_everything(
    url: str, key: str, new: str, stream: StreamKey, ready: Callable[..., Decision]
) -> None:
    """Who was recognised by a hash still is: nothing is decided, or sent, a second time."""
    with open_ledger(url, f"{new},{key}") as ledger:
        before = total(ledger.resealing.count())
        done = ledger.resealing.reseal()
        # 450 rows, three payloads, a result, a token, an outbox line, a preview, the hash secret.
        assert total(done) == Sealed(newest=458, resealed=458)
        assert before == Sealed(left=458)
        assert all(sealed.newest for sealed in done.values())
        assert total(ledger.resealing.reseal()) == Sealed(newest=458)
    with open_ledger(url, new) as ledger:
        found = read_back(ledger, stream)
        assert found["names"] == ["Ada"] * (ROWS - 3)
        assert found["stories"] == [3, 1, 1]
        assert [payload["email"] for payload in found["claims"]] == ["person1@example.org", "person2@example.org"]
        assert found["token"] == ("access", "refresh")
        again = ledger.deliveries.decide(stream, "application", 1001, 4242, [ready(0, version=2)], "run-2")
        assert again.get("ready", 0) == 0


@pytest.mark.usefixtures("filled")
def test_the_old_key_removed_too_early(url: str, key: str, new: str, stream: StreamKey) -> None:
    """One sentence at the opening, and nothing is changed."""
    for keys in (new, f"{new},{Fernet.generate_key().decode()}"):
        with pytest.raises(ConfigurationError, match="rotate-keys") as caught:
            open_ledger(url, keys)
        assert caught.value.reason_code == WRONG
    with open_ledger(url, f"{new},{key}") as ledger:
        assert total(ledger.resealing.count()) == Sealed(left=458)
        assert read_back(ledger, stream)["token"] == ("access", "refresh")


@pytest.mark.usefixtures("filled")
def test_interrupted_and_begun_again(url: str, key: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half way the old key is still asked for at the opening; the second time does the other half."""
    monkeypatch.setattr(resealing, "SLICE", 50)
    calls: list[int] = []
    replace = Resealing._replace

    def interrupted(self: Resealing, column: Any, pairs: Any) -> int:
        calls.append(len(pairs))
        if sum(calls) > 200:
            raise KeyboardInterrupt
        return replace(self, column, pairs)

    monkeypatch.setattr(Resealing, "_replace", interrupted)
    with open_ledger(url, f"{new},{key}") as ledger:
        with pytest.raises(KeyboardInterrupt):
            ledger.resealing.reseal()
        half = total(ledger.resealing.count())
        assert 150 < half.newest <= 200
    with pytest.raises(ConfigurationError, match="rotate-keys"):
        open_ledger(url, new)
    monkeypatch.setattr(Resealing, "_replace", replace)
    with open_ledger(url, f"{new},{key}") as ledger:
        assert total(ledger.resealing.reseal()) == Sealed(newest=458, resealed=458 - half.newest)
    open_ledger(url, new).close()


@pytest.mark.usefixtures("filled")
def test_what_a_task_changes_meanwhile_stays(url: str, key: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token saved between reading and writing is not replaced by the one before it."""
    replace = Resealing._replace

    def beside(self: Resealing, column: Any, pairs: Any) -> int:
        if str(column) == "ledger_tokens.sealed":
            with open_ledger(url, key) as task, task.vault("exact_online_default").locked() as held:
                if held.current is not None and held.current.generation == 1:
                    held.replace("access-2", "refresh-2", T0, T0 + timedelta(seconds=600))
        return replace(self, column, pairs)

    monkeypatch.setattr(Resealing, "_replace", beside)
    with open_ledger(url, f"{new},{key}") as ledger:
        assert total(ledger.resealing.reseal()) == Sealed(newest=458, resealed=458)
    with open_ledger(url, new) as ledger:
        token = ledger.vault("exact_online_default").read()
    assert token is not None
    assert (token.refresh_token, token.generation) == ("refresh-2", 2)


@pytest.mark.usefixtures("filled")
def test_a_task_with_the_old_key_alone_saves_its_token(url: str, key: str, new: str) -> None:
    """It began before the new key was set and cannot read the link any more, but what Exact gave it is not lost."""
    with open_ledger(url, key) as task, task.vault("exact_online_default").locked() as held:
        with open_ledger(url, f"{new},{key}") as ledger:
            ledger.resealing.reseal()
        held.replace("access-2", "refresh-2", T0, T0 + timedelta(seconds=600))
    with open_ledger(url, f"{new},{key}") as ledger:
        token = ledger.vault("exact_online_default").read()
        assert token is not None
        assert (token.refresh_token, token.generation) == ("refresh-2", 2)
        assert total(ledger.resealing.count()).left == 1


@pytest.mark.usefixtures("filled")
def test_what_no_key_opens_is_told_and_kept(url: str, key: str, new: str) -> None:
    foreign = Fernet(Fernet.generate_key()).encrypt(b"{}")
    with open_ledger(url, f"{new},{key}") as ledger:
        with ledger._database.write() as connection:
            connection.execute(previews.update().values(sealed=foreign))
        done = ledger.resealing.reseal()
        assert total(done) == Sealed(newest=457, resealed=457, lost=1)
        assert done["ledger_previews.sealed"].lost == 1
        with ledger._database.read() as connection:
            assert bytes(connection.execute(previews.select()).one().sealed) == foreign

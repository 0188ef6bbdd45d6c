"""New accounts and contacts against the sandbox: each id once, whatever the feed does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from include.errors import ConfigurationError, ServiceUnavailableError
from include.sandbox.clock import Clock
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox
from include.sync.news import Polled, hand_out, poll
from include.sync.news_sources import ExactNews
from line import DIVISION, ZONE, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger
    from include.records import Entity

FEED = "sync/CRM/Contacts"


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox() as running:
        running.sandbox.settings.exact.minutely_limit = 100_000
        yield running


@pytest.fixture
def line(ledger: Ledger, sandbox: RunningSandbox) -> Line:
    made = Line(ledger, sandbox)
    made.log_in()
    return made


class Consumer:
    """Somebody who wants to hear of new records, and confirms what it got."""

    def __init__(self, line: Line, entity: Entity = "Contacts") -> None:
        self.line = line
        self.entity: Entity = entity
        self.heard: list[str] = []

    def poll(self, start_from: str = "beginning") -> Polled:
        with self.line.exact("news") as client:
            source = ExactNews(client, self.entity, ZONE, "test")
            self.key = source.key
            return poll(self.line.ledger, source, start_from=start_from, now=datetime.now(UTC))

    def listen(self, start_from: str = "beginning", limit: int = 1000) -> list[str]:
        """Poll once, and hear of one batch."""
        self.poll(start_from)
        batch = f"b{len(self.heard)}"
        handed = hand_out(self.line.ledger, self.key, batch, limit=limit) or {"ids": []}
        self.line.ledger.news.confirm(self.key, batch)
        self.heard += handed["ids"]
        return list(handed["ids"])


def add(sandbox: RunningSandbox, count: int, **fields: Any) -> list[str]:
    """Let contacts appear at Exact; return their ids."""
    exact = sandbox.sandbox.exact
    rows = [{"FirstName": "Sanne", "LastName": f"Proef{n}", **fields} for n in range(count)]
    if count > 100:
        exact.bulk_load(DIVISION, "Contacts", rows)
        return [str(row["ID"]) for row in rows]
    account = exact.add_account(DIVISION, {"Name": "Voorbeeld"})["ID"]
    return [str(exact.add_contact(DIVISION, {"Account": account, **row})["ID"]) for row in rows]


def truth(sandbox: RunningSandbox, entity: str = "Contacts") -> set[str]:
    return {str(row["ID"]) for row in sandbox.sandbox.exact.contents()[str(DIVISION)][entity]}


def kinds(sandbox: RunningSandbox) -> list[str]:
    return [entry.kind for entry in sandbox.sandbox.log.entries()]


@pytest.mark.parametrize("entity", ["Accounts", "Contacts"])
def test_everything_is_heard_once_and_nothing_new_costs_one_call(
    line: Line, sandbox: RunningSandbox, entity: Entity
) -> None:
    consumer = Consumer(line, entity)
    add(sandbox, 5)
    assert set(consumer.listen()) == truth(sandbox, entity)
    sandbox.sandbox.log.clear()
    assert consumer.listen() == []
    assert kinds(sandbox) == [f"sync/CRM/{entity}"]
    asked = sandbox.sandbox.log.entries()[0].query
    assert "$select=Timestamp,ID,Created&" in f"{asked}&"


def test_start_now_hears_only_what_is_created_afterwards(line: Line, sandbox: RunningSandbox) -> None:
    consumer = Consumer(line)
    old = add(sandbox, 3, Created="2026-01-31T12:00:00")
    assert consumer.listen("now") == []
    sandbox.sandbox.exact.update(DIVISION, "Contacts", old[0], {"Notes": "changed"})
    new = add(sandbox, 2)
    assert consumer.listen("now") == new
    assert consumer.listen("now") == []


def test_start_now_in_an_empty_company(line: Line, sandbox: RunningSandbox) -> None:
    consumer = Consumer(line)
    assert consumer.listen("now") == []
    assert consumer.listen("now") == []
    assert consumer.listen("now") + add(sandbox, 1) == consumer.listen("now")


def test_start_at_a_date_begins_at_midnight_of_the_site(line: Line, sandbox: RunningSandbox) -> None:
    add(sandbox, 1, Created="2026-06-30T23:59:59")
    wanted = add(sandbox, 1, Created="2026-07-01T00:00:00") + add(sandbox, 1, Created="2026-07-02T10:00:00")
    assert Consumer(line).listen("2026-07-01") == wanted


@pytest.mark.parametrize("text", ["soon", "", "2026-13-01", "01-07-2026"])
def test_a_start_that_is_none_is_refused_before_a_call(line: Line, sandbox: RunningSandbox, text: str) -> None:
    with pytest.raises(ConfigurationError, match="now, beginning or a date"):
        Consumer(line).poll(text)
    assert kinds(sandbox) == []


def test_the_repeated_hour_of_october_loses_nobody(ledger: Ledger) -> None:
    """02:30 is there twice that night; started in the first pass, the second one is new, and so is the first."""
    clock = Clock()
    clock.set(datetime(2026, 10, 24, 22, 0, tzinfo=UTC))
    with RunningSandbox(clock=clock) as sandbox:
        line = Line(ledger, sandbox)
        line.log_in()
        consumer = Consumer(line)
        assert consumer.listen("2026-10-25") == []
        ids: list[str] = []
        for hour, minute in ((0, 30), (1, 30), (2, 30)):  # 02:30 summer, 02:30 winter, 03:30 local
            clock.set(datetime(2026, 10, 25, hour, minute, tzinfo=UTC))
            ids += add(sandbox, 1)
        assert consumer.listen() == ids


def test_thousands_come_in_batches_and_none_twice(line: Line, sandbox: RunningSandbox) -> None:
    """Rows that are saved while the feed is read come again on a later page."""
    add(sandbox, 2300)
    sandbox.sandbox.settings.exact.sync_touch_rows = 7
    consumer = Consumer(line)
    batches = [consumer.listen() for _ in range(4)]
    assert [len(batch) for batch in batches] == [1000, 1000, 300, 0]
    assert len(consumer.heard) == len(set(consumer.heard))
    assert set(consumer.heard) == truth(sandbox)


def test_a_broken_page_keeps_the_pages_before_it(line: Line, sandbox: RunningSandbox) -> None:
    add(sandbox, 2300)
    sandbox.sandbox.faults.add(Fault("status", match=f"GET {FEED}", after=1, times=3, status=503))
    consumer = Consumer(line)
    with pytest.raises(ServiceUnavailableError):
        consumer.poll()
    assert line.ledger.news.waiting(consumer.key) == 1000
    sandbox.sandbox.log.clear()
    assert consumer.poll().new == 1300
    assert kinds(sandbox) == [FEED, FEED]


def test_killed_between_claim_and_confirm_hears_the_same_again(line: Line, sandbox: RunningSandbox) -> None:
    ids = add(sandbox, 3)
    consumer = Consumer(line)
    consumer.poll()
    first = hand_out(line.ledger, consumer.key, "run1")
    more = add(sandbox, 1)
    consumer.poll()
    assert hand_out(line.ledger, consumer.key, "run1") == first
    assert first is not None
    assert first["ids"] == ids
    later = hand_out(line.ledger, consumer.key, "run2", take_over=True)
    assert later is not None
    assert later["ids"] == ids + more


def test_a_moved_division_is_read_again_and_nobody_comes_twice(line: Line, sandbox: RunningSandbox) -> None:
    """All row versions are made anew and lie lower: the cursor would wait for years."""
    consumer = Consumer(line)
    before = add(sandbox, 5)
    assert consumer.listen() == before
    created_before_the_move = add(sandbox, 1)
    sandbox.sandbox.exact.move_division(DIVISION)
    created_after_the_move = add(sandbox, 1)
    assert sorted(consumer.listen()) == sorted(created_before_the_move + created_after_the_move)
    sandbox.sandbox.log.clear()
    assert consumer.listen() == []
    assert kinds(sandbox) == [FEED]


def test_a_moved_division_keeps_its_start(line: Line, sandbox: RunningSandbox) -> None:
    add(sandbox, 3, Created="2026-01-31T12:00:00")
    consumer = Consumer(line)
    consumer.listen("now")
    sandbox.sandbox.exact.move_division(DIVISION)
    assert consumer.listen("now") == []
    assert consumer.listen("now") + add(sandbox, 1) == consumer.listen("now")


def test_a_deleted_witness_is_no_move(line: Line, sandbox: RunningSandbox) -> None:
    """The newest record is gone: Exact's date of the move is looked up, and nothing is read again."""
    consumer = Consumer(line)
    ids = add(sandbox, 3)
    consumer.listen()
    sandbox.sandbox.exact.delete(DIVISION, "Contacts", ids[-1])
    sandbox.sandbox.log.clear()
    assert consumer.listen() == []
    assert kinds(sandbox) == [FEED, "system/Divisions"]
    new = add(sandbox, 1)
    assert consumer.listen() == new
    sandbox.sandbox.log.clear()
    assert consumer.listen() == []
    assert kinds(sandbox) == [FEED]


def test_without_the_right_to_see_divisions_a_move_is_survived(line: Line, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.settings.exact.missing_scopes = ["system/Divisions"]
    consumer = Consumer(line)
    add(sandbox, 3)
    consumer.listen()
    missed = add(sandbox, 1)
    sandbox.sandbox.exact.move_division(DIVISION)
    assert consumer.listen() == missed
    assert consumer.listen() == []


def test_each_consumer_and_division_has_a_cursor_of_its_own(line: Line, sandbox: RunningSandbox) -> None:
    ids = add(sandbox, 2)
    assert Consumer(line).listen() == ids
    with line.exact("news") as client:
        other = ExactNews(client, "Contacts", ZONE, "another")
        assert poll(line.ledger, other, start_from="beginning", now=datetime.now(UTC)).new == 2
        assert other.key == f"another/{DIVISION}/Contacts"

"""New employees against the sandbox, by v1 and by v2: created is new, changed is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest

from include.errors import ConfigurationError, ExactPersonioError
from include.sandbox.clock import Clock
from include.sandbox.faults import Fault
from include.sandbox.server import RunningSandbox
from include.sync.news import Polled, hand_out, poll
from include.sync.news_employees import EmployeeNews, PersonNews, personio_news
from line import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.ledger import Ledger

Api = Literal["auto", "v1", "v2"]
LISTS = {"v1": "v1/company/employees", "v2": "v2/persons"}
both = pytest.mark.parametrize("api", ["v1", "v2"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[RunningSandbox]:
    with RunningSandbox(clock=clock) as running:
        running.sandbox.settings.personio.limits_enabled = False
        yield running


class Consumer:
    """Somebody who wants to hear of new employees, and confirms what it got; its clock is the sandbox's."""

    def __init__(self, ledger: Ledger, sandbox: RunningSandbox, clock: Clock) -> None:
        self.ledger = ledger
        self.sandbox = sandbox
        self.clock = clock
        self.heard: list[str] = []

    def poll(self, api: Api, start_from: str = "now") -> Polled:
        now = self.clock.now()
        with Line(self.ledger, self.sandbox).personio("news") as client:
            source = personio_news(client, "test", api=api)
            return poll(self.ledger, source, start_from=start_from, now=now)

    def listen(self, api: Api, start_from: str = "now") -> list[str]:
        self.poll(api, start_from)
        batch = f"b{len(self.heard)}"
        handed = hand_out(self.ledger, "test", batch) or {"ids": []}
        self.ledger.news.confirm("test", batch)
        self.heard += handed["ids"]
        return list(handed["ids"])

    def calls(self, api: str) -> int:
        return sum(entry.kind == LISTS[api] for entry in self.sandbox.sandbox.log.entries())

    def later(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))


@pytest.fixture
def consumer(ledger: Ledger, sandbox: RunningSandbox, clock: Clock) -> Consumer:
    return Consumer(ledger, sandbox, clock)


def hire(sandbox: RunningSandbox, count: int, first: int = 0) -> list[str]:
    """Let employees appear at Personio; return their ids."""
    people = sandbox.sandbox.personio
    return [
        str(people.add_person(f"p{number}@example.org", "P", str(number), {}).id)
        for number in range(first, first + count)
    ]


def change(sandbox: RunningSandbox, person: str, name: str) -> None:
    company = sandbox.sandbox.personio
    company.change_person(company.people[int(person)], {"first_name": name})


@both
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_created_is_new_and_changed_is_not(consumer: Consumer, sandbox: RunningSandbox, api: Api, order: str) -> None:
    """Pipedream's source stops at the newest id it knows, and in ascending order never tells of anybody."""
    sandbox.sandbox.settings.personio.employees_order = order
    old = hire(sandbox, 3)
    consumer.later(days=3)
    assert consumer.listen(api) == []
    for number in range(3):
        consumer.later(hours=40)
        change(sandbox, old[number], "Changed")
        new = hire(sandbox, 2, first=10 * (number + 1))
        assert sorted(consumer.listen(api)) == sorted(new)
        assert consumer.listen(api) == []


@both
def test_nothing_new_costs_one_call(consumer: Consumer, sandbox: RunningSandbox, api: Api) -> None:
    hire(sandbox, 3)
    consumer.later(days=2)
    consumer.listen(api)
    sandbox.sandbox.log.clear()
    assert consumer.listen(api) == []
    assert consumer.calls(api) == 1


@both
def test_hundreds_come_once_each(consumer: Consumer, sandbox: RunningSandbox, api: Api) -> None:
    assert consumer.listen(api) == []
    new = hire(sandbox, 1203)
    heard = consumer.listen(api) + consumer.listen(api) + consumer.listen(api)
    assert sorted(heard, key=int) == new


@both
def test_beginning_tells_of_everybody(consumer: Consumer, sandbox: RunningSandbox, api: Api) -> None:
    ids = hire(sandbox, 3)
    consumer.later(days=400)
    ids += hire(sandbox, 2, first=10)
    assert sorted(consumer.listen(api, "beginning"), key=int) == ids
    assert consumer.listen(api, "beginning") == []


@both
def test_a_date_begins_at_midnight_utc(consumer: Consumer, sandbox: RunningSandbox, clock: Clock, api: Api) -> None:
    clock.set(datetime(2026, 6, 30, 23, 59, 50, tzinfo=UTC))
    old = hire(sandbox, 1)
    clock.set(datetime(2026, 7, 1, 0, 0, 5, tzinfo=UTC))
    new = hire(sandbox, 2, first=10)
    consumer.later(days=2)
    assert consumer.listen(api, "2026-07-01") == new
    change(sandbox, old[0], "Changed")
    assert consumer.listen(api, "2026-07-01") == []


@both
def test_a_start_that_is_none_is_refused_before_the_list_is_asked(consumer: Consumer, api: Api) -> None:
    with pytest.raises(ConfigurationError, match="now, beginning or a date"):
        consumer.listen(api, "tomorrow")
    assert consumer.calls(api) == 0


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "Etc/GMT+12"])
def test_whatever_zone_updated_since_is_read_in(consumer: Consumer, sandbox: RunningSandbox, zone: str) -> None:
    """It comes without one, and nobody outside Personio knows which is meant."""
    sandbox.sandbox.settings.personio.updated_since_zone = zone
    hire(sandbox, 2)
    consumer.later(days=30)
    assert consumer.listen("v1") == []
    for number in (10, 20):
        new = hire(sandbox, 1, first=number)
        assert consumer.listen("v1") == new
        consumer.later(minutes=15)


def test_a_credential_that_shows_only_ids_is_enough_for_v1(consumer: Consumer, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.settings.personio.attribute_whitelist = []
    hire(sandbox, 3)
    assert consumer.listen("v1") == []
    assert consumer.listen("v1") + hire(sandbox, 2, first=10) == consumer.listen("v1")


def test_a_date_without_created_at_says_what_to_allow(consumer: Consumer, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.settings.personio.attribute_whitelist = []
    hire(sandbox, 1)
    with pytest.raises(ConfigurationError, match="created_at") as caught:
        consumer.listen("v1", "2026-01-01")
    assert caught.value.way_out
    sandbox.sandbox.settings.personio.attribute_whitelist = None
    assert consumer.listen("v1", "beginning") == [str(next(iter(sandbox.sandbox.personio.people)))]


def test_paging_that_updated_since_ignores(consumer: Consumer, sandbox: RunningSandbox) -> None:
    sandbox.sandbox.settings.personio.updated_since_ignores_paging = True
    consumer.listen("v1")
    new = hire(sandbox, 250)
    assert sorted(consumer.listen("v1"), key=int) == new


@pytest.mark.parametrize("way", [("v1", "v2"), ("v2", "v1")], ids=["to v2", "back to v1"])
def test_another_api_tells_of_nobody_twice_and_misses_nobody(
    consumer: Consumer, sandbox: RunningSandbox, way: tuple[Api, Api]
) -> None:
    """Ids are integers in v1 and text in v2; v2 never listed the old ones, and v1 must not take them for new."""
    old = hire(sandbox, 3)
    consumer.later(days=5)
    consumer.listen(way[0])
    first = hire(sandbox, 2, first=10)
    assert consumer.listen(way[0]) == first
    consumer.later(hours=1)
    change(sandbox, old[0], "Changed")
    second = hire(sandbox, 2, first=20)
    assert consumer.listen(way[1]) == second
    consumer.later(hours=1)
    change(sandbox, old[1], "Changed")
    change(sandbox, first[0], "Changed")
    assert consumer.listen(way[1]) == []


@pytest.mark.parametrize(
    ("scopes", "kind"),
    [(["personio:persons:read"], PersonNews), (["employees:read"], EmployeeNews), ([], EmployeeNews)],
    ids=["may read persons", "may not", "no scopes"],
)
def test_the_credential_decides_on_the_api(
    ledger: Ledger, sandbox: RunningSandbox, scopes: list[str], kind: type[Any]
) -> None:
    sandbox.sandbox.settings.personio.v2_scopes = scopes
    with Line(ledger, sandbox).personio("news") as client:
        assert isinstance(personio_news(client, "test"), kind)


@both
def test_a_failed_look_moves_no_cursor(consumer: Consumer, sandbox: RunningSandbox, api: Api) -> None:
    consumer.listen(api)
    new = hire(sandbox, 150)
    sandbox.sandbox.faults.add(Fault("status", match=f"GET {LISTS[api]}", after=1, times=3, status=503))
    with pytest.raises(ExactPersonioError):
        consumer.poll(api)
    sandbox.sandbox.faults.clear()
    assert sorted(consumer.listen(api), key=int) == new


@both
def test_who_is_created_while_the_list_is_read_comes_next_time(
    consumer: Consumer, sandbox: RunningSandbox, api: Api
) -> None:
    """The cursor is the time before the call, not after it."""
    consumer.listen(api)
    now = consumer.clock.now()
    consumer.later(minutes=30)
    late = hire(sandbox, 1)
    with Line(consumer.ledger, sandbox).personio("news") as client:
        poll(consumer.ledger, personio_news(client, "test", api=api), start_from="now", now=now)
    consumer.later(minutes=1)
    assert consumer.listen(api) == late

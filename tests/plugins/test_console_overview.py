"""The console's first page: each stream as it stands, what is wrong on top, and nothing that a user may not know."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from console_rights import refuse_dags
from console_streams import ACCOUNTS, CONTACTS, PART, SCRIPT, STREAM, commit, everything, now, wait
from include.ledger import Ledger, open_ledger
from include.records import StreamKey
from seen_airflow import SeenAirflow, seen_airflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from console import Console

pytestmark = pytest.mark.usefixtures("connect")
HTML = {"Accept": "text/html"}
PAGE = "/exact-console/"
TAGS = ("exact-online", "personio", "contacts")


@pytest.fixture
def airflow(admin: httpx.Client) -> Iterator[SeenAirflow]:
    """Return an Airflow whose DAGs of contacts and accounts were parsed, the second of them paused."""
    with seen_airflow() as made:
        made.dag(CONTACTS, *TAGS, next_run=now() + timedelta(minutes=9))
        made.dag(ACCOUNTS, "exact-online", "personio", "accounts", paused=True)
        yield made


def read(client: httpx.Client) -> str:
    answer = client.get(PAGE, headers=HTML)
    assert answer.status_code == 200, answer.text
    return answer.text


def plain(text: str) -> str:
    """Return what a person reads."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<wbr>", "", re.sub(r"<(?!wbr)[^>]*>", " ", text))))


def row(text: str, dag_id: str) -> str:
    """Return a stream's row."""
    found = re.findall(r'<article class="card stream".*?</article>', text, re.DOTALL)
    return str(next(one for one in found if f'/dags/{dag_id}"' in one))


def troubles(text: str) -> list[str]:
    found = re.findall(r'<li class="note.*?</li>', text, re.DOTALL)
    return [plain(one) for one in found]


def state(text: str, dag_id: str) -> str:
    return str(re.findall(r'<span class="badge (\w+)">', row(text, dag_id))[0])


def test_a_new_company_is_told_what_to_do_first(admin: httpx.Client, airflow: SeenAirflow) -> None:
    text = read(admin)
    steps = [plain(one) for one in re.findall(r"<li>.*?</li>", text, re.DOTALL)]
    assert [one.split()[0] for one in steps] == ["Done", "To", "To", "Done", "To"]
    assert "Log in at Exact." in steps[1]
    assert "/exact-console/connections/" in text
    assert "Add a connection of the type Personio." in steps[2]
    assert (state(text, CONTACTS), state(text, ACCOUNTS)) == ("never", "paused")
    assert troubles(text) == []


def test_what_runs_needs_no_first_steps(admin: httpx.Client, airflow: SeenAirflow) -> None:
    with open_ledger() as ledger:
        commit(ledger, read=7, created=5, already_there=1, rejected=1)
    text = read(admin)
    assert "To begin with" not in text
    assert state(text, CONTACTS) == "fine"
    said = plain(row(text, CONTACTS))
    assert "118402113" in said
    assert "division 124132" in said
    assert "Contacts → applications" in said
    assert "Next run:" in said
    labels = re.findall(r'aria-label="([^"]+ per day[^"]+)"', row(text, CONTACTS))
    assert [label.split(" per day")[0] for label in labels] == ["Read", "Created", "Already there", "Rejected"]
    assert labels[0].endswith("7 in all, 7 at most")
    today = re.findall(r'<tr><th scope="row">([^<]+)</th>(.*?)</tr>', row(text, CONTACTS), re.DOTALL)
    assert len(today) == 14
    assert today[0][0] == now().date().isoformat()
    assert re.findall(r">(\d+)<", today[0][1]) == ["7", "5", "1", "1"]


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([], "fine"),
        ([("scheduled__1", "running", 5, None)], "running"),
        ([("manual__1", "failed", -5, -1)], "fine"),
        ([("scheduled__1", "failed", -5, 1)], "trouble"),
        ([("scheduled__1", "failed", -90, -60), ("scheduled__2", "success", -5, 5)], "fine"),
    ],
    ids=str,
)
def test_state_is_told_by_airflow_and_the_ledger(
    admin: httpx.Client, airflow: SeenAirflow, runs: list[tuple[str, str, int, int | None]], told: str
) -> None:
    """Minutes after the commit; a run by hand that failed says nothing of the schedule's."""
    with open_ledger() as ledger:
        commit(ledger)
    for run_id, outcome, started, ended in runs:
        at = now() + timedelta(minutes=started)
        airflow.run(CONTACTS, run_id, outcome, at, None if ended is None else now() + timedelta(minutes=ended))
    text = read(admin)
    assert state(text, CONTACTS) == told
    if runs:
        assert f"/dags/{CONTACTS}/runs/{runs[-1][0]}" in row(text, CONTACTS)


def test_stale_is_what_has_not_committed_for_too_long(admin: httpx.Client, airflow: SeenAirflow) -> None:
    with open_ledger(clock=lambda: now() - timedelta(hours=25)) as ledger:
        commit(ledger)
    assert state(read(admin), CONTACTS) == "stale"
    assert "25 hours ago" in plain(row(read(admin), CONTACTS))


def test_backlog_is_told_with_its_age_and_its_end(admin: httpx.Client, airflow: SeenAirflow) -> None:
    """61 applications at twenty a minute, with the other stream's nineteen ahead of them: three minutes and a bit."""
    with open_ledger(clock=lambda: now() - timedelta(hours=2)) as ledger:
        commit(ledger)
        wait(ledger, 61)
        wait(ledger, 20, StreamKey(ACCOUNTS, 124132, "Accounts"))
    text = read(admin)
    said = plain(row(text, CONTACTS))
    assert "61 the oldest for 2 hours" in said
    ends = re.search(r'sent by <time datetime="([^"]+)"', row(text, CONTACTS))
    assert ends is not None
    left = datetime.fromisoformat(ends[1]) - now()
    assert timedelta(minutes=3) <= left <= timedelta(minutes=6)
    assert "of sending once it runs" in plain(row(text, ACCOUNTS))


def test_what_is_wrong_stands_on_top_each_with_its_way_out(admin: httpx.Client, airflow: SeenAirflow) -> None:
    with open_ledger() as ledger:
        everything(ledger)
    airflow.run(CONTACTS, "scheduled__9", "success", now() + timedelta(minutes=10), now() + timedelta(minutes=11))
    text = read(admin)
    found = troubles(text)
    assert len(found) == 6
    alarm, unkept, quota, difference, paused, in_doubt = found
    assert "exact.permission.denied" in alarm
    assert "Grant it." in alarm
    assert SCRIPT in alarm, "as text"
    assert SCRIPT not in text
    assert "the ledger has no commit of it" in unkept
    assert "division 124132 a day are used up" in quota
    assert "differ in 2 records" in difference
    assert "--send-again" in difference
    assert "paused, and 3 records wait" in paused
    assert "1 record was sent without a clear answer" in in_doubt
    assert f'data-act="unpause" data-dag="{ACCOUNTS}"' in text
    assert f'data-act="trigger" data-dag="{CONTACTS}"' in text
    assert "/exact-console/reconciliation/" in text
    assert "0 left of usually 5,000" in plain(text)


def test_a_login_that_ends_soon_is_told_to_who_may_mend_it(
    console: Console, admin: httpx.Client, airflow: SeenAirflow, sandbox: Any
) -> None:
    """And to nobody else, who has no use for the names of connections."""
    from exact_console.connections import read_app  # noqa: PLC0415

    with open_ledger() as ledger:
        commit(ledger)
        app = read_app("exact_online_default").key
        ledger.vault("exact_online_default", app).save("a", "r", now() - timedelta(days=26), now())
    found = troubles(read(admin))
    assert len(found) == 1
    assert "exact_online_default The login ends" in found[0]
    assert "4 days left without use" in plain(read(admin))
    other = read(console.browser("viewer"))
    assert "exact_online_default" not in other
    assert troubles(other) == []
    assert state(other, CONTACTS) == "fine"


def test_who_may_not_act_gets_no_buttons(console: Console, airflow: SeenAirflow) -> None:
    with open_ledger() as ledger:
        everything(ledger)
    text = read(console.browser("viewer"))
    assert "data-act" not in text
    assert f'href="/dags/{ACCOUNTS}"' in text


def test_streams_of_other_people_are_as_if_they_were_not_there(
    admin: httpx.Client, airflow: SeenAirflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_ledger() as ledger:
        everything(ledger)
    refuse_dags(monkeypatch, lambda _, dag: dag != ACCOUNTS)
    text = read(admin)
    assert CONTACTS not in text
    assert PART not in text
    assert "without a clear answer" not in text
    assert len(troubles(text)) == 3, "its own two, and the quota, which whoever may edit the connection may know"
    refuse_dags(monkeypatch, lambda *_: True)
    text = read(admin)
    assert ACCOUNTS not in text
    assert "There is no stream that you may see" in text


def test_the_page_makes_as_many_statements_however_much_there_is(
    admin: httpx.Client, airflow: SeenAirflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def opened(*args: Any, **kwargs: Any) -> Ledger:
        ledger = open_ledger(*args, **kwargs)
        event.listen(ledger._database.engine, "before_cursor_execute", lambda *told: made.append(told[2]))
        return ledger

    monkeypatch.setattr("exact_console.overview.open_ledger", opened)

    def cost() -> int:
        made.clear()
        read(admin)
        assert made
        return len([one for one in made if not one.startswith("BEGIN")])

    with open_ledger() as ledger:
        commit(ledger)
        wait(ledger, 2)
        few = cost()
        wait(ledger, 400)
        for number in range(50):
            ledger.run_results.write(
                *(STREAM, "application", f"{CONTACTS}/r{number}"),
                mode="live",
                started_at=None,
                after=1,
                reached=2,
                counts={"created": 1},
                calls={},
            )
    assert cost() == few
    assert few <= 20


def test_the_page_says_when_it_was_made_and_asks_again(admin: httpx.Client, airflow: SeenAirflow) -> None:
    text = read(admin)
    at = re.search(r'As of <time datetime="([^"]+)"', text)
    assert at is not None
    assert abs(datetime.fromisoformat(at[1]) - now()) < timedelta(minutes=1)
    script = re.search(r'src="(/exact-console/static/refresh\.js[^"]*)"', text)
    assert script is not None
    assert admin.get(script[1]).status_code == 200


def test_it_is_refused_without_a_login(console: Console, connect: Callable[..., None]) -> None:
    assert console.browser(None).get(PAGE, headers=HTML).status_code == 401

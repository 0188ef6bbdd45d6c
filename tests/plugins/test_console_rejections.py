"""The page of rejections with Airflow's own users: true figures, an example, what to do, no DAGs of others."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event

from console_rights import refuse_dags
from include.ledger import open_ledger
from include.reasons import ADVICE
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    import httpx

    from console import Console

HTML = {"Accept": "text/html"}
PAGE = "/exact-console/rejections/"
STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
OTHER = StreamKey("dag_b", 9, "Accounts")
NAME = f"{STREAM.dag_id}/124132/Contacts/application"
ROLES = [(None, 401), ("viewer", 200), ("user", 200), ("op", 200), ("admin", 200)]


def source_id(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-00000000abcd"


def refused(number: int, code: str = "exact.Email.missing", field: str = "Email") -> Decision:
    return Decision(source_id(number), 1, "rejected", code, field)


def decide(*decisions: Decision, stream: StreamKey = STREAM) -> None:
    with open_ledger() as ledger:
        ledger.deliveries.decide(stream, "application", 1001, 4242, decisions, "run", fingerprint="m1")


def ended(stream: StreamKey = STREAM, **counts: int) -> None:
    with open_ledger() as ledger:
        ledger.run_results.write(
            *(stream, "application", f"{stream.dag}/{stream.is_history}"),
            mode="live",
            started_at=datetime.now(UTC),
            after=0,
            reached=9,
            counts=counts,
            calls={},
        )


def read(client: httpx.Client, **query: str) -> httpx.Response:
    return client.get(PAGE, params=query, headers=HTML)


def words(answer: httpx.Response) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


def cards(answer: httpx.Response) -> list[tuple[str, str]]:
    found = re.findall(r'id="r-\d+"><code>(.*?)</code>.*?badge rejected">(.*?)<', answer.text, re.DOTALL)
    return [(code, html.unescape(figure)) for code, figure in found]


def test_most_frequent_reason_first_with_its_share_and_what_to_do(admin: httpx.Client) -> None:
    decide(refused(1, "exact.MainContact.missing", "MainContact"), refused(2), refused(3))
    decide(refused(4), stream=STREAM.history())
    answer = read(admin)
    assert answer.status_code == 200
    assert cards(answer) == [("exact.Email.missing", "3 · 75.0%"), ("exact.MainContact.missing", "1 · 25.0%")]
    text = words(answer)
    assert "4 records are rejected now." in text
    for code in ("exact.*.missing", "exact.MainContact.missing"):
        assert ADVICE[code].meaning in text
        assert ADVICE[code].way_out in text


def test_both_lanes_are_one_row_with_an_example_that_leads_to_the_record(admin: httpx.Client) -> None:
    decide(refused(1), refused(2))
    decide(refused(3), stream=STREAM.history())
    answer = read(admin)
    rows = re.findall(r"<th scope=\"row\"><code>Email</code></th>(.*?)</tr>", answer.text, re.DOTALL)
    assert len(rows) == 1
    assert NAME in rows[0]
    assert '<td class="number">3</td>' in rows[0]
    assert f'href="/exact-console/records/124132/Contacts/{source_id(3)}"' in rows[0]


def test_replay_leads_to_what_marks_as_many_records_of_reason_and_dag(admin: httpx.Client) -> None:
    decide(refused(1), refused(2), refused(3, "personio.attributes[0].id.invalid", "attributes[0].id"))
    decide(refused(4), refused(5, "personio.custom:x y.invalid", "x y"), stream=OTHER)
    decide(refused(6), stream=StreamKey(STREAM.dag_id, 77, "Contacts"))
    found = re.findall(r'href="([^"]*act=replay[^"]*)">(.*?)</a>', read(admin).text, re.DOTALL)
    assert [led(admin, link) for link, _ in found] == [1, 3, 1, 1]
    assert ["3" in text for _, text in found] == [False, True, False, False]


def led(client: httpx.Client, link: str) -> int:
    """Return how many records the page means to which a button leads."""
    shown = client.get(html.unescape(link), headers=HTML)
    assert shown.status_code == 200
    return int(re.findall(r'name="count" value="(\d+)"', shown.text)[0])


def test_replay_of_one_stream_leaves_the_others_of_its_dag(admin: httpx.Client) -> None:
    decide(refused(1), refused(2))
    decide(refused(3), stream=StreamKey(STREAM.dag_id, 77, "Contacts"))
    [link] = re.findall(r'href="([^"]*act=replay[^"]*)"', read(admin, stream=NAME).text)
    assert led(admin, link) == 2


def test_one_stream_alone(admin: httpx.Client) -> None:
    decide(refused(1), refused(2))
    decide(refused(3), refused(4, "exact.Email.malformed"), stream=OTHER)
    answer = read(admin, stream=NAME)
    assert cards(answer) == [("exact.Email.missing", "2 · 100.0%")]
    assert f'<option value="{NAME}" selected>' in answer.text
    assert "dag_b/9/Accounts/application" in answer.text, "the others can still be chosen"


def test_share_by_day_is_of_what_the_runs_decided(admin: httpx.Client) -> None:
    """Skipped was never meant to arrive; a stream without rejections is not asked."""
    decide(refused(1))
    ended(created=5, already_there=1, pending=1, rejected=1, skipped_by_rule=100)
    ended(STREAM.history(), created=0, rejected=2)
    text = words(read(admin))
    today = f"{datetime.now(UTC):%b} {datetime.now(UTC).day}"
    assert f"{today} 10 3 30.0%" in text, "decided, rejected, share"
    assert f"{today}: 30.0%" in text, "the bar says it, too"


def test_without_runs_there_is_no_share(admin: httpx.Client) -> None:
    decide(refused(1))
    assert "No run of these streams has ended within the last 14 days" in words(read(admin))


def test_nothing_rejected_says_so(admin: httpx.Client) -> None:
    text = words(read(admin))
    assert "Nothing is rejected in the streams that you may see." in text
    assert "<svg" not in read(admin).text


def test_code_that_nobody_knows_is_shown_without_words_and_stays_text(admin: httpx.Client) -> None:
    decide(refused(1, "<script>x</script>\x1b[31m", "<b>field</b>"))
    answer = read(admin)
    assert "Nothing more is known of this reason" in words(answer)
    assert "<script>x" not in answer.text
    assert "<b>field" not in answer.text
    assert "\x1b" not in answer.text


@pytest.mark.parametrize(("role", "status"), ROLES)
def test_whoever_may_read_the_dag_sees_counts(console: Console, role: str | None, status: int) -> None:
    decide(refused(1))
    answer = read(console.browser(role))
    assert answer.status_code == status
    assert (cards(answer) == [("exact.Email.missing", "1 · 100.0%")]) == (status == 200)


def test_who_may_not_run_the_dag_is_offered_no_replay(console: Console) -> None:
    decide(refused(1))
    assert "act=replay" not in read(console.browser("viewer")).text
    assert "act=replay" in read(console.browser("user")).text


def test_dag_that_may_not_be_read_is_as_if_it_were_not_there(
    admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(refused(1), stream=STREAM.history())
    decide(refused(2, "exact.Email.malformed"), stream=OTHER)
    refuse_dags(monkeypatch, lambda _, dag: dag == STREAM.dag_id)
    for answer in (read(admin), read(admin, stream=NAME)):
        assert STREAM.dag_id not in answer.text
        assert "exact.Email.missing" not in answer.text
    assert cards(read(admin)) == [("exact.Email.malformed", "1 · 100.0%")], "and no part of the share"


def test_number_of_statements_does_not_grow_with_the_reasons(admin: httpx.Client) -> None:
    def statements() -> int:
        found: list[str] = []

        def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "ledger_deliveries" in statement or "ledger_run_results" in statement:
                found.append(statement)

        event.listen(Engine, "before_cursor_execute", remember)
        try:
            assert read(admin).status_code == 200
        finally:
            event.remove(Engine, "before_cursor_execute", remember)
        return len(found)

    read(admin)
    decide(refused(1))
    few = statements()
    decide(*(refused(number, f"exact.F{number}.missing", f"F{number}") for number in range(2, 60)))
    assert statements() == few
    assert few == 5, "groups, days, examples, and what the runs of the stream's two lanes came to"
    assert "19 reasons more are not shown" in words(read(admin))

"""What is too large, too deep or has no key: it ends with a reason, and everybody else arrives."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from bad_company import arrived, mend, put
from bad_rows import Person, Value, quoted
from include.errors import ExactPersonioError
from line import DIVISION

if TYPE_CHECKING:
    from world import World

MILLIONS = "Kanarie" * 1_500_000
"""Ten megabytes and a half."""
FINE = {"FirstName": Value('"Vera"'), "LastName": Value('"Proef"')}


def person(number: int, **columns: str | None) -> Person:
    fine = FINE | {"Email": Value(quoted(f"fine{number}@example.org"))}
    return Person(fine | {name: Value(text) for name, text in columns.items()})


def addresses(world: World) -> set[str]:
    return {str(row["email"]) for row in arrived(world)}


def reasons(world: World) -> dict[str, str]:
    return {row.source_id: row.reason_code or row.state for row in world.deliveries()}


def test_ten_megabytes_in_one_column(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A name or a place of any length arrives whole, an address of that length is none; blanks cost no time."""
    world.begin()
    long = quoted(MILLIONS)
    blanks = quoted(" \u200b" * 500_000 + "Vera" + "\u200b " * 500_000)
    people = [
        person(0),
        person(1, FirstName=long),
        person(2, Email=long),
        person(3, FirstName=blanks),
        person(4, Email=blanks),
    ]
    with caplog.at_level(logging.DEBUG):
        ids = put(world, [*people, person(5)])
        world.run("r1")
    told = reasons(world)
    refused = "exact.Email.malformed"
    assert [told[key] for key in ids] == ["created", "created", refused, "created", refused, "created"]
    names = {row["email"]: row["first_name"] for row in arrived(world)}
    assert names["fine1@example.org"] == MILLIONS
    assert names["fine3@example.org"] == "Vera"
    assert "KanarieKanarie" not in caplog.text


@pytest.mark.parametrize("depth", [50, 300, 700, 900, 960, 985])
def test_a_value_that_is_nested_deeply(world: World, depth: int) -> None:
    """It is nothing where a text is wanted; nested too deeply to be read, the page waits, with a reason."""
    world.begin()
    put(world, [person(0), person(1, City='{"a":' * depth + "[]" + "}" * depth)])
    try:
        world.run("r1")
    except ExactPersonioError as error:
        assert error.reason_code == "exact.answer.unavailable"  # noqa: PT017 - whether it raises depends on the depth
        mend(world)
        world.run("r2")
    assert len(addresses(world)) == len(arrived(world)) == 2


KEYLESS: dict[str, tuple[str, str | None]] = {
    "no ID": ("ID", None),
    "ID null": ("ID", "null"),
    "ID a number": ("ID", "5"),
    "ID a text": ("ID", '"someone"'),
    "ID with NUL": ("ID", '"790fc424-dc9f-405d-ab09-22d4ee00f65\\u0000"'),
    "ID with half a character": ("ID", '"790fc424-dc9f-405d-ab09-22d4ee00f65\\ud800"'),
    "ID too long": ("ID", quoted("a" * 5000)),
    "no Timestamp": ("Timestamp", None),
    "Timestamp null": ("Timestamp", "null"),
    "Timestamp a text": ("Timestamp", '"soon"'),
    "Timestamp too large": ("Timestamp", "9" * 30),
    "Timestamp far too large": ("Timestamp", "9" * 5000),
    "Timestamp negative": ("Timestamp", "-1"),
    "Timestamp a fraction": ("Timestamp", "5.5"),
    "Timestamp infinite": ("Timestamp", "Infinity"),
    "Timestamp not a number": ("Timestamp", "NaN"),
    "Timestamp true": ("Timestamp", "true"),
    "nothing that can be read": ("City", "[" * 200_000 + "]" * 200_000),
}
"""What makes a row nobody's: Exact's own keys, and a page that is no JSON."""


@pytest.mark.parametrize(("column", "text"), KEYLESS.values(), ids=KEYLESS)
def test_a_page_without_keys_is_refused_whole_and_read_again(
    world: World, column: str, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody could say whose row it is: the run fails with a reason, and once it is right everybody arrives once."""
    world.begin()
    exact = world.sandbox.sandbox.exact
    ids = put(world, [person(number) for number in range(3)])
    exact.distort(DIVISION, "Contacts", ids[1], {column: text})
    for attempt in range(2):
        with pytest.raises(ExactPersonioError) as caught:
            world.run(f"r{attempt}")
        assert caught.value.reason_code.startswith("exact.")
        assert caught.value.way_out
        assert len(str(caught.value)) < 500
    assert world.ledger.watermarks.get(world.job.stream) is None or not world.watermarks
    assert "aaaaaaaa" not in caplog.text
    mend(world)
    world.run("r9")
    assert len(addresses(world)) == len(arrived(world)) == 3


def test_a_main_contact_that_nobody_can_look_up(world: World) -> None:
    """Its account is rejected; the others' contacts are looked up all the same."""
    import dataclasses  # noqa: PLC0415

    accounts = dataclasses.replace(world, entity="Accounts")
    accounts.begin()
    odd: list[Any] = [
        '"someone"',
        "5",
        '{"a":1}',
        '"x\' or true"',
        quoted("9" * 40),
        '"790fc424-dc9f-405d-ab09-22d4ee00f65\\u0000"',
    ]
    people = [person(0), *(person(n, MainContact=text) for n, text in enumerate(odd, 1)), person(9)]
    ids = put(accounts, people)
    accounts.run("r1")
    told = reasons(accounts)
    assert [told[ids[0]], told[ids[-1]]] == ["created", "created"]
    # What is no text is nothing to Exact's type of the column.
    assert {told[source_id] for source_id in ids[1:-1]} <= {
        "exact.MainContact.not_found",
        "exact.MainContact.missing",
    }
    errors = [e.status for e in accounts.sandbox.sandbox.log.entries() if e.service == "exact" and e.status >= 400]
    assert errors == []

"""What was told of a difference with more ids than are kept: what only slides into sight is no news."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from include.ledger.told_of import Told

KEPT = 3
"""So many ids are kept here, so that few differences are already too many."""

NOTHING = Told(0, ())
FOUND = st.sets(st.integers(0, 9)).map(sorted)


def names(numbers: list[int]) -> tuple[str, ...]:
    return tuple(str(number) for number in numbers)


def is_news(told: Told, found: list[int]) -> bool:
    """Say whether somebody is told, by the rule of `Reconciliations.untold`."""
    return len(found) > told.count or not set(names(found[:KEPT])) <= set(told.subjects)


@given(FOUND, st.lists(st.tuples(FOUND, st.booleans()), max_size=8))
def test_news_is_what_cannot_be_something_else(first: list[int], then: list[tuple[list[int], bool]]) -> None:
    """Against the sets themselves: what came after the telling is news, what was told and is there is none.

    Unseen is only an exchange among the ids that are not kept: as many new ones as have gone there. What new ones
    have pushed out of sight, before anybody was told of them, may be told once more.
    """
    told, known, unseen, owed = Told(len(first), names(first[:KEPT])), set(first), 0, False
    sight, named = names(first[:KEPT]), set[str]()
    for found, somebody_listens in then:
        shown = {int(name) for name in told.subjects}
        there = known & set(found)
        unseen += len(known - shown - there)
        known = there
        told, sight = told.still(len(found), names(found[:KEPT]), sight), names(found[:KEPT])
        assert not named & set(told.subjects), "named as new, and told to nobody yet"
        new = set(found) - known
        owed = owed or bool(new)
        if not owed:
            assert not is_news(told, found), "all of it was told"
        if len(new) > unseen:
            assert is_news(told, found), "nobody would ever hear of some of it"
        before_kept = [number for number in found[:KEPT] if any(number < one for one in shown & set(found[:KEPT]))]
        assert not (new - shown) & set(before_kept) & {int(name) for name in told.subjects}, "named as new"
        named = set(sight) - set(told.subjects)
        if somebody_listens:
            told, known, unseen, owed = Told(len(found), names(found[:KEPT])), set(found), 0, False
            named = set()
        assert len(told.subjects) <= told.count <= len(found)


def test_next_ones_slide_in_and_were_told_as_part_of_the_count() -> None:
    told = Told(6, ("a", "b", "c")).still(4, ("c", "d", "e"))
    assert told == Told(4, ("c", "d", "e"))
    assert told.still(5, ("c", "d", "e")) == Told(4, ("c", "d", "e"))


def test_as_many_new_ones_as_have_gone_are_news() -> None:
    """The number is the same, and two of them nobody was told of."""
    assert Told(6, ("a", "b", "c")).still(6, ("c", "d", "e")).count == 4


def test_new_id_among_those_that_are_kept_is_named() -> None:
    told = Told(6, ("a", "c", "e")).still(7, ("a", "b", "c"))
    assert told == Told(5, ("a", "c"))
    assert told.still(5, ("b", "d", "f"), ("a", "b", "c")) == Told(3, ("d", "f")), "until somebody is told of it"


def test_fewer_than_can_be_kept_are_known_by_their_names() -> None:
    assert Told(5, ("a", "b", "c")).still(3, ("c", "d", "e")) == Told(3, ("c", "d", "e"))
    assert Told(3, ("c", "d", "e")).still(3, ("d", "e", "f")) == Told(2, ("d", "e"))


def test_same_id_twice_is_two_differences() -> None:
    """Two rows at Personio beside the one that is known."""
    assert Told(2, ("a", "a")).still(2, ("a", "b")) == Told(1, ("a",))


def test_nothing_told_is_nothing_told() -> None:
    assert NOTHING.still(5, ("a", "b", "c")) == NOTHING

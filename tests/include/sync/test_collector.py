"""The collector of cycles waits for pages, and is afterwards as it was."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from include.sync import collector

if TYPE_CHECKING:
    from collections.abc import Iterator


class Knot:
    """Holds itself, as an answer and its stream do."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_the_collector_is_as_it_was_whatever_becomes_of_the_read() -> None:
    before = gc.get_threshold()
    found = []

    def read() -> None:
        with collector.between_pages():
            found.append(gc.get_threshold())
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        read()
    assert found == [(20_000, *before[1:])]
    assert gc.get_threshold() == before


@pytest.mark.parametrize("young", [0, 50_000])
def test_who_has_set_it_higher_or_switched_it_off_is_obeyed(young: int) -> None:
    gc.set_threshold(young, 10, 10)
    with collector.between_pages():
        assert gc.get_threshold() == (young, 10, 10)


def test_what_pages_left_goes_with_the_tenth() -> None:
    with collector.between_pages():
        gc.collect()
        held = weakref.ref(Knot())
        collector.sweep(9)
        assert held() is not None
        collector.sweep(10)
        assert held() is None

"""Python's collector of cycles while pages are read."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_OBJECTS: Final = 20_000
"""A page of 1,000 rows makes some 5,000."""

_PAGES: Final = 10
"""Of half a megabyte each."""


@contextmanager
def between_pages() -> Iterator[None]:
    """Have the collector wait for `sweep`, unless a page is made of very many objects.

    A page goes when nobody needs it, without a collector. Left alone it looks once for 700 new objects, at times
    through all that the process holds: a tenth of the time of a first import.
    """
    young, *older = gc.get_threshold()
    if young:  # else somebody has switched it off
        gc.set_threshold(max(young, _OBJECTS), *older)
    try:
        yield
    finally:
        gc.set_threshold(young, *older)


def sweep(page: int) -> None:
    """Free what ten pages' calls have left: in httpx answer and stream hold each other, and with them the text.

    :param page: the number of the page that was stored.
    """
    if page % _PAGES == 0:
        gc.collect(1)

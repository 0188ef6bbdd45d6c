"""Where commands print their tables, and what is kept out of it."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDE: Final = 150


def wide_console() -> Console:
    """Return a console that is wide enough for a table where the output is a file, a pipe or a container's.

    ``COLUMNS`` says otherwise, as everywhere.
    """
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=WIDE)


@contextmanager
def quiet_clients() -> Iterator[None]:
    """Keep the clients' own lines out of what a command prints: it says by itself what they would say."""
    logger = logging.getLogger("include")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)

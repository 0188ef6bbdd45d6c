"""Where commands print their tables."""

from __future__ import annotations

import os
from typing import Final

from rich.console import Console

WIDE: Final = 150


def wide_console() -> Console:
    """Return a console that is wide enough for a table where the output is a file, a pipe or a container's.

    ``COLUMNS`` says otherwise, as everywhere.
    """
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=WIDE)

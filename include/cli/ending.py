"""How a command ends that could not do what it was asked for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from include.errors import ExactPersonioError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def one_sentence() -> Iterator[None]:
    """Show an expected error as its sentence and way out, and end with code 1."""
    try:
        yield
    except ExactPersonioError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None

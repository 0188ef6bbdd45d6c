"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

ExactConnection = Annotated[str, typer.Option(help="Connection of Exact Online.")]
PersonioConnection = Annotated[str, typer.Option(help="Connection of Personio.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]

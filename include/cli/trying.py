"""``exact-personio demo``, ``up`` and ``sandbox``: all of it on one machine, without a tenant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from include.cli.ending import one_sentence


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 chooses a free one.")] = 8700,
    limit_seconds: Annotated[float, typer.Option(help='How long a "minute" of the limits lasts.')] = 60.0,
) -> None:
    """Serve both services as they behave, for trying and testing; see docs/sandbox.md."""
    from include.sandbox.server import serve  # noqa: PLC0415 - only this command needs the server
    from include.sandbox.settings import SandboxSettings  # noqa: PLC0415
    from include.sandbox.state import Sandbox  # noqa: PLC0415

    def ready(bound: int) -> None:
        typer.echo(f"Sandbox on http://{host}:{bound} - admin under /_sandbox/")

    serve(Sandbox(SandboxSettings(limit_seconds=limit_seconds)), host=host, port=port, ready=ready)


def demo(
    report: Annotated[Path, typer.Option(help="Where the JSON report goes.")] = Path("build/demo-report.json"),
) -> None:
    """Sandbox and real Airflow, a history and then news, compared record by record."""
    from include.demo.run import default_home, demo  # noqa: PLC0415

    with one_sentence():
        raise typer.Exit(demo(default_home("demo"), report))


def up(
    port: Annotated[int, typer.Option(help="Port of the Airflow UI.")] = 8080,
    limit_seconds: Annotated[float, typer.Option(help='How long a "minute" of the limits lasts.')] = 1.0,
) -> None:
    """Airflow's UI with the sandbox behind it, until Ctrl-C."""
    from include.demo.run import default_home, up  # noqa: PLC0415

    with one_sentence():
        raise typer.Exit(up(default_home("up"), port, limit_seconds))

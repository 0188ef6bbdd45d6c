"""``exact-personio metrics``."""

from __future__ import annotations

from typing import Annotated

import typer

from include.cli.ending import one_sentence

metrics = typer.Typer(no_args_is_help=True, help="How the installation stands, in figures for Prometheus.")

Days = Annotated[int, typer.Option(help="How far back the rejected share looks.", min=1)]


@metrics.command()
def show(days: Days = 7) -> None:
    """Print the gauges once, as Prometheus reads them; see docs/monitoring.md."""
    from include.ledger import open_ledger  # noqa: PLC0415
    from include.metrics.exposition import exposition  # noqa: PLC0415
    from include.metrics.gauges import gauges  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        typer.echo(exposition(gauges(ledger, days=days)), nl=False)


@metrics.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 9108,
    days: Days = 7,
) -> None:
    """Serve the gauges under /metrics until Ctrl-C; a ledger that is away is told as exact_personio_ledger_up 0."""
    from include.metrics import server  # noqa: PLC0415

    typer.echo(f"Metrics on http://{host}:{port}/metrics")
    server.serve(host, port, days)

"""``exact-personio reconcile``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.cli.ending import one_sentence
from include.cli.options import ExactConnection, Json, PersonioConnection
from include.environment import setting
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.reconcile.reconciling import Asked


def reconcile(  # noqa: PLR0917 - typer's own: one parameter per option
    depth: Annotated[str, typer.Option(help="ledger (no calls), personio, or exact: each with those before.")] = "",
    division: Annotated[int | None, typer.Option(help="Only this company at Exact.")] = None,
    channel: Annotated[str, typer.Option(help="Recruiting channel that only this project applies through.")] = "",
    cost: Annotated[bool, typer.Option("--cost", help="Only say what it would cost.")] = False,
    last: Annotated[bool, typer.Option("--last", help="Show the last report, compare nothing.")] = False,
    accept: Annotated[list[str] | None, typer.Option(help="Take the difference of this id for right.")] = None,
    send_again: Annotated[
        list[str] | None, typer.Option(help="Exact's ID of a record that Personio lost: looked for, then sent.")
    ] = None,
    conn_id: ExactConnection = "exact_online_default",
    personio_conn_id: PersonioConnection = "personio_default",
    as_json: Json = False,
) -> None:
    """Prove that Exact, the ledger and Personio agree, and name what does not; see docs/reconciliation.md."""
    from include.ledger import open_ledger  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        if accept or send_again:
            _settle(ledger, accept or (), send_again or ())
            return
        report = (
            _last(ledger)
            if last
            else _made(ledger, _asked(depth, division, channel), conn_id, personio_conn_id, cost)
        )
    if report is None:
        return
    _print(report, as_json=as_json)
    raise typer.Exit(1 if report["verdict"] == "difference" else 0)


def _asked(depth: str, division: int | None, channel: str) -> Asked:
    from include.reconcile.reconciling import Asked, checked_channel, checked_depth  # noqa: PLC0415

    now = datetime.now(UTC)
    return Asked(
        run=f"exact-personio reconcile/{now:%Y-%m-%dT%H:%M:%S.%f}",
        depth=checked_depth(depth or setting("EXACT_PERSONIO_RECONCILE_DEPTH", "personio")),
        division=division,
        channel=checked_channel(channel or setting("EXACT_PERSONIO_CHANNEL_ID")),
    )


def _made(ledger: Ledger, asked: Asked, conn_id: str, personio_conn_id: str, cost: bool) -> dict[str, Any] | None:
    from include.reconcile.reconciling import costs, reconcile  # noqa: PLC0415
    from include.reconcile.services import InstalledServices  # noqa: PLC0415
    from include.terminal import quiet_clients  # noqa: PLC0415

    if cost:
        lines = [one.line() for one in costs(ledger, asked)]
        typer.echo("\n".join(lines) or "No calls: everything is in the ledger.")
        return None

    def tell(line: str) -> None:
        # Beside the report, which may be read by a program.
        typer.echo(line, err=True)

    with quiet_clients(), InstalledServices(conn_id, personio_conn_id, asked.run) as services:
        return reconcile(ledger, services, asked, tell)


def _last(ledger: Ledger) -> dict[str, Any]:
    kept = ledger.reconciliations.latest()
    if kept is None:
        raise ConfigurationError(
            "Nothing was reconciled yet.",
            reason_code="reconcile.report.missing",
            way_out="Do it now: exact-personio reconcile; or unpause the DAG sync_reconciliation.",
        )
    return kept.report


def _settle(ledger: Ledger, accept: list[str] | tuple[str, ...], again: list[str] | tuple[str, ...]) -> None:
    from include.reconcile.settling import accept as take  # noqa: PLC0415
    from include.reconcile.settling import send_again  # noqa: PLC0415

    for subject in accept:
        typer.echo(take(ledger, subject, by="exact-personio reconcile"))
    for subject in again:
        typer.echo(send_again(ledger, subject, by="exact-personio reconcile"))


def _print(report: dict[str, Any], *, as_json: bool) -> None:
    from include.reconcile.showing import show  # noqa: PLC0415
    from include.terminal import wide_console  # noqa: PLC0415

    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        show(wide_console(), report)

"""``exact-personio replay``: what was refused, again."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from include.cli.ending import one_sentence
from include.records import Destination


def replay(  # noqa: PLR0917 - typer's own: one parameter per option
    records: Annotated[
        list[str] | None, typer.Argument(help="IDs in Exact, e-mail addresses, ids at Personio.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="All that wait for this reason code.")] = None,
    run: Annotated[str | None, typer.Option(help="All that this run was the last to touch: DAG/run.")] = None,
    all_rejected: Annotated[bool, typer.Option("--all-rejected", help="All that were rejected.")] = False,
    dag: Annotated[str | None, typer.Option(help="Only those of this DAG.")] = None,
    destination: Annotated[Destination | None, typer.Option(help="Only what becomes this.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what was touched from this day or moment on; UTC.")] = None,
    remap: Annotated[
        bool, typer.Option("--remap", help="Also what waits to be sent: made anew by the mapping of now.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON; without --yes nothing is changed.")] = False,
) -> None:
    """Have rejected and skipped records decided again by the next run; see docs/replay.md."""
    from include import replay as replays  # noqa: PLC0415
    from include.ledger import open_ledger  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        chosen = replays.selection(
            ledger,
            records=records or (),
            reason=reason,
            run=run,
            dag=dag,
            all_rejected=all_rejected,
            destination=destination,
            since=since,
            remap=remap,
        )
        done = replays.plan(ledger, chosen)
        if not as_json and done.waiting and not yes:
            typer.echo("\n".join(done.lines()))
            typer.confirm(f"Have {done.waiting} decided again?", abort=True)
        if done.waiting and (yes or not as_json):
            done = replays.replay(ledger, chosen, done)
    typer.echo(json.dumps(done.as_json(), indent=2) if as_json else "\n".join(done.lines()))

"""``exact-personio status``, ``trace``, ``preview`` and ``forecast``: how it stands, what was done, what would be."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from include.cli.ending import one_sentence
from include.cli.options import ExactConnection, Json, PersonioConnection


class Action(StrEnum):
    """What a run would do with a record."""

    CREATE = "create"
    SEND_AGAIN = "send_again"
    LOOK_UP = "look_up"
    NOTHING = "nothing"


def status(
    as_json: Json = False,
) -> None:
    """Show how each stream stands: watermark, records by state, the last failure and its way out."""
    from include.ledger import open_ledger  # noqa: PLC0415
    from include.stream_status import show, statuses  # noqa: PLC0415
    from include.terminal import wide_console  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        streams = statuses(ledger)
    if as_json:
        typer.echo(json.dumps(streams, default=str, indent=2))
        return
    show(wide_console(), streams)


def trace(
    record: Annotated[str, typer.Argument(help="ID in Exact, e-mail address, or id at Personio.")],
    as_json: Json = False,
) -> None:
    """Tell the whole story of one record: what was decided, sent and answered, and why."""
    from include.ledger import open_ledger  # noqa: PLC0415
    from include.record_story import show, stories  # noqa: PLC0415
    from include.terminal import wide_console  # noqa: PLC0415 - only this command draws tables

    with one_sentence(), open_ledger() as ledger:
        found = stories(ledger, record)
    if as_json:
        typer.echo(json.dumps(found, default=str, indent=2))
        return
    for story in found:
        show(wide_console(), story)


def preview(
    run: Annotated[
        str | None, typer.Argument(help="DAG/run, or the run's id; the newest preview by default.")
    ] = None,
    record: Annotated[str | None, typer.Option(help="Only this record, by its ID in Exact.")] = None,
    action: Annotated[Action | None, typer.Option(help="Only what it would do this with.")] = None,
    limit: Annotated[int, typer.Option(help="Rows of the table; JSON has all.", min=1)] = 100,
    as_json: Json = False,
) -> None:
    """Show what a preview run would do with each record, and which rule made each field; see docs/preview.md."""
    from include import preview_story as story  # noqa: PLC0415
    from include.ledger import open_ledger  # noqa: PLC0415
    from include.terminal import wide_console  # noqa: PLC0415

    wanted = {"action": action.value if action else None, "source_id": story.of_record(record) if record else None}
    with one_sentence(), open_ledger() as ledger:
        chosen = story.preview_run(ledger, run)
        records = story.shown_records(ledger, chosen, **wanted, limit=limit)
        if not as_json:
            story.show(wide_console(), chosen, story.counted(ledger, chosen.run), records)
            return
        for piece in story.as_json(ledger, chosen, **wanted):
            typer.echo(piece, nl=False)


def forecast(  # noqa: PLR0917 - typer's own: one parameter per option
    created_from: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD; else all history.")] = "",
    created_to: Annotated[str, typer.Option("--to", help="Day after the last; until now otherwise.")] = "",
    dag: Annotated[str, typer.Option(help="The DAG that would do it.")] = "exact_contacts_to_personio_applications",
    entity: Annotated[str, typer.Option(help="Accounts or Contacts, for a DAG of your own.")] = "",
    destination: Annotated[str, typer.Option(help="application, employee or employee_match, for the same.")] = "",
    every: Annotated[str, typer.Option(help="month: a run each, as a backfill; none: one run.")] = "",
    where: Annotated[list[str] | None, typer.Option(help="The form's filter, such as country=NL,BE.")] = None,
    division: Annotated[int | None, typer.Option(help="By default the connection's first.")] = None,
    job_position_id: Annotated[int | None, typer.Option(help="By default the mapping's.")] = None,
    sample: Annotated[int, typer.Option(help="Rows to try the mapping on.", min=1)] = 1200,
    conn_id: ExactConnection = "exact_online_default",
    personio_conn_id: PersonioConnection = "personio_default",
    as_json: Json = False,
) -> None:
    """Tell what a backfill or a window would do, cost and last; see docs/forecast.md."""
    from include.forecast.command import Question, forecast_command  # noqa: PLC0415

    question = Question(
        created_from=created_from,
        created_to=created_to,
        dag=dag,
        entity=entity,
        destination=destination,
        every=every,
        where=tuple(where or ()),
        division=division,
        job_position_id=job_position_id,
        sample=sample,
    )
    with one_sentence():
        forecast_command(question, conn_id, personio_conn_id, as_json=as_json)

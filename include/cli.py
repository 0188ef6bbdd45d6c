"""``exact-personio``: the command line."""

from __future__ import annotations

import json
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from include.cli_keys import rotate_keys
from include.cli_metrics import metrics
from include.cli_privacy import privacy
from include.cli_reconcile import reconcile
from include.errors import ExactPersonioError
from include.records import Destination  # noqa: TC001 - typer reads the annotation

if TYPE_CHECKING:
    from collections.abc import Iterator

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Exact Online to Personio, once each.",
)
app.add_typer(metrics, name="metrics")
app.add_typer(privacy, name="privacy")
app.command()(reconcile)
app.command()(rotate_keys)


class Action(StrEnum):
    """What a run would do with a record."""

    CREATE = "create"
    SEND_AGAIN = "send_again"
    LOOK_UP = "look_up"
    NOTHING = "nothing"


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


@app.callback()
def main() -> None:
    """Exact Online to Personio, once each."""


@app.command()
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


@app.command()
def demo(
    report: Annotated[Path, typer.Option(help="Where the JSON report goes.")] = Path("build/demo-report.json"),
) -> None:
    """Sandbox and real Airflow, a history and then news, compared record by record."""
    from include.demo.run import default_home, demo  # noqa: PLC0415

    with one_sentence():
        raise typer.Exit(demo(default_home("demo"), report))


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Port of the Airflow UI.")] = 8080,
    limit_seconds: Annotated[float, typer.Option(help='How long a "minute" of the limits lasts.')] = 1.0,
) -> None:
    """Airflow's UI with the sandbox behind it, until Ctrl-C."""
    from include.demo.run import default_home, up  # noqa: PLC0415

    with one_sentence():
        raise typer.Exit(up(default_home("up"), port, limit_seconds))


@app.command()
def login(
    conn_id: Annotated[str, typer.Option(help="The Airflow connection to log in for.")] = "exact_online_default",
    paste: Annotated[bool, typer.Option("--paste", help="Paste the address instead of listening for it.")] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the consent page.")] = True,
) -> None:
    """Log in at Exact Online in a browser; the tokens go encrypted into the ledger, for all workers."""
    from include.login import login as log_in  # noqa: PLC0415

    def ask(question: str) -> str:
        return str(typer.prompt(question))

    with one_sentence():
        report = log_in(conn_id, paste=paste, open_browser=browser, echo=typer.echo, ask=ask)
    for line in report.lines():
        typer.echo(line)


@app.command()
def trace(
    record: Annotated[str, typer.Argument(help="ID in Exact, e-mail address, or id at Personio.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
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


@app.command()
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


@app.command()
def preview(
    run: Annotated[
        str | None, typer.Argument(help="DAG/run, or the run's id; the newest preview by default.")
    ] = None,
    record: Annotated[str | None, typer.Option(help="Only this record, by its ID in Exact.")] = None,
    action: Annotated[Action | None, typer.Option(help="Only what it would do this with.")] = None,
    limit: Annotated[int, typer.Option(help="Rows of the table; JSON has all.", min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
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


@app.command()
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
    conn_id: Annotated[str, typer.Option(help="Connection of Exact Online.")] = "exact_online_default",
    personio_conn_id: Annotated[str, typer.Option(help="Connection of Personio.")] = "personio_default",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
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


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
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


@app.command()
def doctor(
    conn_id: Annotated[str, typer.Option(help="Connection of Exact Online.")] = "exact_online_default",
    personio_conn_id: Annotated[str, typer.Option(help="Connection of Personio.")] = "personio_default",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Check the whole installation: what works, what does not, and the mend for each; writes at no service."""
    from include.doctor.command import doctor_command  # noqa: PLC0415

    with one_sentence():
        raise typer.Exit(doctor_command(conn_id, personio_conn_id, as_json))


if __name__ == "__main__":
    app()

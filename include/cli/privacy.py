"""``exact-personio privacy``: what is held of one person, handing it out, erasing it."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.cli.ending import one_sentence
from include.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger import Ledger
    from include.privacy.files import ExportFile
    from include.privacy.person import Person

privacy = typer.Typer(
    no_args_is_help=True, help="What is held of one person: find it, hand it out, erase it; see docs/privacy.md."
)

Who = Annotated[str, typer.Argument(help="E-mail address, ID of Exact, or id of Personio; -: it is asked for.")]
Division = Annotated[int | None, typer.Option(help="Of an ID that the ledger does not know.")]
By = Annotated[str, typer.Option("--by", help="Who asks, for the record; the user of this machine by default.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@privacy.command()
def find(
    who: Who = "-",
    division: Division = None,
    show: Annotated[bool, typer.Option("--show", help="With the person's data, decrypted.")] = False,
    as_json: Json = False,
) -> None:
    """Tell what is held of a person, and where."""
    from include.ledger import open_ledger  # noqa: PLC0415
    from include.privacy import telling  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        meant, exports = _looked_up(ledger, who, division)
        found = telling.held(ledger, meant, exports)
        if show:
            found = telling.handed_out(ledger, meant, exports)
    typer.echo(_json(found) if as_json or show else "\n".join(telling.find_lines(found)))


@privacy.command()
def export(
    file: Annotated[str, typer.Argument(help="Where it goes: a new file, readable by you alone; -: the screen.")],
    who: Who = "-",
    division: Division = None,
) -> None:
    """Write all that is held of a person, decrypted, as JSON: the answer to a request for access."""
    from include.ledger import open_ledger  # noqa: PLC0415
    from include.privacy import telling  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        meant, exports = _looked_up(ledger, who, division)
        text = _json(telling.handed_out(ledger, meant, exports)) + "\n"
        if file != "-":
            _write(Path(file), text)
    typer.echo(text if file == "-" else f"Written to {file}; delete it when it was handed over.", nl=file != "-")


@privacy.command()
def erase(
    who: Who = "-",
    division: Division = None,
    by: By = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase a person everywhere here, and keep them from being taken in again."""
    from include.ledger import open_ledger  # noqa: PLC0415
    from include.privacy import erasing, telling  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        meant, exports = _looked_up(ledger, who, division)
        if not yes:
            typer.echo("\n".join(telling.find_lines(telling.held(ledger, meant, exports))), err=as_json)
            typer.confirm("Erase all of this, and keep the person out from now on?", abort=True, err=as_json)
        done = erasing.erase(ledger, meant, asked_by=by or _user())
    typer.echo(_json(done.as_json()) if as_json else "\n".join(telling.erased_lines(done)))


@privacy.command()
def readmit(
    who: Who = "-",
    division: Division = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="The person was erased at Personio too: send them once more.")
    ] = False,
    by: By = "",
    yes: Yes = False,
) -> None:
    """Let a person in again who was erased, because they apply anew."""
    from include.ledger import open_ledger  # noqa: PLC0415
    from include.privacy.readmitting import readmit as let_in  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        if not yes:
            typer.confirm("Let this person in again?", abort=True)
        lines = let_in(ledger, _asked(who), division=division, asked_by=by or _user(), anew=anew)
    typer.echo("\n".join(lines))


@privacy.command()
def scrub() -> None:
    """Remove the bytes of erased persons that are left in the database's files; others wait meanwhile."""
    from include.ledger import open_ledger  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        done = ledger.erasures.finish()
    typer.echo("Done." if done else "Somebody uses the files right now: try again when no run is under way.")
    raise typer.Exit(0 if done else 1)


@privacy.command()
def log(as_json: Json = False) -> None:
    """Tell who erased when; nobody who was erased is named."""
    from dataclasses import asdict  # noqa: PLC0415

    from include.ledger import open_ledger  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        known = ledger.erasures.known()
    if as_json:
        typer.echo(_json([asdict(one) for one in known]))
        return
    for one in known:
        ended = f", admitted again {one.lifted_at:%Y-%m-%d %H:%M}" if one.lifted_at else ""
        left = "" if one.finished_at else ", old bytes not removed yet: exact-personio privacy scrub"
        if one.blanked_at is None:
            left = ", not ended: under way, or the next sync_housekeeping ends it"
        typer.echo(
            f"{one.at:%Y-%m-%d %H:%M} {one.name} {one.why} by {one.asked_by}: {one.records} records{ended}{left}"
        )


def _looked_up(ledger: Ledger, who: str, division: int | None) -> tuple[Person, Sequence[ExportFile]]:
    from include.privacy.files import in_exports  # noqa: PLC0415
    from include.privacy.person import person  # noqa: PLC0415

    meant = person(ledger, _asked(who), division=division)
    return meant, in_exports(meant.ids, meant.emails)


def _asked(who: str) -> str:
    """Return who is meant; asked for, it is in no list of processes and in no shell's history."""
    return str(typer.prompt("E-mail address or ID", err=True)) if who == "-" else who


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def _write(path: Path, text: str) -> None:
    """Write a new file for the owner alone; what is there already is never overwritten, nor a link followed."""
    from include.errors import ConfigurationError  # noqa: PLC0415

    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"The file cannot be written ({type(error).__name__}).",
            reason_code="privacy.file.unwritable",
            way_out="Name a file that does not exist yet, in a folder that you may write to.",
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _json(value: Any) -> str:
    return json.dumps(value, default=str, indent=2, ensure_ascii=False)

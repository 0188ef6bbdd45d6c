"""``exact-personio rotate-keys``: everything under the newest key, so that the older ones can go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from include.cli.ending import one_sentence
from include.cli.options import Json

if TYPE_CHECKING:
    from include.ledger.resealing import Sealed


def rotate_keys(
    check: Annotated[bool, typer.Option("--check", help="Count only; nothing is changed.")] = False,
    as_json: Json = False,
) -> None:
    """Encrypt the ledger anew with the first key of the list, beside running tasks; see docs/connections.md."""
    from include.ledger import open_ledger  # noqa: PLC0415

    with one_sentence(), open_ledger() as ledger:
        found = ledger.resealing.count() if check else ledger.resealing.reseal()
    total = sum(found.values(), start=_nothing())
    if as_json:
        columns = {name: sealed.as_json() for name, sealed in found.items()}
        typer.echo(json.dumps({"columns": columns, "total": total.as_json()}, indent=2))
    else:
        typer.echo("\n".join([*_lines(found), *_verdict(total, check=check)]))
    if total.left or total.lost:
        raise typer.Exit(1)


def _nothing() -> Sealed:
    from include.ledger.resealing import Sealed  # noqa: PLC0415

    return Sealed()


def _lines(found: dict[str, Sealed]) -> list[str]:
    width = max(map(len, found))
    return [
        f"{name:<{width}}  {sealed.newest:>9,} under the newest key, {sealed.resealed:,} of them brought there now"
        + (f", {sealed.left:,} under an older one" if sealed.left else "")
        + (f", {sealed.lost:,} that no key opens" if sealed.lost else "")
        for name, sealed in found.items()
        if sealed != type(sealed)()
    ]


def _verdict(total: Sealed, *, check: bool) -> list[str]:
    lines = []
    if total.lost:
        lines.append(
            f"{total.lost:,} values were sealed with a key that is not in the list: add it behind the others, "
            "and run this again. Nothing was changed in them."
        )
    if total.left and check:
        lines.append(f"{total.left:,} values need an older key. Bring them over: exact-personio rotate-keys")
    elif total.left:
        lines.append(
            f"{total.left:,} values need an older key: tasks that do not have the new key in front yet still use it. "
            "Keep it, let them end, and run this again."
        )
    else:
        lines.append(
            "The first key opens all that the others could: they can be removed from the list on every machine."
        )
    return lines

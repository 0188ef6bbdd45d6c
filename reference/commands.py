"""The page of ``exact-personio``: every command, argument and option, as typer knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.main import get_command

from include.cli import app
from reference.markdown import code, table

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands() -> dict[str, list[object]]:
    """Return the words of each command -> its arguments and options."""
    return dict(_walk(get_command(app), ""))


def commands_page() -> str:
    """Return the page."""
    parts = [
        "# Commands",
        (
            "`exact-personio` runs where Airflow runs, with its environment. Made from the code; "
            "`exact-personio COMMAND --help` says the same."
        ),
    ]
    helps = dict(_helps(get_command(app), ""))
    for words, params in commands().items():
        parts += [f"## `exact-personio {words}`", helps[words]]
        rows = [(_written(one), str(getattr(one, "help", "") or ""), _default(one)) for one in params]
        if rows:
            parts.append(table(("argument, option", "means", "default"), rows))
    return "\n\n".join(parts) + "\n"


def option_names(param: object) -> list[str]:
    """Return how an option may be written; nothing for an argument."""
    written = [*getattr(param, "opts", ()), *getattr(param, "secondary_opts", ())]
    return [name for name in written if name.startswith("-")]


def _walk(command: object, before: str) -> Iterator[tuple[str, list[object]]]:
    for name, sub in sorted(getattr(command, "commands", {}).items()):
        words = f"{before} {name}".strip()
        if hasattr(sub, "commands"):
            yield from _walk(sub, words)
        else:
            yield words, list(sub.params)


def _helps(command: object, before: str) -> Iterator[tuple[str, str]]:
    for name, sub in sorted(getattr(command, "commands", {}).items()):
        words = f"{before} {name}".strip()
        yield words, str(sub.help or "").partition(":param")[0].strip()
        yield from _helps(sub, words)


def _written(param: object) -> str:
    names = option_names(param)
    return ", ".join(code(name) for name in names) or code(str(getattr(param, "name", "")).upper())


def _default(param: object) -> str:
    value = getattr(param, "default", None)
    return "" if value in (None, False, [], ()) or callable(value) else code(value)

"""Values of the form by their JSON type; and names that the form does not know."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from include.sync.asked_days import mistake

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HIGHEST: Final = 2**63 - 1
"""The highest whole number that the ledger holds, and that a row version of Exact can be."""

_NAME: Final = re.compile(r"\w{1,60}", re.ASCII)


def refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a name that nothing reads: a slip in ``max_records`` would send everybody.

    :param given: the names in the run's configuration.
    :param known: the names of the DAG's form.
    :raises ConfigurationError: one is unknown, ``params.<name>.unknown``; the way out has the nearest known one.
    """
    there = list(known)
    for name in given:
        if name in there:
            continue
        near = get_close_matches(str(name).lower(), there, n=1)
        # Whatever was typed in the place of a name may be anything, an address too.
        shown = name if _NAME.fullmatch(str(name)) else "conf"
        what = shown if shown == name else "a name"
        raise mistake(
            shown,
            "unknown",
            f"The run's configuration has {what}, which is no field of this DAG's form.",
            f"The nearest one is {near[0]}: correct the name, or leave it out."
            if near
            else "Leave it out; the form shows the names, and docs/backfill.md lists them.",
        )


def switch(params: Mapping[str, Any], name: str) -> bool:
    """Return whether something is switched on; the text "false" is not taken for yes.

    :raises ConfigurationError: the value is neither true nor false.
    """
    value = params.get(name)
    if value in (None, ""):
        return False
    if not isinstance(value, bool):
        raise mistake(
            name,
            "malformed",
            f"{name} is neither true nor false.",
            f"Write true or false for {name}, without quotes.",
        )
    return value


def whole(params: Mapping[str, Any], name: str, *, least: int) -> int | None:
    """Return a whole number; None: empty.

    :raises ConfigurationError: it is none, or too low or too high.
    """
    value = params.get(name)
    if value in (None, ""):
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= HIGHEST:
        raise mistake(
            name, "malformed", f"{name} is no whole number from {least} on.", "Correct it, or empty the field."
        )
    return value


def texts(params: Mapping[str, Any], name: str) -> list[str]:
    """Return a list of words, without blanks around them and in upper case; each once.

    :raises ConfigurationError: it is no list, or something in it is no text.
    """
    value = params.get(name)
    if value in (None, ""):
        return []
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise mistake(
            name,
            "malformed",
            f"{name} is no list of texts.",
            f'Correct the field, such as {name}: ["NL"], or empty it.',
        )
    return list(dict.fromkeys(part.strip().upper() for part in value))

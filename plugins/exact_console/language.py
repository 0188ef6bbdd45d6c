"""The viewer's language: texts, numbers and times. English where there is no other.

Airflow keeps the language in the browser alone, so a script mirrors it into a cookie that the server can read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from babel.core import negotiate_locale
from babel.dates import format_datetime, format_skeleton, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from typing import Any

    from starlette.requests import Request

LANGUAGES: Final = ("en", "de")
COOKIE: Final = "exact_console_language"
LOCALE: Final = Path(__file__).parent / "locale"


def language_of(request: Request) -> str:
    """Return the language that Airflow is shown in, where it is one of ours; else the browser's, else English."""
    asked = [request.cookies.get(COOKIE, ""), *_accepted(request.headers.get("accept-language", ""))]
    return negotiate_locale([text for text in asked if text], LANGUAGES, sep="-") or LANGUAGES[0]


def _accepted(header: str) -> list[str]:
    return [part.partition(";")[0].strip() for part in header.split(",")]


def N_(text: str) -> str:  # noqa: N802 - gettext's own name
    """Mark a text that a template translates later.

    :param text: in English.
    """
    return text


@cache
def translations(language: str) -> NullTranslations:
    """Return the texts of a language.

    :param language: one of `LANGUAGES`; the texts of English are the code's own.
    """
    file = LOCALE / f"{language}.po"
    if not file.exists():
        return NullTranslations()
    packed = BytesIO()
    with file.open("rb") as source:
        write_mo(packed, read_po(source, locale=language))
    packed.seek(0)
    return GNUTranslations(packed)


def translated(request: Request, text: str) -> str:
    """Return a text in the viewer's language, where it is not a template that says it.

    :param request: of the viewer.
    :param text: in English.
    """
    return translations(language_of(request)).gettext(text)


def filters(language: str) -> dict[str, Callable[..., Any]]:
    """Return the templates' filters for numbers and times, in a language."""

    def number(value: float) -> str:
        return format_decimal(value, locale=language)

    def percent(value: float, digits: int = 0) -> str:
        return format_percent(value, format=f"#,##0.{'0' * digits}%" if digits else None, locale=language)

    def moment(at: datetime | None) -> Markup | str:
        """Show a time in UTC; the page's script turns it into the viewer's zone."""
        if at is None:
            return "-"
        at = at.astimezone(UTC)
        shown = format_datetime(at, "medium", tzinfo=UTC, locale=language)
        return Markup('<time datetime="{}">{} UTC</time>').format(at.isoformat(timespec="seconds"), shown)

    def day(at: date) -> str:
        """Show a day, without a year: it is one of the last weeks."""
        return format_skeleton("MMMd", at, locale=language)

    def span(length: timedelta | float) -> str:
        """Say how long something is, in its largest unit."""
        seconds = length.total_seconds() if isinstance(length, timedelta) else length
        return str(format_timedelta(timedelta(seconds=round(seconds)), threshold=1.5, locale=language))

    return {"number": number, "percent": percent, "moment": moment, "day": day, "span": span}

"""The console's texts as they stand in its code, and its catalogues brought up to them: ``make texts``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po, write_po

from airflow_home import ROOT
from exact_console.language import LANGUAGES, LOCALE

if TYPE_CHECKING:
    from collections.abc import Iterator

CONSOLE: Final = ROOT / "plugins" / "exact_console"
HEAD: Final = """# Texts of the console. `make texts` brings in what is new, and takes out what is stale.
msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
"""No dates: a file whose texts are the same is the same."""
ADVICE: Final = ROOT / "include" / "reasons.py"
KEYWORDS: Final[dict[str, Any]] = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS: Final = {"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}


def extracted() -> Catalog:
    """Return every text that a person may read on a page, without its places: they change with each line."""
    made = Catalog(project="exact-personio-airflow", charset="utf-8")
    for text in _texts():
        made.add(text)
    return made


def _texts() -> Iterator[Any]:
    for _, _, text, _, _ in extract_from_dir(CONSOLE, METHODS, OPTIONS, KEYWORDS):
        yield text
    # Two texts to a call, each translated by itself: as one keyword they would be singular and plural.
    for argument in (1, 2):
        for _, text, _, _ in extract_from_file("python", ADVICE, {"Advice": (argument,)}):
            yield text


def catalogue(language: str) -> Catalog:
    """Return the texts of a language as its file holds them.

    :param language: one of the console's; English has no file, its texts are the code's own.
    """
    with (LOCALE / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def update(language: str) -> None:
    """Write what is new into the file of a language, to be translated, and leave out what is stale.

    :param language: see `catalogue`.
    """
    made = catalogue(language)
    # A guess that nobody read is worse than English.
    made.update(extracted(), no_fuzzy_matching=True)
    made.obsolete.clear()
    write(made, language)


def write(texts: Catalog, language: str) -> None:
    """Write the file of a language.

    :param texts: to write, in the order of the alphabet.
    :param language: whose texts they are.
    """
    with (LOCALE / f"{language}.po").open("wb") as file:
        file.write(HEAD.format(language=language).encode())
        write_po(file, texts, width=118, sort_output=True, omit_header=True)


if __name__ == "__main__":
    for each in LANGUAGES[1:]:
        update(each)

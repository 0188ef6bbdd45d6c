"""The console in German: every text is translated, nothing more, and the pages speak the viewer's language."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from airflow_home import ROOT
from console_reading import HTML, words
from console_texts import catalogue, extracted
from exact_console.language import COOKIE, LANGUAGES, translations
from exact_console.previews import WORDS
from include.preview_story import ACTIONS
from include.reasons import ADVICE

if TYPE_CHECKING:
    from pathlib import Path

    from babel.messages.catalog import Message

    from console import Console

PLACES: Final = re.compile(r"%\(\w+\)s")
TAGS: Final = re.compile(r"</?\w+>|`[^`]*`")


def both(message: Message) -> list[tuple[str, str]]:
    """Return each text beside its translation."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    assert isinstance(message.string, list | tuple)
    return list(zip(message.id, message.string, strict=True))


@pytest.mark.parametrize("language", LANGUAGES[1:])
class TestTexts:
    def test_those_of_the_code_and_no_others(self, language: str) -> None:
        wanted, there = ({m.id for m in made if m.id} for made in (extracted(), catalogue(language)))
        assert (wanted - there, there - wanted) == (set(), set()), "make texts"

    def test_each_is_translated_and_nobody_guessed(self, language: str) -> None:
        messages = [message for message in catalogue(language) if message.id]
        assert [message.id for message in messages if message.fuzzy] == []
        assert [text for message in messages for text, said in both(message) if not said.strip(" ")] == []

    @pytest.mark.parametrize("pattern", [PLACES, TAGS], ids=["places", "tags"])
    def test_places_tags_and_names_are_the_same(self, language: str, pattern: re.Pattern[str]) -> None:
        for message in catalogue(language):
            for text, said in both(message):
                assert sorted(pattern.findall(said)) == sorted(pattern.findall(text)), text

    def test_edges_are_the_same(self, language: str) -> None:
        """A text beside others has the blanks that the other language has."""
        for message in catalogue(language):
            for text, said in both(message) if message.id else []:
                assert (said[:1] == " ", said[-1:] == " ") == (text[:1] == " ", text[-1:] == " "), text

    def test_advice_is_found_by_each_of_its_texts(self, language: str) -> None:
        """Two texts of one call are not singular and plural."""
        speak = translations(language).gettext
        assert [text for one in ADVICE.values() for text in (one.meaning, one.way_out) if speak(text) == text] == []


def test_words_of_previews_are_those_of_the_command_line() -> None:
    assert WORDS == ACTIONS


PAGES: Final = {
    "/": ("Overview", "Übersicht"),
    "/records/": ("Records", "Datensätze"),
    "/rejections/": ("Rejections", "Ablehnungen"),
    "/runs/": ("Runs", "Läufe"),
    "/previews/": ("Previews", "Vorschauen"),
    "/connections/": ("has a login of its own", "hat ihre eigene Anmeldung"),
    "/mapping/": ("Mapping", "Zuordnung"),
    "/reconciliation/": ("Reconciliation", "Abgleich"),
    "/runs/one?run=nothing": ("Nothing is kept of this run", "Über diesen Lauf ist nichts vorhanden"),
    "/nothing": ("There is nothing here.", "Hier ist nichts."),
}


@pytest.mark.parametrize("path", PAGES)
def test_pages_speak_the_viewers_language(console: Console, path: str) -> None:
    """Airflow's own choice comes first, then the browser's, then English."""
    english, german = PAGES[path]
    client = console.browser("admin")

    def said(cookie: str, accepted: str) -> tuple[str, bool, bool]:
        client.cookies.set(COOKIE, cookie)
        answer = client.get(f"/exact-console{path}", headers=HTML | {"Accept-Language": accepted})
        found = re.search(r'<html lang="(\w+)"', answer.text)
        assert found is not None
        return found[1], english in words(answer), german in words(answer)

    assert said("de", "en-US,en;q=0.9") == ("de", False, True)
    assert said("", "de-AT,de;q=0.9,en;q=0.5") == ("de", False, True)
    assert said("en", "de-DE") == ("en", True, False)
    assert said("nl", "fr-FR,fr;q=0.9") == ("en", True, False)


def test_wheel_carries_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = {name.removeprefix("plugins/") for name in packed.namelist()}
    for name in (
        *(f"locale/{language}.po" for language in LANGUAGES[1:]),
        "static/console.css",
        "templates/layout.html",
    ):
        assert f"exact_console/{name}" in names

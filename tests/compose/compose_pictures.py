"""Pictures of the stack's UI for docs/images, taken when EXACT_PERSONIO_PICTURES names a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import browser

if TYPE_CHECKING:
    from collections.abc import Mapping


def take(folder: Path, url: str, password: str, pages: Mapping[str, tuple[str, str]]) -> None:
    """Log in as a person does, and save what is seen.

    :param folder: for the PNG files.
    :param url: of the UI.
    :param password: of the user admin.
    :param pages: file name -> path of the page, and a text that is on it once it has loaded.
    """
    with tempfile.TemporaryDirectory() as profile, browser.Browser(Path(profile)) as window:
        window.open(f"{url}/auth/login/")
        window.type("input[name=username]", "admin")
        window.type("input[name=password]", password)
        window.click("input[type=submit], button[type=submit]")
        window.wait(lambda: "/auth/login" not in window.url, 60)
        for name, (path, text) in pages.items():
            window.open(f"{url}{path}")
            window.wait(lambda wanted=text: wanted in window.text, 60)  # type: ignore[misc]
            window.screenshot(folder / f"{name}.png")

"""A real Chromium before the console of a running Airflow: what a person sees, presses and must not meet."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from playwright.sync_api import BrowserContext, ConsoleMessage, FrameLocator, Page

CHROMIUM: Final = shutil.which("chromium") or shutil.which("google-chrome")
MISSING: Final = "needs chromium: apt-get install chromium"
WIDE, PHONE = 1280, 360
WIDTHS: Final = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


class Window:
    """Chromium for the time of a ``with`` block.

    :param url: of Airflow.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> Self:
        self._playwright = sync_playwright().start()
        self._chromium = self._playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chromium.close()
        self._playwright.stop()

    @contextmanager
    def logged_in(
        self, token: str, *, theme: str = "light", language: str = "en", width: int = WIDE
    ) -> Iterator[Page]:
        """Yield a page of somebody who has chosen a theme and a language in Airflow; complain of errors at the end.

        :param token: of Airflow's login.
        """
        size = {"width": width, "height": 900}
        context = self._chromium.new_context(base_url=self._url, viewport=size)  # type: ignore[arg-type]
        context.set_default_timeout(30_000)
        context.add_cookies([{"name": "_token", "value": token, "url": self._url}])
        chosen = {"theme": theme, "i18nextLng": language, "timezone": '"Europe/Amsterdam"'}
        for name, value in chosen.items():
            # A frame without an address of its own has no storage.
            context.add_init_script(f"if (location.origin !== 'null') localStorage.setItem({name!r}, {value!r})")
        errors = _listen(context)
        page = context.new_page()
        try:
            yield page
        finally:
            context.close()
        assert not errors, errors


def _listen(context: BrowserContext) -> list[str]:
    """Gather the errors of the console's own pages; Airflow's around them are not ours to mend."""
    found: list[str] = []

    def told(message: ConsoleMessage) -> None:
        if message.type == "error" and "/exact-console/" in message.location["url"]:
            found.append(f"{message.location['url']}: {message.text}")

    context.on("console", told)
    return found


def inside(page: Page) -> FrameLocator:
    """Return the console in Airflow's frame."""
    return page.frame_locator("iframe[title='Exact → Personio']")


def complaints(page: Page) -> list[str]:
    """Return what is wrong with a page: for people who read it in other ways, and for its width."""
    found = [
        f"{one['id']}: {', '.join(str(node['target']) for node in one['nodes'][:3])}"
        for one in Axe().run(page).response["violations"]
    ]
    wanted, there = page.evaluate(WIDTHS)
    return [*found, *([f"{wanted} px wide in {there}"] if wanted > there else [])]

"""A real Chromium without a window, driven through chromedriver's own protocol (W3C WebDriver)."""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
MISSING = "needs chromium and chromedriver: apt-get install chromium chromium-driver"
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900")


def available() -> bool:
    """Say whether a browser and its driver are installed."""
    return bool(shutil.which("chromedriver") and (shutil.which("chromium") or shutil.which("google-chrome")))


class Browser:
    """One window for the time of a ``with`` block.

    :param profile: folder for everything that the browser writes.
    """

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._session = ""

    def __enter__(self) -> Self:
        self._driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self._port()}", timeout=60)
        options = {
            "binary": shutil.which("chromium") or shutil.which("google-chrome"),
            "args": [*ARGUMENTS, f"--user-data-dir={self._profile}"],
        }
        try:
            always = {"goog:chromeOptions": options, "pageLoadStrategy": "normal"}
            made = self._http.post("/session", json={"capabilities": {"alwaysMatch": always}}).json()["value"]
            self._session = f"/session/{made['sessionId']}"
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            self._http.delete(self._session)
        self._http.close()
        self._driver.terminate()
        self._driver.wait(10)
        if self._driver.stdout:
            self._driver.stdout.close()

    def _port(self) -> int:
        """Read which port the driver chose."""
        for line in self._driver.stdout or ():
            if "started successfully on port" in line:
                return int(line.rstrip(".\n ").rpartition(" ")[2])
        raise RuntimeError("chromedriver did not start")

    def _ask(self, method: str, path: str, **body: Any) -> Any:
        answer = self._http.request(method, f"{self._session}/{path}", json=body if method == "POST" else None)
        value = answer.json()["value"]
        if answer.is_error:
            raise LookupError(f"{value['error']}: {value['message'].splitlines()[0]}")
        return value

    def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        self._ask("POST", "url", url=url)

    @property
    def url(self) -> str:
        """The address that is shown."""
        return str(self._ask("GET", "url"))

    def run(self, script: str, *args: Any) -> Any:
        """Run JavaScript in the page or the frame that was entered; return its value."""
        return self._ask("POST", "execute/sync", script=script, args=list(args))

    @property
    def text(self) -> str:
        """What a person reads."""
        return str(self.run("return document.body ? document.body.innerText : ''"))

    def find(self, css: str) -> str:
        """Return the handle of an element.

        :raises LookupError: there is none.
        """
        return str(self._ask("POST", "element", using="css selector", value=css)[ELEMENT])

    def wait(self, ready: Callable[[], Any], seconds: float = 20.0) -> Any:
        """Ask again until the answer is true; an element that is not there yet counts as false.

        :raises AssertionError: it never was.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = ready()
            except LookupError:
                found = None
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"not seen within {seconds} s at {self.url}:\n{self.text[:2000]}")
            time.sleep(0.1)

    def click(self, css: str) -> None:
        """Click an element as soon as it is there."""
        element = self.wait(lambda: self.find(css))
        self._ask("POST", f"element/{element}/click")

    def type(self, css: str, text: str) -> None:
        """Type into a field."""
        element = self.wait(lambda: self.find(css))
        self._ask("POST", f"element/{element}/value", text=text)

    def frame(self, css: str | None) -> None:
        """Enter a frame, or with None the whole page again."""
        if css is None:
            self._ask("POST", "frame", id=None)
        else:
            self._ask("POST", "frame", id={ELEMENT: self.wait(lambda: self.find(css))})

    def windows(self) -> list[str]:
        """Return the handles of all tabs, in the order of their opening."""
        return list(self._ask("GET", "window/handles"))

    def switch(self, window: str) -> None:
        """Go to a tab."""
        self._ask("POST", "window", handle=window)

    def cookie(self, name: str, value: str) -> None:
        """Set a cookie for the site that is shown."""
        self._ask("POST", "cookie", cookie={"name": name, "value": value, "path": "/"})

    def screenshot(self, path: Path) -> None:
        """Save what is seen."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._ask("GET", "screenshot")))

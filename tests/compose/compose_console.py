"""The console of the stack, behind the login of FAB: what an admin and a viewer see there, and what they may do."""

from __future__ import annotations

import html
import re
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from compose_airflow import REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compose_airflow import ComposeAirflow
    from compose_engine import Engine

PAGES = ("", "records/", "rejections/", "runs/", "connections/", "mapping/", "reconciliation/")
MASKED = "•••"
_FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


class Person(NamedTuple):
    """Somebody at Personio.

    :param email: by which the console finds them.
    :param name: the last one, which their record's page shows.
    """

    email: str
    name: str


class StackConsole:
    """Looks at the console as several users.

    :param api: logged in as the admin.
    :param engine: the running stack, in which a viewer is made.
    """

    def __init__(self, api: ComposeAirflow, engine: Engine) -> None:
        self._api = api
        self._base = str(api.http.base_url).rstrip("/")
        password = secrets.token_urlsafe(24)
        words = ("--username", "viewer", "--role", "Viewer", "--email", "viewer@example.org", "--password", password)
        names = ("--firstname", "Vi", "--lastname", "Ewer")
        engine.compose("exec", "-T", "airflow-api-server", "airflow", "users", "create", *words, *names)
        self._viewer = api.token("viewer", password)

    def problems(self, person: Person) -> list[str]:
        """Return what is not as it has to be; empty if all is.

        :param person: who was carried over.
        """
        with self._browser(None) as nobody, self._browser(self._api.bearer) as admin:
            found = [*self._for_strangers(nobody), *self._for_admin(admin, person)]
        with self._browser(self._viewer) as viewer:
            return [*found, *self._for_viewer(viewer, person)]

    def _browser(self, token: str | None) -> httpx.Client:
        headers = {"Origin": self._base, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
        cookies = {"_token": token} if token else {}
        address = f"{self._base}/exact-console/"
        return httpx.Client(base_url=address, headers=headers, cookies=cookies, timeout=60)

    def _for_strangers(self, nobody: httpx.Client) -> Iterator[str]:
        for path in PAGES:
            answer = nobody.get(path)
            if answer.status_code not in REFUSED:
                yield f"console /{path} answers {answer.status_code} to nobody"

    def _for_admin(self, admin: httpx.Client, person: Person) -> Iterator[str]:
        for path in PAGES:
            answer = admin.get(path)
            if answer.status_code != httpx.codes.OK:
                yield f"console /{path} answers {answer.status_code} to the admin"
        form = {"token": _fields(admin.get("records/")).get("token", ""), "text": person.email}
        found = admin.post("records/search", data=form, follow_redirects=True)
        if found.status_code != httpx.codes.OK or person.name not in found.text:
            yield f"the admin does not find somebody who was carried over: {found.status_code}"
        asked = admin.get(
            "records/act", params={"act": "replay", "state": "rejected", "reason": "exact.Email.missing"}
        )
        done = admin.post("records/act", data=_fields(asked))
        if done.status_code != httpx.codes.SEE_OTHER:
            yield f"the admin cannot replay: {asked.status_code}, {done.status_code}"
        if not self._audited("exact_personio.replay.done", "admin"):
            yield "the replay is not in Airflow's audit log"

    def _for_viewer(self, viewer: httpx.Client, person: Person) -> Iterator[str]:
        listed = viewer.get("records/")
        if listed.status_code != httpx.codes.OK or MASKED not in listed.text:
            yield f"a viewer's list of records is not masked: {listed.status_code}"
        if person.name in listed.text:
            yield "a viewer reads a name"
        token = _fields(listed).get("token", "")
        tries: dict[str, dict[str, Any]] = {
            "records/search": {"token": token, "text": person.email},
            "records/act": {"token": token, "act": "replay", "meant": "state=rejected", "count": 1, "shown": ""},
        }
        for path, form in tries.items():
            answer = viewer.post(path, data=form)
            if not token or answer.status_code != httpx.codes.FORBIDDEN:
                yield f"console /{path} answers {answer.status_code} to a viewer"

    def _audited(self, event: str, user: str) -> bool:
        found = self._api.call("GET", "/eventLogs", params={"event": event, "owner": user})
        return bool(found["total_entries"])


def _fields(page: httpx.Response) -> dict[str, str]:
    """Return the hidden fields of the last form of a page that has each."""
    return {name: html.unescape(value) for name, value in _FIELD.findall(page.text)}

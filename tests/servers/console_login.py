"""A login at Exact as a browser goes through it on the console's pages."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx

from include.ledger import open_ledger

HTML = {"Accept": "text/html"}
LOGIN = "/exact-console/connections/exact_online_default/login"


def own(client: httpx.Client, **headers: str) -> dict[str, str]:
    """Return the headers that a browser sends with a form of the console's own page."""
    parts = urlsplit(str(client.base_url))
    return {"Origin": f"{parts.scheme}://{parts.netloc}", "Sec-Fetch-Site": "same-origin", **HTML, **headers}


def form_token(client: httpx.Client) -> str:
    found = re.search(r'name="token" value="([^"]+)"', client.get("/exact-console/connections/", headers=HTML).text)
    assert found
    return found[1]


def begin(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post(LOGIN, data={"token": form_token(client)}, headers=own(client, **headers))


def consent(url: str) -> str:
    """Grant the access at Exact; return the address it leads to."""
    return str(httpx.get(url).headers["location"])


def notice(client: httpx.Client, answer: httpx.Response) -> str:
    """Follow the redirect as Airflow's frame does; return what the page tells."""
    inner = re.sub(r"^/plugin/exact-personio", "", answer.headers["location"])
    told = re.search(r'role="status">(.+?)</p>', client.get(inner, headers=HTML).text, re.DOTALL)
    return re.sub(r"<[^>]+>", "", told[1]) if told else ""


def tokens() -> int:
    with open_ledger() as ledger:
        stored = ledger.vault("exact_online_default").read()
    return stored.generation if stored else 0

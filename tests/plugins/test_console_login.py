"""The console's routes with Airflow's own users, against the sandbox; an HTTP client plays the browser."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from airflow_home import CLIENT
from console import Console
from include.ledger import open_ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.sandbox.server import RunningSandbox


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


def test_login_through_the_consent(admin: httpx.Client, sandbox: RunningSandbox) -> None:
    """The page's script gets the consent page's address, Exact leads back, and Airflow's frame shows the result."""
    answer = begin(admin, Accept="application/json")
    url = str(answer.json()["url"])
    assert url.startswith(f"{sandbox.url}/api/oauth2/auth")
    assert parse_qs(urlsplit(url).query)["redirect_uri"] == [f"{admin.base_url}/exact-console/callback"]
    back = admin.get(consent(url), headers={"Sec-Fetch-Site": "cross-site", **HTML})
    assert back.status_code == 303
    assert back.headers["location"].startswith("/plugin/exact-personio/exact-console/connections/?notice=")
    text = notice(admin, back)
    assert "Logged in; the next run goes on with it." in text
    assert all(str(number) in text for number in sandbox.sandbox.exact.divisions)
    assert tokens() == 1
    text = admin.get("/exact-console/connections/", headers=HTML).text
    assert 'class="badge alive"' in text
    assert CLIENT[1] not in text


def test_login_without_script_shows_a_link(admin: httpx.Client) -> None:
    answer = begin(admin)
    assert answer.status_code == 200
    found = re.search(r'data-go="parent" href="([^"]+)"', answer.text)
    assert found
    assert "/api/oauth2/auth" in found[1]
    assert 'name="address"' not in answer.text


def test_login_by_pasting(admin: httpx.Client, connect: Callable[..., None]) -> None:
    """The app's redirect URI leads elsewhere: the person carries the address over."""
    connect("https://localhost/callback")
    page = begin(admin).text
    url = re.search(r'data-go="tab" href="([^"]+)"', page)
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert url
    assert token
    address = consent(url[1].replace("&amp;", "&"))
    answer = admin.post(
        "/exact-console/connections/exact_online_default/answer",
        data={"token": token[1], "address": address},
        headers=own(admin),
    )
    assert answer.headers["location"].startswith("/exact-console/connections/?notice=")
    assert "Logged in; the next run goes on with it." in notice(admin, answer)
    assert tokens() == 1


def every_route() -> list[tuple[str, str]]:
    from fastapi.routing import APIRoute  # noqa: PLC0415

    from exact_console.app import create_app  # noqa: PLC0415

    found = []
    for route in create_app().routes:
        if not isinstance(route, APIRoute):
            assert getattr(route, "path", "") == "/static"
            continue
        path = route.path.replace("{connection_id}", "exact_online_default")
        found += [(method, path) for method in sorted(route.methods)]
    return found


def test_nothing_is_open_to_strangers(console: Console) -> None:
    stranger = console.browser(None)
    routes = every_route()
    assert len(routes) >= 4
    for method, path in routes:
        answer = stranger.request(method, f"/exact-console{path}", headers=own(stranger))
        assert answer.status_code == 401, (method, path)
        assert "Log in to Airflow" in answer.text
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert stranger.get(f"/exact-console{path}").status_code == 404


@pytest.mark.parametrize("role", ["viewer", "user"])
def test_only_who_may_edit_the_connection_logs_in(console: Console, admin: httpx.Client, role: str) -> None:
    other = console.browser(role, name="vic")
    page = other.get("/exact-console/connections/", headers=HTML)
    assert page.status_code == 200
    assert "exact_online_default" not in page.text
    for what in ("login", "answer"):
        path = f"/exact-console/connections/exact_online_default/{what}"
        assert other.post(path, data={"token": "x", "address": "y"}, headers=own(other)).status_code == 403
    url = str(begin(admin, Accept="application/json").json()["url"])
    assert other.get(consent(url), headers=HTML).status_code == 403
    assert tokens() == 0


def test_operator_may_log_in(console: Console, connect: Callable[..., None]) -> None:
    assert begin(console.browser("op"), Accept="application/json").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {},
    ],
    ids=["origin", "cross-site", "same-site", "null", "other-port", "nothing"],
)
def test_forms_of_other_sites_are_refused(admin: httpx.Client, headers: dict[str, str]) -> None:
    answer = admin.post(LOGIN, data={"token": form_token(admin)}, headers=headers)
    assert answer.status_code == 403


def test_form_of_another_user_is_refused(console: Console, admin: httpx.Client) -> None:
    other = console.browser("admin", name="eve")
    for token in (form_token(other), "", "x.y.z"):
        status = admin.post(LOGIN, data={"token": token}, headers=own(admin)).status_code
        assert status in {403, 422}


def test_another_user_cannot_finish_a_login(console: Console, admin: httpx.Client) -> None:
    """Somebody else's login in a victim's browser would read a foreign company."""
    eve = console.browser("admin", name="eve")
    url = str(begin(eve, Accept="application/json").json()["url"])
    assert admin.get(consent(url), headers=HTML).status_code == 403
    assert tokens() == 0


@pytest.mark.parametrize("state", ["", "wrong", "a.b.c"])
def test_wrong_state_is_refused(admin: httpx.Client, state: str) -> None:
    answer = admin.get("/exact-console/callback", params={"state": state, "code": "x"}, headers=HTML)
    assert answer.status_code == 409
    assert "belongs to no login that began here" in answer.text
    assert tokens() == 0


def test_a_form_token_is_no_state(admin: httpx.Client) -> None:
    answer = admin.get("/exact-console/callback", params={"state": form_token(admin), "code": "x"}, headers=HTML)
    assert answer.status_code == 409


def test_state_of_one_connection_is_none_of_another(admin: httpx.Client) -> None:
    address = consent(str(begin(admin, Accept="application/json").json()["url"]))
    answer = admin.post(
        "/exact-console/connections/other/answer",
        data={"token": form_token(admin), "address": address},
        headers=own(admin),
    )
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"error": "access_denied"}, "The access was not granted at Exact."),
        ({}, "holds no code"),
        ({"code": "invented"}, "Exact refuses the code of this login: it was used before."),
    ],
    ids=["denied", "empty", "wrong-code"],
)
def test_refused_login_is_a_sentence(admin: httpx.Client, fields: dict[str, str], sentence: str) -> None:
    url = str(begin(admin, Accept="application/json").json()["url"])
    state = parse_qs(urlsplit(url).query)["state"][0]
    back = admin.get("/exact-console/callback", params={"state": state, **fields}, headers=HTML)
    assert sentence in notice(admin, back)
    assert tokens() == 0


def test_unknown_app_is_said_before_leaving(
    admin: httpx.Client, sandbox: RunningSandbox, connect: Callable[..., None]
) -> None:
    sandbox.sandbox.settings.exact.redirect_uris = ["https://other.example.org/"]
    answer = begin(admin, Accept="application/json")
    assert answer.status_code == 409
    assert "exact.redirect_uri.refused" in answer.json()["detail"]


@pytest.mark.parametrize("changes", [{"login": ""}, {"extra": {}}, {"conn_type": "http"}])
def test_connection_that_is_not_ready_says_so(
    admin: httpx.Client, connect: Callable[..., None], changes: dict[str, Any]
) -> None:
    connect(**changes)
    page = admin.get("/exact-console/connections/", headers=HTML)
    assert page.status_code == 200
    assert 'class="badge broken"' in page.text
    assert "<form" not in page.text


def test_names_are_escaped(admin: httpx.Client, connect: Callable[..., None]) -> None:
    """The frame shares its origin with Airflow: markup in a connection would own the session."""
    connect("<script>alert(1)</script>")
    text = admin.get("/exact-console/connections/", headers=HTML).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_pages_stay_out_of_caches_and_foreign_frames(admin: httpx.Client) -> None:
    page = admin.get("/exact-console/connections/", headers=HTML)
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", page.text) is None
    for path in re.findall(r'(?:src|href)="(/exact-console/static/[^"]+)"', page.text):
        assert admin.get(path).status_code == 200


def test_forged_notice_is_not_shown(admin: httpx.Client) -> None:
    page = admin.get("/exact-console/connections/", params={"notice": "You+won"}, headers=HTML)
    assert 'role="status"' not in page.text


def test_below_a_path(database: None, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """``[api] base_url`` may hold a path: every address then begins with it."""
    with Console("/sub") as console:
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", console.base)
        fields = {"conn_type": "exact_online", "host": sandbox.url, "login": CLIENT[0], "password": CLIENT[1]}
        extra = {"redirect_uri": f"{console.base}/exact-console/callback", "divisions": "124132"}
        monkeypatch.setenv("AIRFLOW_CONN_EXACT_ONLINE_DEFAULT", json.dumps({**fields, "extra": extra}))
        client = console.browser("admin")
        assert f'action="/sub{LOGIN}"' in client.get("/exact-console/connections/", headers=HTML).text
        back = client.get(consent(str(begin(client, Accept="application/json").json()["url"])), headers=HTML)
    assert back.headers["location"].startswith("/sub/plugin/exact-personio/sub/exact-console/connections/?notice=")
    assert tokens() == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Airflow's own reading of .airflowignore
def test_airflow_lists_the_plugin_with_its_item() -> None:
    """One invalid view would drop the whole plugin from the UI, with no more than a line in a log."""
    from airflow.api_fastapi.core_api.datamodels.plugins import PluginCollectionResponse  # noqa: PLC0415
    from airflow.plugins_manager import get_plugin_info  # noqa: PLC0415

    mine = [plugin for plugin in get_plugin_info() if plugin["name"] == "exact_console"]
    listed = PluginCollectionResponse.model_validate({"plugins": mine, "total_entries": len(mine)})
    view, *tabs = listed.plugins[0].external_views
    assert (view.name, view.url_route, view.destination) == ("Exact → Personio", "exact-personio", "nav")
    assert view.href == "exact-console/"
    # A tab without a route is not shown, and of two with the same route one is dropped.
    assert [(tab.destination, tab.url_route, tab.href) for tab in tabs] == [
        ("dag_run", "exact-personio-run", "exact-console/runs/tab?dag={DAG_ID}&run={RUN_ID}"),
        (
            "task_instance",
            "exact-personio-task",
            "exact-console/runs/tab?dag={DAG_ID}&run={RUN_ID}&task={TASK_ID}&map={MAP_INDEX}",
        ),
    ]

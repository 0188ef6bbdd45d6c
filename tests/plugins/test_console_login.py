"""The console's routes with Airflow's own users, against the sandbox; an HTTP client plays the browser."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_home import CLIENT
from console import Console
from console_login import HTML, LOGIN, begin, consent, notice, own, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from include.sandbox.server import RunningSandbox

pytestmark = pytest.mark.usefixtures("connect")


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

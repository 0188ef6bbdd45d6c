"""Who may log in to Exact on the console's pages, and with which forms: nobody for somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from console_login import HTML, LOGIN, begin, consent, form_token, own, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from console import Console


pytestmark = pytest.mark.usefixtures("connect")


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


def test_forged_notice_is_not_shown(admin: httpx.Client) -> None:
    page = admin.get("/exact-console/connections/", params={"notice": "You+won"}, headers=HTML)
    assert 'role="status"' not in page.text

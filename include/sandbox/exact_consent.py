"""Exact Online's authorize address: the user agrees at once, or is shown a page with two buttons."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from include.sandbox.state import Sandbox

USER = "Sam Sandbox"
_SHOWN = ("client_id", "redirect_uri", "response_type", "state")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{app}: grant access?</title>
<style>body {{ font: 1rem sans-serif; max-width: 30rem; margin: 4rem auto }} button {{ font: inherit }}</style></head>
<body>
<h1>{app} asks for access to Exact Online</h1>
<p>You are signed in as <strong>{user}</strong>. This is a sandbox: no real company is behind it.</p>
<p>The answer goes to <code>{target}</code>.</p>
<form method="post" action="/api/oauth2/auth">
{fields}
<button type="submit" name="decision" value="grant">Grant</button>
<button type="submit" name="decision" value="deny">Deny</button>
</form>
</body>
</html>
"""


def authorize(sandbox: Sandbox, request: Request, body: bytes) -> Response:
    """Answer the authorize address.

    :param sandbox: its state.
    :param request: a login as the app asked for it, or the form of the page.
    :param body: the form.
    """
    by_form = request.method == "POST" and sandbox.settings.exact.consent == "page"
    given: Mapping[str, str] = request.query_params
    if by_form:
        given = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    known = given.get("client_id") == sandbox.settings.exact.client_id
    allowed = sandbox.exact.tokens.redirect_allowed(given.get("redirect_uri", ""))
    if not (by_form or request.method == "GET") or not known or not allowed:
        return Response("Unauthorized: unknown client_id or redirect_uri", 401, media_type="text/plain")
    if given.get("response_type") != "code":
        return _back(given, {"error": "unsupported_response_type"})
    if by_form:
        return _decided(sandbox, given)
    return _page(sandbox, given) if sandbox.settings.exact.consent == "page" else _granted(sandbox, given)


def _decided(sandbox: Sandbox, given: Mapping[str, str]) -> Response:
    if given.get("decision") == "grant":
        return _granted(sandbox, given)
    if given.get("decision") == "deny":
        return _back(given, {"error": "access_denied"})
    return _page(sandbox, given)


def _granted(sandbox: Sandbox, given: Mapping[str, str]) -> Response:
    return _back(given, {"code": sandbox.exact.tokens.issue_code(given["redirect_uri"])})


def _back(given: Mapping[str, str], fields: Mapping[str, str]) -> Response:
    """Send the browser back to the app."""
    uri = given["redirect_uri"]
    state = {"state": given["state"]} if "state" in given else {}
    joint = "&" if urlsplit(uri).query else "?"
    return RedirectResponse(f"{uri}{joint}{urlencode({**fields, **state})}", status_code=302)


def _page(sandbox: Sandbox, given: Mapping[str, str]) -> Response:
    fields = "\n".join(
        f'<input type="hidden" name="{name}" value="{escape(given[name])}">' for name in _SHOWN if name in given
    )
    app = escape(sandbox.settings.exact.app_name)
    text = _PAGE.format(app=app, user=USER, target=escape(given["redirect_uri"]), fields=fields)
    return HTMLResponse(text, headers=_HEADERS)

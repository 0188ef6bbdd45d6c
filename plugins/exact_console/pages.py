"""Renders pages, and knows where they lie in Airflow's address space."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from airflow.configuration import conf
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse

from exact_console.language import filters, language_of, translations
from exact_console.plugin import URL_PREFIX, URL_ROUTE
from include import __version__
from include.preview_story import shown

if TYPE_CHECKING:
    from starlette.requests import Request

FOLDER = Path(__file__).parent


@cache
def _templates(language: str) -> Environment:
    # The frame shares its origin with Airflow: an unescaped value would own the whole session.
    made: Any = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(translations(language), newstyle=True)
    made.policies["ext.i18n.trimmed"] = True
    made.filters |= {"shown": shown, **filters(language)}
    made.globals |= {"language": language, "version": __version__}
    return cast("Environment", made)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a page.

    :param request: decides the addresses in it.
    :param template: file below ``templates``.
    :param status: of the answer.
    :param values: for the template.
    """
    around = {"root": root(request), "home": framed(request), "prefix": prefix(request)}
    made = _templates(language_of(request))
    return HTMLResponse(made.get_template(template).render(**around, **values), status)


def wants_html(request: Request) -> bool:
    """Say whether a person will read the answer."""
    return "text/html" in request.headers.get("accept", "")


def root(request: Request) -> str:
    """Return the path below which the console answers, such as ``/sub/exact-console``."""
    return str(request.scope.get("root_path", "")) or URL_PREFIX


def prefix(request: Request) -> str:
    """Return the path of ``[api] base_url``, empty for most."""
    return root(request).removesuffix(URL_PREFIX)


def framed(request: Request, path: str = "/", **query: str) -> str:
    """Return the address at which Airflow shows a page of the console in its frame.

    :param path: of the page, below the console.
    :param query: of the page.
    """
    asked = f"?{urlencode(query)}" if query else ""
    return f"{prefix(request)}/plugin/{URL_ROUTE}{root(request)}{path}{asked}"


def back_to(request: Request, path: str = "/", *, frame: bool, **query: str) -> RedirectResponse:
    """Send the browser to a page after a form or from another site.

    :param frame: the browser shows the page alone, so it is led into Airflow's frame.
    :param query: of the page.
    """
    asked = f"?{urlencode(query)}" if query else ""
    inside = f"{root(request)}{path}{asked}"
    return RedirectResponse(framed(request, path, **query) if frame else inside, 303)


def callback_url(request: Request) -> str:
    """Return the redirect URI at which the console itself receives Exact's answer."""
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    if "://" not in base:
        base = f"{request.url.scheme}://{request.url.netloc}{prefix(request)}"
    return f"{base}{URL_PREFIX}/callback"

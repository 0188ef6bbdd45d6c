"""A hook of MkDocs: pages that are made from the code, and the files of the root that belong into the site.

What is written by hand is in ``docs/``. README, CHANGELOG, CONTRIBUTING and SECURITY stay where people and forges
look for them, and are pages of the site as well: the README is its start page.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mkdocs.structure.files import File

from reference.commands import commands_page
from reference.form import form_page
from reference.gauges import gauges_page
from reference.reason_codes import reason_codes_page
from reference.schema import schema_page
from reference.settings import settings_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT: Final = Path(__file__).resolve().parents[1]

MADE: Final[dict[str, Callable[[], str]]] = {
    "reference/commands.md": commands_page,
    "reference/run-parameters.md": form_page,
    "reference/reason-codes.md": reason_codes_page,
    "reference/settings.md": settings_page,
    "reference/metrics.md": gauges_page,
    "reference/ledger.md": schema_page,
}
"""Page -> what makes it."""

AT_THE_ROOT: Final = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
}
"""Page -> file of the root that it shows."""

_LINK: Final = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
_SEE_ALSO: Final = re.compile(r"\.\. seealso::\s*(https?://[^\s<]+)")
_ROLE: Final = re.compile(r":(?:func|class|meth|data|mod):(?=<code>)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that no file in ``docs/`` holds."""
    # Making an empty ledger would tell of each migration.
    logging.getLogger().setLevel(logging.WARNING)
    for name in ("alembic", "include", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for page, make in MADE.items():
        files.append(File.generated(config, page, content=make()))
    for page, name in AT_THE_ROOT.items():
        text = from_the_root((ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Leave the words of a link that leads out of the site, into the repository, and nothing else of it."""
    return _LINK.sub(lambda link: link[1] if link[2].startswith("../") and _outside(link[2]) else link[0], markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Show what docstrings say in reST, which the page would quote: links to a vendor's page, names of functions."""
    html = _SEE_ALSO.sub(r'See <a href="\1">\1</a>.', html)
    return _ROLE.sub("", html)


def from_the_root(text: str) -> str:
    """Return a file of the root as a page: its links begin in ``docs/``.

    :param text: its Markdown.
    """
    pages = {name: page for page, name in AT_THE_ROOT.items()}

    def moved(found: re.Match[str]) -> str:
        target, _, anchor = found[2].partition("#")
        if target.startswith(("http", "#")) or not target:
            return found[0]
        if not target.startswith("docs/") and target not in pages:
            return found[1]
        page = pages.get(target) or target.removeprefix("docs/")
        return f"[{found[1]}]({page}{'#' + anchor if anchor else ''})"

    return _LINK.sub(moved, text).replace("](docs/images/", "](images/")


def _outside(target: str) -> bool:
    # Pages of docs/reference link to those beside it; what is above docs/ is no page.
    name = target.partition("#")[0].removeprefix("../")
    return not (ROOT / "docs" / name).exists() and name not in {*MADE, *AT_THE_ROOT}

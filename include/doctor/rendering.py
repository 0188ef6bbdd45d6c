"""The findings as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from include.doctor.finding import Finding

_COLOURS: Final = {"pass": "green", "fail": "bold red", "unknown": "yellow"}


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """Return how many findings there are of each status."""
    found = Counter(finding.status for finding in findings)
    return {status: found[status] for status in ("pass", "fail", "unknown")}


def summary(findings: Sequence[Finding]) -> str:
    """Return the line that ends the table."""
    number = counts(findings)
    return f"{number['pass']} pass, {number['fail']} fail, {number['unknown']} unknown"


def as_json_text(findings: Sequence[Finding]) -> str:
    """Return ``{"summary": …, "findings": […]}``."""
    content = {"summary": counts(findings), "findings": [asdict(finding) for finding in findings]}
    return json.dumps(content, indent=2, ensure_ascii=False)


def print_table(findings: Sequence[Finding], console: Console | None = None) -> None:
    """Print one row per finding and the summary.

    :param console: where to; None: standard output.
    """
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from include.terminal import wide_console  # noqa: PLC0415 - JSON does without it

    table = Table(show_lines=True)
    for title in ("check", "status", "evidence", "mend"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        name = finding.check + (f"\n{finding.subject}" if finding.subject else "")
        # As Text: reason codes stand in brackets, which rich would take for markup.
        status = Text(finding.status, style=_COLOURS[finding.status])
        table.add_row(Text(name), status, Text(finding.evidence), Text(finding.mend))
    target = console or wide_console()
    target.print(table)
    target.print(summary(findings))

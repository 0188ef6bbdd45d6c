"""A report for people: one row per part, then what does not agree and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

WORDS: Final = {"ok": "agrees", "difference": "DIFFERENCE", "unproven": "not proven"}
"""Verdicts in words."""

_FEW: Final = 5
_ASIDE: Final = ("states", "left_out", "at_personio", "ranges", "remainder")


def show(console: Console, report: dict[str, Any]) -> None:
    """Print a report.

    :param report: as `include.reconcile.reconciling.reconcile` returns it.
    """
    told = f"{report['run']}, {report['ended_at']}, to the depth of {report['depth']}: {WORDS[report['verdict']]}"
    made = ", ".join(f"{count} calls at {service.capitalize()}" for service, count in report["calls"].items())
    console.print(Text(f"{told}; {made}"))
    table = Table(show_lines=True)
    for title in ("what", "verdict", "counted"):
        table.add_column(title, overflow="fold")
    for part in report["parts"]:
        # As Text: what stands in brackets would be markup for rich.
        table.add_row(*(Text(cell) for cell in (part["name"], WORDS[part["verdict"]], "\n".join(counted(part)))))
    console.print(table)
    for line in remarks(report):
        console.print(Text(line))


def counted(part: dict[str, Any]) -> list[str]:
    """Return what was counted of a part, a line each; what is nought is left out."""
    counts = part["counts"]
    lines = []
    if "states" in counts:
        became = {**counts["states"], **counts["left_out"]}
        kinds = " + ".join(f"{number} {name}" for name, number in became.items() if number) or "nothing"
        lines.append(f"{counts['read']} read = {kinds}; difference {counts['difference']}")
    if "at_personio" in counts:
        found = ", ".join(f"{number} {name}" for name, number in counts["at_personio"].items() if number)
        lines.append(f"at Personio: {found or 'nothing is said to be there'}")
    for one in counts.get("ranges", ()):
        gone = f", {one['deleted']} deleted there" if one["deleted"] else ""
        span = f"{(one['from'] or 'the beginning')[:10]} to {one['to'][:10]}"
        lines.append(f"at Exact, {span}: {one['counted']} counted, {one['read']} read{gone}")
    if "states" not in counts:
        rest = [f"{number} {name}" for name, number in counts.items() if name not in _ASIDE and number]
        lines += [", ".join(rest)] if rest else []
    return [line.replace("_", " ") for line in lines]


def remarks(report: dict[str, Any]) -> list[str]:
    """Return what does not agree, what could not be proven and what may be worth knowing, with the ways out."""
    lines = []
    for part in report["parts"]:
        for finding in part["findings"]:
            lines += [f"\n{part['name']}: {finding['what']} [{finding['kind']}]", *_named(finding)]
            lines.append(f"  {finding['way_out']}")
        for unproven in part["not_proven"]:
            lines += [f"\n{part['name']}: {unproven['what']} [{unproven['reason_code']}]", f"  {unproven['way_out']}"]
    return lines


def _named(finding: dict[str, Any]) -> list[str]:
    details = finding["details"] or [""] * len(finding["subjects"])
    named = list(zip(finding["subjects"], details, strict=False))[:_FEW]
    more = finding["count"] - len(named)
    return [f"  {subject} {detail}".rstrip() for subject, detail in named] + (
        [f"  and {more} more" if named else f"  {more}, not named"] if more > 0 else []
    )

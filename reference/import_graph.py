"""The picture of who imports whom, drawn from the imports themselves: ``python -m reference.import_graph``.

A test compares the picture in ``docs/images`` with the code, so that it can be believed.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from html import escape
from pathlib import Path
from typing import Final

import grimp

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = ROOT / "docs" / "images" / "architecture.svg"
PACKAGES: Final = ("include", "ledger_task", "exact_online", "personio", "exact_to_personio", "exact_console")

PARTS: Final[dict[str, tuple[str, ...]]] = {
    "dags": ("dags",),
    "exact_console": ("exact_console",),
    "exact_to_personio": ("exact_to_personio",),
    "exact_online": ("exact_online",),
    "personio": ("personio",),
    "ledger_task": ("ledger_task",),
    "cli": ("include.cli",),
    "demo": ("include.demo",),
    "sandbox": ("include.sandbox",),
    "doctor": ("include.doctor",),
    "forecast": ("include.forecast",),
    "reconcile": ("include.reconcile",),
    "privacy": ("include.privacy",),
    "login": ("include.login",),
    "metrics": ("include.metrics",),
    "sync": ("include.sync",),
    "transform": ("include.transform",),
    "ledger": ("include.ledger",),
    "clients": ("include.clients",),
    "transport": ("include.transport",),
}
"""Part of the picture -> its modules. Those of ``include`` that are in none of them serve everybody."""

NODE_WIDTH: Final = 124
NODE_HEIGHT: Final = 30
ROW: Final = 74
WIDTH: Final = 860


def edges() -> set[tuple[str, str]]:
    """Return (part, part that it imports), what is only imported for its types left out."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    found: set[tuple[str, str]] = set()
    for module in graph.modules:
        part = _part_of(module)
        for imported in graph.find_modules_directly_imported_by(module):
            found.add((part, _part_of(imported)))
    for path in (ROOT / "dags").glob("*.py"):
        found |= {("dags", _part_of(name)) for name in _imports(path)}
    return {(one, other) for one, other in found if one and other and one != other}


def shortest(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the edges without those that a longer way says as well."""
    reached = _reached(found)
    return {
        (one, other)
        for one, other in found
        if not any((one, way) in found and other in reached[way] for way in reached if way not in {one, other})
    }


def levels(found: set[tuple[str, str]]) -> dict[str, int]:
    """Return how deep each part stands: below all that import it.

    :raises ValueError: parts import each other.
    """
    reached = _reached(found)
    if circle := sorted(part for part in reached if part in reached[part]):
        raise ValueError(f"these parts import each other: {', '.join(circle)}")
    above = {part: {other for other in reached if part in reached[other]} for part in reached}
    depth: dict[str, int] = {}
    for part in sorted(reached, key=lambda one: len(above[one])):
        depth[part] = 1 + max((depth[other] for other in above[part]), default=-1)
    return depth


def draw() -> str:
    """Return the picture as SVG."""
    found = edges()
    depth = levels(found)
    rows: dict[int, list[str]] = defaultdict(list)
    for part in PARTS:
        rows[depth[part]].append(part)
    at = {
        part: (WIDTH * (place + 1) // (len(row) + 1), 24 + level * ROW)
        for level, row in rows.items()
        for place, part in enumerate(row)
    }
    lines = [_line(at[one], at[other]) for one, other in sorted(shortest(found))]
    boxes = [_box(part, *at[part]) for part in PARTS]
    height = 24 + max(rows) * ROW + NODE_HEIGHT + 12
    return "\n".join([_HEAD.format(width=WIDTH, height=height), *lines, *boxes, "</svg>", ""])


def _part_of(module: str) -> str:
    fits = (part for part, names in PARTS.items() if any(module == n or module.startswith(f"{n}.") for n in names))
    return next(fits, "")


def _imports(path: Path) -> list[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]


def _reached(found: set[tuple[str, str]]) -> dict[str, set[str]]:
    reached: dict[str, set[str]] = {part: set() for part in PARTS}
    for _ in PARTS:
        for one, other in found:
            reached[one] |= {other} | reached[other]
    return reached


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0], start[1] + NODE_HEIGHT
    bend = (end[1] - y) // 2
    return f'<path d="M{x} {y} C{x} {y + bend} {end[0]} {end[1] - bend} {end[0]} {end[1] - 4}"/>'


def _box(part: str, x: int, y: int) -> str:
    kind = "dag" if part == "dags" else "plugin" if PARTS[part][0] in PACKAGES else "plain"
    corner = f'x="{x - NODE_WIDTH // 2}" y="{y}" width="{NODE_WIDTH}" height="{NODE_HEIGHT}"'
    return f'<g class="{kind}"><rect {corner} rx="6"/><text x="{x}" y="{y + 20}">{escape(part)}</text></g>'


_HEAD: Final = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>Who imports whom</title>
<desc>An arrow leads from a part to one that it imports; arrows that a longer way says as well are left out.</desc>
<style>
rect {{ fill: #fff; stroke: #455a64; stroke-width: 1.5 }}
text {{ font: 13px sans-serif; text-anchor: middle; fill: #102027 }}
.dag rect {{ fill: #ffe0b2 }} .plugin rect {{ fill: #bbdefb }} .plain rect {{ fill: #dcedc8 }}
path {{ fill: none; stroke: #78909c; stroke-width: 1.2; marker-end: url(#arrow) }}
</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<polygon points="0,0 8,4 0,8" fill="#78909c"/></marker></defs>
<rect x="0" y="0" width="{width}" height="{height}" style="fill:#fff;stroke:none"/>"""


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")

"""Following a recipe of CONTRIBUTING: its blocks are put into a copy of the code as they stand there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"<!-- recipe: (?P<name>\w+)(?: (?P<path>\S+))? -->\n```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL
)
COPIED = ("include", "plugins", "dags")


def blocks(name: str) -> list[re.Match[str]]:
    """Return the blocks of a recipe, in their order."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [block for block in BLOCK.finditer(text) if block["name"] == name]


def copy(tree: Path) -> None:
    """Copy the code."""
    for part in COPIED:
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))


def follow(name: str, tree: Path) -> list[str]:
    """Make a recipe's edits in a copy; return the files that they touch."""
    found = blocks(name)
    for block in found:
        file = tree / block["path"]
        if block["kind"] == "diff":
            _edit(file, block["text"])
        else:
            assert not file.exists(), f"{block['path']} is there already"
            file.write_text(block["text"], encoding="utf-8")
    return [block["path"] for block in found]


def _edit(file: Path, diff: str) -> None:
    """Replace each run of ``-`` lines, which stands in the file once, by the run of ``+`` lines after it."""
    text = file.read_text(encoding="utf-8")
    for old, new in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", diff, re.MULTILINE):
        before, after = (re.sub(r"^.", "", part, flags=re.MULTILINE) for part in (old, new))
        assert text.count(before) == 1, f"{file.name} has this {text.count(before)} times: {before}"
        text = text.replace(before, after)
    file.write_text(text, encoding="utf-8")

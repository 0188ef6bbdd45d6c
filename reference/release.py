"""``make release VERSION=x.y.z``: from a clean tree to a commit, a tag and a wheel. Pushing is left to a person."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
VERSION: Final = re.compile(r"\d+\.\d+\.\d+")
PLACES: Final = {
    "pyproject.toml": r'(?m)^version = "[^"]+"',
    "include/__init__.py": r'(?m)^__version__ = "[^"]+"',
}
"""File -> where the version stands in it."""


def main() -> int:
    """Release, or say why not."""
    version = sys.argv[1] if len(sys.argv) > 1 else ""
    if problem := problem_with(version):
        sys.stderr.write(f"{problem}\n")
        return 1
    _run("make", "check", "test")
    written = set_version(ROOT, version, datetime.now(UTC).date().isoformat())
    _run("git", "add", *written)
    _run("git", "commit", "--message", f"Release {version}")
    _run("git", "tag", "--annotate", f"v{version}", "--message", f"Release {version}")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel")
    sys.stdout.write(f"v{version} is tagged, and its wheel is in dist/. Now: git push --follow-tags\n")
    return 0


def problem_with(version: str) -> str:
    """Return what keeps this version from being released; empty: nothing does."""
    if not VERSION.fullmatch(version):
        return "Name the version: make release VERSION=0.2.0"
    if _said("git", "status", "--porcelain"):
        return "There are changes that are not committed: git status"
    if _said("git", "tag", "--list", f"v{version}"):
        return f"v{version} is there already; choose the next version."
    if f"## {version} - unreleased" not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        return f"CHANGELOG.md has no section `## {version} - unreleased`: what is different for users?"
    return ""


def set_version(root: Path, version: str, day: str) -> list[str]:
    """Write the version where it stands, and the day into the changelog; return the files.

    :param root: of the tree.
    :param day: of the release.
    """
    for name, pattern in PLACES.items():
        path = root / name
        text, count = re.subn(pattern, lambda old: f'{old[0].split(" = ")[0]} = "{version}"', path.read_text("utf-8"))
        if count != 1:
            raise ValueError(f"{name} has {count} versions instead of one")
        path.write_text(text, encoding="utf-8")
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    changelog.write_text(text.replace(f"## {version} - unreleased", f"## {version} - {day}"), encoding="utf-8")
    return [*PLACES, "CHANGELOG.md"]


def _said(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())

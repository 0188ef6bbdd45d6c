"""What CONTRIBUTING tells people to do works as it stands there; and the review of dependencies is complete."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

from reference.release import PLACES, problem_with, set_version

ROOT = Path(__file__).resolve().parents[1]


def normal(requirement: str) -> str:
    """Return the name of a requirement as indexes write it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0].lower())


def test_the_version_is_written_wherever_it_stands(tmp_path: Path) -> None:
    for name in (*PLACES, "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## 9.8.7 - unreleased\n\n- News.\n", encoding="utf-8")
    set_version(tmp_path, "9.8.7", "2030-01-02")
    assert tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"] == "9.8.7"
    assert '__version__ = "9.8.7"' in (tmp_path / "include/__init__.py").read_text(encoding="utf-8")
    assert "## 9.8.7 - 2030-01-02\n" in changelog.read_text(encoding="utf-8")


def test_a_release_needs_a_version_and_says_so() -> None:
    assert "VERSION=" in problem_with("")
    assert "VERSION=" in problem_with("1.0")


def test_code_and_package_have_one_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f'__version__ = "{version}"' in (ROOT / "include" / "__init__.py").read_text(encoding="utf-8")


def test_every_direct_dependency_is_reviewed_and_no_other() -> None:
    """Its row has the version of a lock: whoever makes the locks anew looks at the table again."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    lists += project["dependency-groups"].values()
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert sorted(row[0].strip("`") for row in rows) == sorted({normal(one) for names in lists for one in names})
    locks = "\n".join((ROOT / name).read_text("utf-8") for name in ("requirements.lock", "requirements-image.lock"))
    pins = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", locks, re.MULTILINE)
    locked = {(normal(name), version) for name, version in pins}
    assert [row for row in rows if (row[0].strip("`"), row[3]) not in locked] == []
    assert [row for row in rows if not row[1] or not row[2]] == []

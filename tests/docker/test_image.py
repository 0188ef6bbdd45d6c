"""What the image is made of: the versions that were tested, all of the project, and no secrets."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIFFERENT = {"python-dateutil"}
"""FAB needs an older one than pandas would take; everything else is the same."""


def locked(name: str) -> dict[str, set[str]]:
    """Return package -> versions of a lock; a package may have one per Python version."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(
        r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==([^ ;\\]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE
    ):
        found.setdefault(package, set()).add(version)
    return found


def test_the_image_has_the_versions_that_are_tested() -> None:
    """What `make test` ran with is what the workers run with."""
    tested, shipped = locked("requirements.lock"), locked("requirements-image.lock")
    both = tested.keys() & shipped.keys()
    assert len(both) > 100
    assert {name for name in both if tested[name] != shipped[name]} <= DIFFERENT


def test_the_image_has_what_a_distributed_airflow_needs() -> None:
    """Celery below 5.7, on which Airflow's provider dies, the drivers of broker and databases, the UI's login."""
    shipped = locked("requirements-image.lock")
    needed = {"celery", "redis", "psycopg", "psycopg2-binary", "asyncpg", "apache-airflow-providers-fab", "pyarrow"}
    assert needed <= shipped.keys()
    assert [tuple(map(int, version.split(".")[:2])) < (5, 7) for version in shipped["celery"]] == [True]


def test_every_line_is_hashed() -> None:
    """The image installs with --require-hashes, so a lock without them would not build."""
    text = (ROOT / "requirements-image.lock").read_text(encoding="utf-8")
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [package.splitlines()[0] for package in packages if "--hash=sha256:" not in package] == []


def test_all_packages_of_the_project_are_in_the_context() -> None:
    """What .dockerignore does not name is not sent; what the project consists of has to be."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {package.split("/")[0] for package in wheel["packages"]} <= set(allowed)
    copied = re.findall(r"^COPY --chown=airflow:0 (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert set(" ".join(copied).split()) == set(allowed)
    assert not [name for name in (".env", "build/up/exact_personio.key", ".git/config") if _sent(name, allowed)]


def _sent(path: str, allowed: list[str]) -> bool:
    return any(fnmatch(path, pattern) or path.startswith(f"{pattern}/") for pattern in allowed)

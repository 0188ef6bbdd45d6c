"""``make env``: fresh keys every time, for their owner only, and never over old ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet

SCRIPT = Path(__file__).resolve().parents[2] / "docker" / "make_env.py"


def make(path: Path) -> subprocess.CompletedProcess[str]:
    # -S -E -s: without any package, as on a machine that has nothing but Python.
    return subprocess.run([sys.executable, "-SEs", SCRIPT, path], capture_output=True, text=True, check=False)


def read(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    found = dict(line.split("=", 1) for line in lines)
    assert found.pop("COMPOSE_PROFILES") == "", "named for whoever wants one; none belongs to a plain stack"
    return found


def test_every_file_has_keys_of_its_own(tmp_path: Path) -> None:
    """No value is in two files, or twice in one; Fernet takes both keys."""
    first, second = tmp_path / "first", tmp_path / "second"
    assert (make(first).returncode, make(second).returncode) == (0, 0)
    values = [*read(first).values(), *read(second).values()]
    assert len(values) == len(set(values)) == 2 * len(read(first))
    assert all(len(value) >= 24 for value in values)
    data = b"someone@example.org"
    for name in ("FERNET_KEY", "LEDGER_KEY"):
        fernet = Fernet(read(first)[name])
        assert fernet.decrypt(fernet.encrypt(data)) == data


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """It opens everything."""
    make(tmp_path / ".env")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_it_never_overwrites(tmp_path: Path) -> None:
    """Keys that are gone are data that is gone; the message names the way to begin anew, and no secret."""
    path = tmp_path / ".env"
    path.write_text("LEDGER_KEY=old\n", encoding="utf-8")
    done = make(path)
    assert (done.returncode, path.read_text(encoding="utf-8")) == (1, "LEDGER_KEY=old\n")
    assert "down -v" in done.stderr
    assert "old\n" not in done.stderr

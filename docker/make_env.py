"""``make env``: writes .env with fresh random keys and passwords. Needs nothing but Python."""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path


def fernet_key() -> str:
    """Return a key as ``cryptography.fernet.Fernet.generate_key`` makes it."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def fresh_secrets() -> dict[str, str]:
    """Return a value for every variable that docker-compose.yml insists on.

    Passwords are hexadecimal: they stand in URLs, where other characters would have to be escaped.
    """
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "AIRFLOW_DB_PASSWORD": secrets.token_hex(24),
        "LEDGER_DB_PASSWORD": secrets.token_hex(24),
        "REDIS_PASSWORD": secrets.token_hex(24),
        "FERNET_KEY": fernet_key(),
        "LEDGER_KEY": fernet_key(),
        # HS512 wants 64 bytes.
        "JWT_SECRET": secrets.token_hex(64),
        "API_SECRET_KEY": secrets.token_hex(32),
        "ADMIN_PASSWORD": secrets.token_hex(12),
        "FLOWER_PASSWORD": secrets.token_hex(12),
        "GRAFANA_PASSWORD": secrets.token_hex(12),
    }


HEAD = """\
# Made by `make env`. Secret: keep a copy where your backups are not. LEDGER_KEY and FERNET_KEY open what the
# databases hold; without them a backup is worth nothing. What else can be set: docs/docker.md.
"""
TAIL = """\
# Profiles that belong to the stack, comma separated: sandbox, monitoring, flower. Every command covers them.
COMPOSE_PROFILES=
"""


def write(path: Path) -> bool:
    """Write the file, for its owner only; return False, and leave it alone, if there is one.

    :param path: where.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(HEAD + "".join(f"{name}={value}\n" for name, value in fresh_secrets().items()) + TAIL)
    return True


def main(path: Path) -> int:
    """Write the file and say so; return the exit code."""
    if not write(path):
        print(  # noqa: T201 - what the command says
            f"{path} is there already, and its keys open what the databases hold: it is left as it is.\n"
            "To begin anew, without all that was stored: docker compose down -v, move it away, make env.",
            file=sys.stderr,
        )
        return 1
    print(f"{path} has fresh keys and passwords. The UI's user is admin; its password is ADMIN_PASSWORD there.")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".env")))

"""Give Airflow its connections to the sandbox, log in there, and give it people; safe to run again."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from include.demo.sandbox_connections import DIVISION, log_in_at_sandbox, sandbox_connections
from include.transport import build_http


def main() -> None:
    """Do it as the environment says; see docker-compose.yml."""
    url, limit_seconds = os.environ["SANDBOX_URL"], float(os.environ["SANDBOX_LIMIT_SECONDS"])
    redirect_uri = f"{os.environ['AIRFLOW__API__BASE_URL'].rstrip('/')}/exact-console/callback"
    connections = sandbox_connections(url, redirect_uri, limit_seconds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "connections.json"
        path.write_text(json.dumps(connections), encoding="utf-8")
        subprocess.run(["airflow", "connections", "import", "--overwrite", str(path)], check=True)
    with build_http(base_url=url, timeout=120) as sandbox:
        log_in_at_sandbox(connections, sandbox)
        held = sandbox.get("/_sandbox/contents").json()["exact"]
        if not held.get(str(DIVISION), {}).get("Contacts"):
            people = {name: int(os.environ[f"SANDBOX_{name.upper()}"]) for name in ("accounts", "contacts")}
            company = {"seed": 1, "division": DIVISION, "dirty": True, **people}
            sandbox.post("/_sandbox/seed", json=company).raise_for_status()
    print("The sandbox has a company, and Airflow its connections and a login.")  # noqa: T201 - the container's log


if __name__ == "__main__":
    main()

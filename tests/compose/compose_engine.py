"""``docker compose`` on the project's own file, under a project name and with keys of its own."""

from __future__ import annotations

import os
import runpy
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "exact-personio-compose-test"
LABEL = f"label=com.docker.compose.project={PROJECT}"


def why_not() -> str:
    """Say why no stack can be started here; empty if one can."""
    words = compose_words()
    if not shutil.which(words[0]):
        return f"{words[0]} is not installed"
    if not shutil.which("docker"):
        return "docker is not installed"
    found = subprocess.run(["docker", "info"], capture_output=True, check=False)
    return "" if found.returncode == 0 else "no Docker engine answers"


def compose_words() -> list[str]:
    """Return the command that COMPOSE names, ``docker compose`` unless it is set."""
    return shlex.split(os.environ.get("COMPOSE", "docker compose"))


class Engine:
    """One stack for the time of a ``with`` block; nothing of it is left afterwards.

    Everything that differs from a plain ``up`` is in the environment, which counts more than a ``.env``.

    :param log: file that takes what the commands say.
    :param settings: variables of docker-compose.yml.
    """

    def __init__(self, log: Path, settings: dict[str, str]) -> None:
        fresh = runpy.run_path(str(ROOT / "docker" / "make_env.py"))["fresh_secrets"]()
        self.secrets: dict[str, str] = fresh
        names = {
            "COMPOSE_PROJECT_NAME": PROJECT,
            # Not as a word of the command: `down` needs it as well, or the profile's containers stay.
            "COMPOSE_PROFILES": "sandbox",
            "EXACT_PERSONIO_IMAGE": "exact-personio-airflow:compose-test",
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "EXACT_PERSONIO_"))}
        self.env = {**kept, **fresh, **names, **settings}
        self.log = log

    def __enter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text("", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")

    def compose(self, *words: str, feed: str | None = None) -> str:
        """Run a ``docker compose`` command and return what it wrote to its standard output.

        :param feed: its standard input.
        :raises RuntimeError: it failed; the log has its words.
        """
        return self._run([*compose_words(), *words], feed)

    def docker(self, *words: str) -> str:
        """Run a ``docker`` command and return its output.

        :raises RuntimeError: it failed.
        """
        return self._run(["docker", *words], None)

    def _run(self, command: list[str], feed: str | None) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False, input=feed
        )
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"+ {shlex.join(command)}\n{done.stderr}")
        if done.returncode:
            said = done.stderr[-1500:]
            raise RuntimeError(f"{shlex.join(command)} ended with {done.returncode}: {self.log}\n{said}")
        return done.stdout

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, running or not, in a steady order."""
        of_service = f"label=com.docker.compose.service={service}"
        return sorted(self.docker("ps", "--all", "--quiet", "--filter", LABEL, "--filter", of_service).split())

    def kill(self, container: str) -> None:
        """End a container as ``kill -9`` does."""
        self.docker("kill", "--signal", "KILL", container)

    def start(self, container: str) -> None:
        """Start a container again that was killed."""
        self.docker("start", container)

    def health(self) -> dict[str, str]:
        """Return container -> its health where it has a check, else its state and exit code, as ``exited-0``."""
        state = "{{.State.Status}}-{{.State.ExitCode}}"
        line = "{{.Name}} {{if .State.Health}}{{.State.Health.Status}}{{else}}" + state + "{{end}}"
        ids = self.docker("ps", "--all", "--quiet", "--filter", LABEL).split()
        rows = self.docker("inspect", "--format", line, *ids).split("\n") if ids else []
        return dict(row.lstrip("/").rsplit(" ", 1) for row in rows if row)

    def memory(self) -> dict[str, str]:
        """Return what each running container uses, as ``docker stats`` says it."""
        ids = self.docker("ps", "--quiet", "--filter", LABEL).split()
        rows = self.docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *ids)
        return {row.split()[0]: row.split()[1] for row in rows.splitlines()}

    def left_over(self) -> list[str]:
        """Return what is there of the project: containers, volumes, networks."""
        kinds = {"container": ("ps", "--all"), "volume": ("volume", "ls"), "network": ("network", "ls")}
        return [
            f"{kind} {each}"
            for kind, words in kinds.items()
            for each in self.docker(*words, "--quiet", "--filter", LABEL).split()
        ]

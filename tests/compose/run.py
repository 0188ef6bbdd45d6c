"""``make compose-test``: the compose stack is really run, hurt, healed and compared.

Ends with 0 if all is well, 1 if something is wrong, 3 if it did not run because there is no Docker engine.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from compose_engine import ROOT, Engine, compose_words, why_not
from compose_pictures import take
from compose_story import Story, border
from include.demo.ports import Ports

if TYPE_CHECKING:
    from include.demo.oracle import Verdict

RECORDS = {"accounts": 700, "contacts": 4300}
DID_NOT_RUN = 3
STARTED = time.monotonic()


def say(line: str) -> None:
    """Print a line with the seconds that have passed."""
    print(f"{time.monotonic() - STARTED:6.0f} s  {line}", flush=True)  # noqa: T201 - what the command says


def settings(ports: tuple[int, int]) -> dict[str, str]:
    """Return what differs from a plain ``up``: a fast sandbox full of people, and impatience."""
    return {
        "AIRFLOW_PORT": str(ports[0]),
        "AIRFLOW_URL": f"http://127.0.0.1:{ports[0]}",
        "SANDBOX_PORT": str(ports[1]),
        "SANDBOX_LIMIT_SECONDS": "0.4",
        "SANDBOX_ACCOUNTS": str(RECORDS["accounts"]),
        "SANDBOX_CONTACTS": str(RECORDS["contacts"]),
        "TASK_HEARTBEAT_TIMEOUT": "60",
        "TASK_HEARTBEAT_SECONDS": "10",
        "EXACT_PERSONIO_START_FROM": f"{border(datetime.now(UTC)):%Y-%m-%d}",
        "EXACT_PERSONIO_RETRY_SECONDS": "5",
        "WORKER_CONCURRENCY": "3",
    }


def main() -> int:
    """Run it; return the exit code."""
    if missing := why_not():
        say(f"compose-test did NOT run: {missing}. It needs an engine, and docker compose or COMPOSE=docker-compose.")
        return DID_NOT_RUN
    build = Path(os.environ.get("EXACT_PERSONIO_BUILD", ROOT / "build"))
    held = Ports()
    ports = (held.hold(), held.hold())
    engine = Engine(build / "compose-test.log", settings(ports))
    say(f"{' '.join(compose_words())}: building and starting, two workers; its words are in {engine.log}")
    with engine:
        engine.compose("up", "--detach", "--build", "--scale", "airflow-worker=2")
        story = Story(engine, ports, say)
        say("started; waiting until all of it is healthy")
        story.wake()
        say("everything is healthy, logged in with a password, the DAGs are there")
        story.load()
        say("all runs have ended")
        story.settle()
        verdict, unreadable = story.verdict(), story.unreadable_logs()
        wrong = story.console_problems()
        say(f"the console behind FAB's login, as an admin, a viewer and nobody: {len(wrong)} problems")
        keep_logs(engine, build)
        if folder := os.environ.get("EXACT_PERSONIO_PICTURES"):
            pictures(Path(folder), f"http://127.0.0.1:{ports[0]}", engine, story)
    held.close()
    left = engine.left_over()
    faults = {"logs_unreadable": unreadable, "console": wrong, "left_over": left}
    return judge(story, verdict, faults, build / "compose-test.json")


def pictures(folder: Path, url: str, engine: Engine, story: Story) -> None:
    """Take them; a page that looks otherwise than expected does not undo what was found."""
    try:
        take(folder, url, engine.secrets["ADMIN_PASSWORD"], story.pages())
    except (AssertionError, LookupError) as error:
        say(f"not all pictures were taken: {str(error).splitlines()[0]}")


def keep_logs(engine: Engine, build: Path) -> None:
    """Keep what the containers said."""
    (build / "compose-test-containers.log").write_text(engine.compose("logs", "--no-color"), encoding="utf-8")


def judge(story: Story, verdict: Verdict, faults: dict[str, list[str]], path: Path) -> int:
    """Print and write down what was found; return the exit code."""
    good = verdict.good and not any(faults.values())
    body = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - STARTED),
        "good": good,
        "verdict": verdict.summary(),
        **faults,
        **story.figures,
    }
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    for name in ("records", "applications", "states", "runs", "logs", "memory_idle"):
        say(f"{name}: {story.figures.get(name)}")
    say(
        f"logs that the UI cannot show: {len(faults['logs_unreadable'])}; problems of the console: "
        f"{len(faults['console'])}; left over after down: {len(faults['left_over'])}"
    )
    word = "Both sides agree" if verdict.good else "The two sides do NOT agree"
    kinds = ", ".join(f"{kind['count']} {name}" for name, kind in verdict.summary().items())
    say(f"{word}: {kinds}.")
    for line in [*verdict.missing, *verdict.doubled, *verdict.unexplained, *chain(*faults.values())][:20]:
        say(f"  {line}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

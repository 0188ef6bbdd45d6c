"""One record through a mapping, in a process of its own: ``python -m include.transform.trial_process``.

The templates of a mapping are sandboxed, so they cannot reach anything; but a template can loop for ever, or make a
text of gigabytes, and some of that happens while it is compiled. So whoever tries one that nobody has looked at does
it in here, with little time and memory, without the environment's secrets, and where no file can be written.
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

# Imported before the limits count.
from include.errors import ConfigurationError
from include.transform import load_mapping
from include.transform.decide import decide_rows
from include.transform.frame import build_table
from include.transform.lines import line_of
from include.transform.values import to_text

if TYPE_CHECKING:
    from datetime import datetime

    from include.records import Decision
    from include.transform.mapping import Mapping

CPU_SECONDS: Final = 5
MEMORY: Final = 1024**3
"""Bytes of addresses; the imports take a third of it."""
MOST: Final = 1_000_000
"""Bytes of an answer; more than a page can show."""
TOO_MUCH: Final = 3
"""Status of the end where memory was refused."""
_MOST_SHOWN: Final = 500


@dataclass(frozen=True, slots=True)
class _Row:
    source_id: str
    row_version: int
    created: datetime | None
    row: dict[str, Any] = field(repr=False)


def main() -> int:
    """Read a question from standard input and print the answer, both as JSON."""
    asked = json.loads(sys.stdin.buffer.read())
    _limit()
    try:
        text = json.dumps(_answer(asked))
    except MemoryError:
        return TOO_MUCH
    except Exception as error:  # noqa: BLE001 - whatever somebody writes into rules must not look like a crash
        # The type alone: what an error says may quote the record.
        text = json.dumps({"problem": _failed(type(error).__name__)})
    if len(text) > MOST:
        text = json.dumps(
            {"problem": {"what": "What the rules make is too long.", "reason_code": "mapping.too_long"}}
        )
    sys.stdout.write(text)
    return 0


def _failed(kind: str) -> dict[str, str]:
    return {
        "what": f"The rules cannot be tried: {kind}.",
        "reason_code": "mapping.trial.failed",
        "way_out": "Take back what was changed last; a RecursionError comes from brackets within brackets.",
    }


def _limit() -> None:
    # Where memory is short, this process goes and not the server that began it.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # No process and no thread beside this one; the threads that numpy has begun stay.
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    # macOS does not allow it.
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    entity, destination, text = asked["entity"], asked["destination"], asked["text"]
    path = None if text is None else asked["name"]
    try:
        mapping = load_mapping(entity, destination, path=path, text=text, defaults=asked["defaults"])
    except ConfigurationError as error:
        section = f"{entity.lower()}_to_{destination}"
        return {
            "problem": {
                "what": error.what,
                "reason_code": error.reason_code,
                "way_out": error.way_out,
                "line": None if text is None else line_of(text, section, error),
            }
        }
    columns = {"select": mapping.select, "contact_select": mapping.contact_select, "fingerprint": mapping.fingerprint}
    if asked["row"] is None:
        return {"problem": None, **columns}
    return {"problem": None, **columns, **_tried(mapping, asked)}


def _tried(mapping: Mapping, asked: dict[str, Any]) -> dict[str, Any]:
    row = _Row(asked["source_id"], asked["row_version"], None, asked["row"])
    contacts = {} if asked["contact"] is None else {str(asked["contact"]["ID"]).lower(): asked["contact"]}
    (decision,) = decide_rows(
        [row], mapping, created_from=None, created_to=None, main_contacts=contacts, now=None, asked_for=()
    )
    return {"decision": _plain(decision), "read": _read(mapping, row, contacts)}


def _plain(decision: Decision) -> dict[str, Any]:
    told = {name: getattr(decision, name) for name in ("outcome", "reason_code", "field", "email")}
    payload = None if decision.payload is None else dict(decision.payload)
    return {**told, "payload": payload, "trace": dict(decision.trace)}


def _read(mapping: Mapping, row: _Row, contacts: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return what each field's columns hold, as the rules see it."""
    table = build_table([row], mapping, contacts)
    return {leaf.target: {name: _shown(table.column(name)[0]) for name in leaf.reads} for leaf in mapping.leaves}


def _shown(value: Any) -> str:
    try:
        return (to_text(value) or "")[:_MOST_SHOWN] if value is not None else ""
    except ValueError:
        return ""


if __name__ == "__main__":
    sys.exit(main())

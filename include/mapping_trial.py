"""One record through a mapping that nobody has saved: what would become of it, and by which rule.

Nothing is written: neither the rules, nor a decision. The work is done in a process of its own, see
`include.transform.trial_process`, which is ended when its time is over.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from include.errors import ConfigurationError, RetryLaterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.records import Destination, Entity, Row

SECONDS: Final = 20.0
"""Until the process is ended: it takes most of a second to begin, and may compute for five."""
MOST_TEXT: Final = 64 * 1024
"""Characters of a mapping file; the built-in ones have two thousand."""
TOO_MUCH: Final = 3
"""What the process ends with where memory was refused to it."""
_PROCESS: Final = "include.transform.trial_process"
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")
_WAIT: Final = 1.0
"""Seconds for a place: whoever waits holds a thread of the API server, which has few."""
_places: Final = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class Rules:
    """A mapping to be tried.

    :param text: of the user's own file, saved or not; None: the built-in rules alone.
    :param name: of the file, for errors.
    :param defaults: what the connection says of fields.
    """

    entity: Entity
    destination: Destination
    text: str | None = None
    name: str = "mapping.yaml"
    defaults: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def section(self) -> str:
        """The part of a mapping file that is meant."""
        return f"{self.entity.lower()}_to_{self.destination}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why rules cannot be used.

    :param line: of the file, from 1; None where there is none.
    """

    what: str
    reason_code: str
    way_out: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a record.

    :param problem: why the rules cannot be used; nothing else is known then.
    :param select: columns that they read of the entity, and ``contact_select`` of an account's main contact.
    :param outcome: ``ready``, ``rejected`` or ``skipped_by_rule``; empty without a record.
    :param payload: about a person, like what follows.
    :param trace: by field: the rule that made it.
    :param read: by field: what its columns hold.
    """

    problem: Problem | None = None
    select: Sequence[str] = ()
    contact_select: Sequence[str] = ()
    fingerprint: str = ""
    outcome: str = ""
    reason_code: str = ""
    blamed: str = ""
    payload: Mapping[str, Any] | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    trace: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)


def try_rules(rules: Rules, row: Row | None = None, contact: Row | None = None, *, seconds: float = SECONDS) -> Trial:
    """Try rules on a record.

    :param rules: from anybody.
    :param row: of Exact; None: only see whether the rules can be used, and what they read.
    :param contact: the main contact of an account.
    :param seconds: until the trial is given up.
    :raises ConfigurationError: the rules take too much time or memory, or the trial cannot be made at all.
    :raises RetryLaterError: two trials are under way.
    """
    if rules.text is not None and len(rules.text) > MOST_TEXT:
        return Trial(Problem(f"The rules are longer than {MOST_TEXT} characters.", "mapping.file.invalid"))
    asked = {
        "entity": rules.entity,
        "destination": rules.destination,
        "text": rules.text,
        "name": rules.name,
        "defaults": dict(rules.defaults),
        "row": row,
        "contact": contact,
        "source_id": str((row or {}).get("ID", "")),
        "row_version": 0,
    }
    answer = _asked(json.dumps(asked).encode(), seconds)
    if problem := answer.get("problem"):
        return Trial(Problem(**problem))
    decision = answer.get("decision") or {}
    return Trial(
        select=answer["select"],
        contact_select=answer["contact_select"],
        fingerprint=answer["fingerprint"],
        outcome=decision.get("outcome", ""),
        reason_code=decision.get("reason_code", ""),
        blamed=decision.get("field", ""),
        payload=decision.get("payload"),
        email=decision.get("email"),
        trace=decision.get("trace", {}),
        read=answer.get("read", {}),
    )


def _asked(question: bytes, seconds: float) -> dict[str, Any]:
    if not _places.acquire(timeout=_WAIT):
        raise RetryLaterError(
            "Other rules are being tried; each trial takes a processor for itself.",
            reason_code="mapping.trial.busy",
            way_out="Try again in a moment.",
        )
    try:
        # The question goes through a pipe, so that no list of processes shows it.
        done = subprocess.run(  # noqa: S603 - this very interpreter
            [sys.executable, "-P", "-m", _PROCESS],
            input=question,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            env=_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_much() from None
    finally:
        _places.release()
    if done.returncode == TOO_MUCH or done.returncode < 0:
        # A signal is how the system's limits end a process.
        raise _too_much()
    if done.returncode:
        raise ConfigurationError(
            "The trial of the rules ended with an error before it could say which.",
            reason_code="mapping.trial.failed",
            way_out="See whether this installation is whole: python -m include.transform.trial_process </dev/null",
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _environment() -> dict[str, str]:
    """Return an environment without secrets: those of the ledger and of Airflow are none of a template's business."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    paths = os.pathsep.join(path for path in sys.path if path)
    # One thread each: the memory of more would count against the limit.
    return {**kept, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _too_much() -> ConfigurationError:
    return ConfigurationError(
        "The rules take too much time or memory for one record.",
        reason_code="mapping.trial.too_much",
        way_out="Look for a loop, a power or a repetition in a template.",
    )

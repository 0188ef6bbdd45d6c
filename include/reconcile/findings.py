"""What a reconciliation found: its parts, the differences in each, and what to do next."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from include.ledger.reconciliations import MOST_SUBJECTS, Check

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from include.errors import ExactPersonioError

Level = Literal["difference", "information"]
Verdict = Literal["ok", "difference", "unproven"]

DECISION_MISSING: Final = "ledger.decision.missing"
ROW_MISSING: Final = "ledger.row.missing"
DELIVERY_REMOVED: Final = "ledger.delivery.removed"
UNREAD: Final = "exact.record.unread"
GONE: Final = "exact.record.gone"
MISSING: Final = "missing"
DOUBLE: Final = "double"
UNKNOWN: Final = "unknown"
STRANGER: Final = "stranger"


def at_personio(destination: str, problem: str) -> str:
    """Return the code of a difference at Personio, such as ``personio.application.missing``."""
    return f"personio.{destination}.{problem}"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree, or that a person may want to know.

    :param kind: its code.
    :param level: only a ``difference`` changes the verdict.
    :param count: how many records.
    :param subjects: the first ids: of Exact, or of Personio where Exact has none; of nobody's person.
    :param what: one sentence.
    :param way_out: what to do next, as commands.
    :param details: beside each of the subjects, what else names it; ids only.
    """

    kind: str
    level: Level
    count: int
    subjects: tuple[str, ...]
    what: str
    way_out: str
    details: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it for the report."""
        # Lists, as whoever reads the report again gets them.
        return {**dataclasses.asdict(self), "subjects": list(self.subjects), "details": list(self.details)}


@dataclass(frozen=True, slots=True)
class Unproven:
    """What could not be looked at, and why.

    :param what: one sentence.
    :param reason_code: of the refusal.
    :param way_out: what makes it possible.
    """

    what: str
    reason_code: str
    way_out: str


@dataclass(slots=True)
class Part:
    """One thing that was looked at: the ledger as a whole, a stream, a destination at Personio, or a feed of Exact.

    :param kind: ``ledger``, ``stream``, ``personio`` or ``feed``.
    :param name: unique among all parts.
    :param about: what it is, by name.
    :param counts: what was counted.
    :param checked: codes of the differences that were looked for, found or not.
    """

    kind: str
    name: str
    about: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unproven: list[Unproven] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Say how it stands."""
        if any(finding.level == "difference" for finding in self.findings):
            return "difference"
        return "unproven" if self.unproven else "ok"

    def checks(self) -> list[Check]:
        """Return every check that was made, for the ledger; those that found nothing too."""
        found = {finding.kind: finding for finding in self.findings if finding.level == "difference"}
        return [
            Check(self.name, kind, found[kind].count, found[kind].subjects, found[kind].way_out)
            if kind in found
            else Check(self.name, kind, 0, (), "")
            for kind in dict.fromkeys(self.checked)
        ]

    def cannot(self, what: str, error: ExactPersonioError) -> None:
        """Note that something could not be proven."""
        self.unproven.append(Unproven(what, error.reason_code, error.way_out))

    def as_json(self) -> dict[str, Any]:
        """Return it for the report."""
        return {
            "part": self.kind,
            "name": self.name,
            **self.about,
            "verdict": self.verdict,
            "counts": self.counts,
            "findings": [finding.as_json() for finding in self.findings],
            "not_proven": [dataclasses.asdict(unproven) for unproven in self.unproven],
        }


def verdict_of(parts: Sequence[Part]) -> Verdict:
    """Return the worst of all verdicts."""
    verdicts = {part.verdict for part in parts}
    return next((one for one in ("difference", "unproven") if one in verdicts), "ok")


def still_open(count: int, ids: Sequence[str], accepted: Collection[str]) -> tuple[int, tuple[str, ...], int]:
    """Return how many differences nobody has accepted, their first ids, and how many were accepted.

    :param count: of all.
    :param ids: of all, or of the first of them.
    """
    left = [one for one in ids if one not in accepted]
    taken = len(ids) - len(left)
    return count - taken, tuple(left[:MOST_SUBJECTS]), taken

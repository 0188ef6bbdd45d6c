"""What must be true afterwards, read from the sandbox's own contents and from nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.ledger.deliveries import DeliveryView

TERMINAL = {"created", "already_there", "rejected", "skipped_by_rule"}


@dataclass
class Verdict:
    """The comparison's outcome; each list holds ids, never names or addresses."""

    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Say whether both sides agree."""
        return not (self.missing or self.doubled or self.unexplained)

    def summary(self) -> dict[str, Any]:
        """Return counts and the first ids of each kind."""
        kinds = {"missing": self.missing, "doubled": self.doubled, "unexplained": self.unexplained}
        return {name: {"count": len(ids), "first": ids[:10]} for name, ids in kinds.items()}


def compare(
    existing_ids: Iterable[str], applications: Iterable[dict[str, Any]], deliveries: Iterable[DeliveryView]
) -> Verdict:
    """Compare one stream's ledger with the true contents of both services.

    :param existing_ids: IDs that Exact holds now.
    :param applications: Personio's applications for this stream's position.
    :param deliveries: the ledger's view of every record of the stream.
    """
    verdict = Verdict()
    held = Counter((str(a["email"]).lower(), int(a["job_position_id"])) for a in applications)
    verdict.doubled += [f"application for position {job}" for (_, job), count in held.items() if count > 1]
    seen: dict[str, DeliveryView] = {view.source_id: view for view in deliveries}
    verdict.missing += sorted({i.lower() for i in existing_ids} - set(seen))
    made: Counter[tuple[str, int]] = Counter()
    for view in seen.values():
        if view.state not in TERMINAL or (view.state != "created" and not view.reason_code):
            verdict.unexplained.append(f"{view.source_id}: {view.state}")
        if view.state not in {"created", "already_there"}:
            continue
        key = ((view.email or "").lower(), view.position)
        if key not in held:
            verdict.missing.append(view.source_id)
        made[key] += view.state == "created"
    # Each application was made by exactly one record: more is a double claim, less a stray.
    verdict.doubled += [f"{count} records claim one application" for count in made.values() if count > 1]
    verdict.unexplained += [f"application without a record ({job})" for mail, job in held if not made[(mail, job)]]
    return verdict

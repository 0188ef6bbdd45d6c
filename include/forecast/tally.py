"""What would become of the records: the mapping is tried on what was read, the ledger says what is done already."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from include.sync.main_contacts import contact_id, main_contacts
from include.transform import transform_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from include.clients.exact import ExactClient
    from include.forecast.known import Known, Standing
    from include.forecast.survey import Heard, Survey
    from include.records import Decision, Row
    from include.transform import Mapping

CHUNK: Final = 960
NOT_LOOKED_UP: Final = "exact.MainContact.not_found"
"""What the mapping says of an account whose main contact is not at hand."""
REFUSED_BEFORE: Final = "refused_before"
_SEED: Final = 4


@dataclass(frozen=True, slots=True)
class Reason:
    """Why records would not be sent: the outcome, the reason code, and the field that it speaks of."""

    outcome: str
    reason_code: str
    field: str


@dataclass
class Tally:
    """Records by what would become of them; fractions where a row stands for others.

    :param outcomes: ``to_send``, ``rejected``, ``skipped_by_rule``, ``done_already``, ``sent_elsewhere``, and
        ``refused_before`` for what was rejected or skipped by an earlier run and has not changed since.
    :param reasons: of what would not be sent.
    :param to_send: by number of window.
    :param files: uploads beside the records, by number of window.
    :param looked_up: main contacts that the run would ask Exact for, by number of window.
    :param same_address: of what would be sent: for an address that another of them has, so that Personio says it
        knows them; None: a sample cannot tell.
    :param waiting: of what would be sent: what waited to be sent before.
    :param tried: records that were looked at one by one.
    :param complete: whether these were all of them.
    """

    outcomes: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    reasons: defaultdict[Reason, float] = field(default_factory=lambda: defaultdict(float))
    to_send: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    files: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    looked_up: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    same_address: int | None = None
    waiting: int = 0
    tried: int = 0
    complete: bool = True

    def send(self, span: int, weight: float, files: int = 0) -> None:
        """Count a record that would be sent.

        :param span: number of its window.
        :param weight: for how many it stands.
        :param files: to be uploaded before it.
        """
        self.outcomes["to_send"] += weight
        self.to_send[span] += weight
        self.files[span] += weight * files

    def leave(self, why: Reason, weight: float) -> None:
        """Count a record that would not be sent."""
        self.outcomes[why.outcome] += weight
        if why.reason_code:
            self.reasons[why] += weight


@dataclass(frozen=True, slots=True)
class Teller:
    """Tries the mapping on what was read.

    :param client: asked for the main contacts of accounts.
    :param sample: at most so many main contacts are looked up.
    :param created_from: aware; what is older and was never decided on is not new. None: everything is.
    """

    client: ExactClient
    mapping: Mapping
    known: Known
    sample: int
    created_from: datetime | None = None

    def tell(self, survey: Survey) -> Tally:
        """Return what would become of the records."""
        tally = Tally(tried=len(survey.heard), complete=survey.complete)
        standings = self.known.standings([item.row.source_id for item in survey.heard])
        left = self._without_final(survey.heard, standings, tally)
        self._note_look_ups(tally, left, standings)
        decided = self._decided(left, standings.keys())
        if len(decided) < len(left):
            tally.tried, tally.complete = len(survey.heard) - len(left) + len(decided), False
        for heard, decision, weight in decided:
            before = standings.get(heard.row.source_id)
            if before is not None and before.says(decision.outcome, decision.reason_code):
                tally.leave(Reason(REFUSED_BEFORE, decision.reason_code, decision.field), weight)
            elif decision.outcome == "ready":
                files = (decision.payload or {}).get("files") or ()
                tally.send(heard.span, weight, sum("path" in file for file in files))
            else:
                tally.leave(Reason(decision.outcome, decision.reason_code, decision.field), weight)
        if tally.complete:
            tally.same_address = _same([decision for _, decision, _ in decided])
        return tally

    @staticmethod
    def _without_final(heard: Sequence[Heard], standings: dict[str, Standing], tally: Tally) -> list[Heard]:
        """Count what the mapping is not asked for any more; return the rest."""
        left = []
        for item in heard:
            standing = standings.get(item.row.source_id)
            if standing is None or not standing.final:
                left.append(item)
            elif standing.outcome == "ready":
                tally.send(item.span, item.weight)
                tally.waiting += 1
            else:
                outcome = REFUSED_BEFORE if standing.reason_code else standing.outcome
                tally.leave(Reason(outcome, standing.reason_code, ""), item.weight)
        return left

    def _note_look_ups(self, tally: Tally, left: Sequence[Heard], standings: dict[str, Standing]) -> None:
        """Count the main contacts that the run would look up: of accounts that are not decided yet."""
        if not self.mapping.contact_select:
            return
        for item in left:
            new = self.created_from is None or item.row.created is None or item.row.created >= self.created_from
            if new and contact_id(item.row.row) and item.row.source_id not in standings:
                tally.looked_up[item.span] += item.weight

    def _decided(self, heard: Sequence[Heard], known: Collection[str]) -> list[tuple[Heard, Decision, float]]:
        """Return each row with its decision and for how many it stands."""
        first = self._transformed(heard, {}, known)
        if not self.mapping.contact_select:
            return [(item, decision, item.weight) for item, decision in first]
        done = [(item, decision, item.weight) for item, decision in first if decision.reason_code != NOT_LOOKED_UP]
        waiting = [item for item, decision in first if decision.reason_code == NOT_LOOKED_UP]
        # Always the same choice, so that asking twice does not give two answers.
        asked = random.Random(_SEED).sample(  # noqa: S311 - a sample, no secret
            waiting, min(self.sample, len(waiting))
        )
        wanted = sorted({key for item in asked if (key := contact_id(item.row.row)) is not None})
        more = sum(item.weight for item in waiting) / max(sum(item.weight for item in asked), 1e-9)
        contacts = main_contacts(self.client, self.mapping, wanted)
        return done + [
            (item, decision, item.weight * more) for item, decision in self._transformed(asked, contacts, known)
        ]

    def _transformed(
        self, heard: Sequence[Heard], contacts: dict[str, Row], known: Collection[str]
    ) -> list[tuple[Heard, Decision]]:
        found = []
        for start in range(0, len(heard), CHUNK):
            chunk = heard[start : start + CHUNK]
            decisions = transform_rows(
                [item.row for item in chunk],
                self.mapping,
                created_from=self.created_from,
                main_contacts=contacts,
                asked_for=known,
            )
            found += list(zip(chunk, decisions, strict=True))
        return found


def _same(decisions: Sequence[Decision]) -> int:
    """Return how many would be sent for an address that another one before them has."""
    addresses = [(decision.email or "").strip().casefold() for decision in decisions if decision.outcome == "ready"]
    return len(addresses) - len(set(addresses))

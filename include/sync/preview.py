"""Preview: what a run would do with each record, written down for a person and not done."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, cast

from include.ledger.previews import Preview
from include.ledger.states import DONE, IN_FLIGHT, PENDING
from include.records import LOOK_UPS, RecordFilter
from include.sync.existing import Existing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from include.clients.personio import PersonioClient
    from include.ledger import Ledger
    from include.ledger.staging import StagedRow
    from include.ledger.standings import Standing
    from include.records import Decision, Outcome, StreamKey
    from include.sync.job import Job
    from include.sync.terms import Terms

CREATE: Final = "create"
SEND_AGAIN: Final = "send_again"
"""Sent before without a clear answer: it is looked up, and sent again if it is not there."""
LOOK_UP: Final = "look_up"
"""What a destination that creates nothing would do."""
NOTHING: Final = "nothing"
WRITES: Final = (CREATE, SEND_AGAIN)

MOST_TEXT: Final = 200
"""Characters of what exists, as the ledger keeps them."""

WORDS: Final = {
    "created": "created by us",
    "already_there": "was there before us",
    "matched": "looked up by us, found",
    "unmatched": "looked up by us, not found",
    "ready": "waits to be sent",
    "retry": "waits to be sent again",
    "sending": "is being sent",
    "in_doubt": "sent by us, no clear answer",
    "rejected": "was refused before",
    "skipped_by_rule": "was left alone before",
}
"""What the ledger knows of a record already, in words."""
DONE_WORDS: Final = tuple(WORDS[state] for state in DONE)


class Previewing:
    """Writes decisions down as lines of a preview; no delivery is touched.

    :param ledger: the open ledger.
    :param terms: what the run decides by.
    """

    def __init__(self, ledger: Ledger, terms: Terms) -> None:
        self._ledger = ledger
        self._terms = terms
        self._standings = ledger.standings
        self._left = terms.window.max_records
        # Another attempt decides everything anew: nothing of it was written anywhere else.
        ledger.previews.replace(terms.run_key, [])
        if (
            terms.window.mode in {"window", "backfill"}
            and self._left is None
            and terms.window.where == RecordFilter()
        ):
            self._show_decided()

    @property
    def full(self) -> bool:
        """Whether it shows as many records as the run may make."""
        return self._left == 0

    def take(self, stream: StreamKey, rows: Sequence[StagedRow], decisions: Sequence[Decision]) -> dict[str, int]:
        """Write down what would be done with each row; return how many came to what, as if it had been done."""
        counts: Counter[str] = Counter()
        job = self._terms.job
        known = [row.source_id for row in rows if row.asked_for]
        standing = self._standings.of(stream, job.destination, job.position, job.company, known)
        shown: list[Preview] = []
        for decision in self._ledger.tombstones.kept_out(stream, decisions):
            if self.full:
                break
            preview = preview_of(decision, standing.get(decision.source_id), job)
            shown.append(preview)
            counts["unchanged" if preview.existing in DONE_WORDS else decision.outcome] += 1
            if self._left is not None and preview.action != NOTHING:
                self._left -= 1
        self._ledger.previews.add(self._terms.run_key, shown, stream=stream)
        return dict(counts)

    def _show_decided(self) -> None:
        """Show what was decided on before; what the run decides again is written over it."""
        job, window = self._terms.job, self._terms.window
        of = (job.stream, job.destination, job.position, job.company)
        for chunk in self._standings.within(*of, window.created_from, window.created_to):
            shown = [decided_before(standing) for standing in chunk if standing.state not in PENDING]
            self._ledger.previews.add(self._terms.run_key, shown)


def preview_of(decision: Decision, standing: Standing | None, job: Job) -> Preview:
    """Return what a run would do with one record.

    :param decision: as the run would take it.
    :param standing: of the delivery that exists; None: there is none.
    :param job: what is moved where.
    """
    state = standing.state if standing else ""
    payload, email = decision.payload, decision.email
    if standing is not None and standing.payload is not None:
        # It is sent again as it was: Personio may have it like that.
        payload, email = standing.payload, standing.email
    return Preview(
        source_id=decision.source_id,
        outcome=decision.outcome,
        reason_code=decision.reason_code,
        field=decision.field,
        action=_action(decision, state, job),
        existing=WORDS.get(state, ""),
        payload=None if payload is None else dict(payload),
        email=email,
        trace=dict(decision.trace),
    )


def decided_before(standing: Standing) -> Preview:
    """Return the line of a record that the run has nothing to decide on."""
    return Preview(
        source_id=standing.source_id,
        outcome="ready" if standing.state in DONE else cast("Outcome", standing.state),
        reason_code=standing.reason_code,
        field=standing.field,
        action=NOTHING,
        existing=WORDS[standing.state],
        payload=None,
        email=None,
        trace={},
    )


def _action(decision: Decision, state: str, job: Job) -> str:
    if state in DONE:
        return NOTHING
    if state in IN_FLIGHT:
        return SEND_AGAIN
    if decision.outcome != "ready":
        return NOTHING
    return LOOK_UP if job.destination in LOOK_UPS else CREATE


def look_at_personio(ledger: Ledger, personio: PersonioClient, job: Job, run_key: str) -> dict[str, int]:
    """Add to a preview what Personio has already of the people it would create; nothing is written there.

    :param ledger: the open ledger.
    :param personio: the client; only reads.
    :param job: what is moved where.
    :param run_key: the run's name in the ledger.
    :return: action -> how many records of the preview.
    :raises RetryLaterError: a limit or an outage; the next attempt asks again.
    """
    # Addresses and what is known here, no payloads: as many as the run would send.
    emails = {
        shown.source_id: (shown.email, shown.existing) for shown in _would_write(ledger, run_key) if shown.email
    }
    if emails:
        existing = Existing(personio, position=job.position, applications=job.destination == "application")
        found = existing.find(email for email, _ in emails.values())
        noted = {source: _both(known, found[email]) for source, (email, known) in emails.items()}
        ledger.previews.note_existing(run_key, noted)
    counts: Counter[str] = Counter()
    for (action, _), count in ledger.previews.counts(run_key).items():
        counts[action] += count
    return dict(counts)


def _would_write(ledger: Ledger, run_key: str, slice_: int = 500) -> Iterator[Preview]:
    for action in WRITES:
        offset = 0
        while found := ledger.previews.read(run_key, offset=offset, limit=slice_, action=action):
            yield from found
            offset += len(found)


def _both(known: str, found: str) -> str:
    """Return what is known here before what Personio has; another attempt replaces the latter."""
    here = next((word for word in WORDS.values() if known == word or known.startswith(f"{word}; ")), "")
    return "; ".join(filter(None, (here, found)))[:MOST_TEXT]

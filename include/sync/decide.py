"""Decide: staged rows become deliveries, or lines of a preview, with one decision and its reason per record."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from include.sync.erased import apart
from include.sync.left_marked import left_marked
from include.sync.looking_again import EVERY, look_again_at
from include.sync.main_contacts import main_contacts, wanted_contacts
from include.sync.preview import Previewing
from include.sync.progress import Progress
from include.sync.settling import Settling
from include.sync.terms import Terms
from include.sync.to_decide import batches
from include.transform import transform_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.ledger.staging import StagedRow
    from include.records import Decision, StreamKey, Window
    from include.sync.job import Job
    from include.transform import Mapping

log = logging.getLogger(__name__)


class Taking(Protocol):
    """Where decisions go."""

    @property
    def full(self) -> bool:
        """Whether the run has as many records as it was allowed to make."""

    def take(self, stream: StreamKey, rows: Sequence[StagedRow], decisions: Sequence[Decision], /) -> dict[str, int]:
        """Take the decisions on rows of one lane; return how many came to what."""


def decide(
    ledger: Ledger,
    client: ExactClient,
    job: Job,
    *,
    mapping: Mapping,
    run_id: str,
    window: Window,
    look_again: timedelta | None = EVERY,
) -> dict[str, int]:
    """Turn every row that the run means and that is not decided yet into a decision; return how many of which.

    A live run decides on what its lane has read; a window or a backfill on what was created in it; a replay on what
    was marked, whichever lane has read it. What a run of the second lane decides goes into its own outbox. A preview
    writes no delivery. With ``max_records`` it ends as soon as so many are there to be sent.

    :param ledger: the open ledger.
    :param client: of Exact, for main contacts.
    :param job: what is moved where, in the lane of the run.
    :param mapping: how rows become records.
    :param run_id: Airflow's id of the run.
    :param window: as pinned.
    :param look_again: how long an account that was rejected for its main contact's data waits until a live run looks
        the contact up again; a window that holds it does not wait. None: until the account itself changes.
    :return: outcome -> count: ``ready``, ``rejected``, ``skipped_by_rule`` and the ledger's own
        ``unchanged``, ``changed_after_load``; ``looked_up`` counts main contacts asked for, ``looked_again`` the
        accounts among them that were rejected before; ``sent_elsewhere`` and ``forgotten`` are what was left out,
        ``left_marked`` what a replay left undecided.
    :raises AbortError: a look-up was refused; what was decided before stays decided.
    :raises RetryLaterError: a look-up met a limit or an outage; the next attempt goes on with what is left.
    """
    terms = Terms(job, mapping, window, job.run_key(run_id))
    counts: Counter[str] = Counter()
    progress = Progress("records decided")
    counts["looked_again"] = look_again_at(ledger, terms, look_again)
    taking: Taking = Previewing(ledger, terms) if window.preview else Writing(ledger, terms)
    settling = Settling(ledger, terms)
    for stream, rows in () if taking.full else batches(ledger, terms, client.config.zone, settling.since):
        told, erased = apart(rows)
        wanted = wanted_contacts(mapping, told, window)
        counts["looked_up"] += len(wanted)
        decisions = transform_rows(
            told,
            mapping,
            created_from=window.created_from,
            created_to=window.created_to,
            main_contacts=main_contacts(client, mapping, wanted),
            asked_for={row.source_id for row in rows if row.asked_for},
        )
        counts.update(taking.take(stream, rows, [*decisions, *erased]))
        progress.add(len(rows))
        if taking.full:
            log.info("As many as this run may make: %s. The others are left as they were.", window.max_records)
            break
    counts.update(left_out(ledger, terms, settling.since))
    settling.note()
    log.info("%s: %s", progress.line(), dict(counts))
    return dict(counts)


class Writing:
    """Writes decisions into the ledger as deliveries, and no more of them to be sent than the run may make.

    :param ledger: the open ledger.
    :param terms: what the run decides by.
    """

    def __init__(self, ledger: Ledger, terms: Terms) -> None:
        self._ledger = ledger
        self._terms = terms
        self._outcomes = ledger.outcomes
        # A retry goes on where the attempt before it ended.
        self.full = self._left() == 0

    def take(self, stream: StreamKey, rows: Sequence[StagedRow], decisions: Sequence[Decision]) -> dict[str, int]:
        """Write decisions down until there are as many to be sent as the run may make; return what they came to."""
        counts: Counter[str] = Counter()
        job, terms = self._terms.job, self._terms
        for piece in self._pieces(decisions, {row.source_id for row in rows if row.asked_for}):
            counts.update(
                self._ledger.deliveries.decide(
                    *(stream, job.destination, job.position, job.company),
                    piece,
                    terms.run_key,
                    fingerprint=terms.fingerprint,
                    window_fingerprint=terms.window_fingerprint,
                    selected_for=terms.selected_for,
                )
            )
        return dict(counts)

    def _pieces(self, decisions: Sequence[Decision], known: set[str]) -> Iterator[Sequence[Decision]]:
        """Cut decisions so that no piece can add more to be sent than is left; after each it is counted anew."""
        left = self._left()
        if left is None:
            yield decisions
            return
        piece: list[Decision] = []
        for decision in decisions if left else ():
            piece.append(decision)
            # What a delivery is known of may be on its way, whatever is decided now.
            left -= decision.outcome == "ready" or decision.source_id in known
            if not left:
                yield piece
                piece, left = [], self._left() or 0
                if not left:
                    break
        if piece:
            yield piece
        self.full = self._left() == 0

    def _left(self) -> int | None:
        """Return how many more the run may have sent; None: any number."""
        most = self._terms.window.max_records
        if most is None:
            return None
        # What was claimed once counts, whatever came of it: a cleared canary does not try the next one.
        return max(
            0,
            most
            - len(self._outcomes.taken(self._terms.run_key))
            - sum(self._ledger.deliveries.selected(self._terms.run_key).values()),
        )


def left_out(ledger: Ledger, terms: Terms, stored_since: int | None = None) -> dict[str, int]:
    """Count what was read and is not decided on, and say what to do if that is not what was meant.

    :param stored_since: the batch up to which the lane is settled; None: count all.
    """
    job, window = terms.job, terms.window
    if window.mode == "replay":
        # A preview decides nothing, so all of it stays marked.
        still = {} if window.preview else left_marked(ledger, terms)
        return {"sent_elsewhere": 0, "forgotten": 0, **still}
    # A live run decides whatever its lane has read; any other means what was created in its window.
    span = (window.created_from, window.created_to) if job.stream.is_history else (None, None)
    elsewhere, forgotten = (
        count(
            *(job.stream, job.destination, job.position, job.company),
            fingerprint=terms.fingerprint,
            window_fingerprint=terms.window_fingerprint,
            created_from=span[0],
            created_to=span[1],
            stored_since=stored_since,
        )
        for count in (ledger.deliveries.sent_elsewhere, ledger.deliveries.forgotten)
    )
    if elsewhere:
        log.info(
            "%s records are left out for position %s: they were sent for another position of this company, and a "
            "changed setting makes nobody apply twice. If they shall, create these applications with "
            "PersonioCreateApplicationOperator; if not, there is nothing to do.",
            elsewhere,
            job.position,
        )
    if forgotten:
        log.warning(
            "%s records wait for a decision, but what was read of them was removed when its time was over "
            "(EXACT_PERSONIO_RETENTION_DAYS). If they are needed, lower `to` in the XCom `watermark` of the last "
            "commit to 1: the next run then reads all of them again, and sends nobody twice.",
            forgotten,
        )
    return {"sent_elsewhere": elsewhere, "forgotten": forgotten}

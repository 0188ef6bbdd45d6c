"""Decide: staged rows become deliveries, with one decision and its reason per record."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from typing import TYPE_CHECKING

from include.sync.looking_again import EVERY, LIMIT, PER_CALL
from include.sync.progress import Progress
from include.transform import transform_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import timedelta

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.ledger.staging import StagedRow
    from include.records import Row, Window
    from include.sync.job import Job
    from include.transform import Mapping

log = logging.getLogger(__name__)

CHUNK = 960
"""Rows decided at once: sixteen look-ups of sixty, so that no call goes out half empty."""


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
    """Turn every staged row that is not decided yet into a decision; return how many of which.

    :param look_again: how long an account that was rejected for its main contact's data waits until the contact is
        looked up again, by live runs only; None: until the account itself changes.
    :return: outcome -> count: ``ready``, ``rejected``, ``skipped_by_rule`` and the ledger's own
        ``unchanged``, ``changed_after_load``; ``looked_up`` counts main contacts asked for, ``looked_again`` the
        accounts among them that were rejected before; ``sent_elsewhere`` and ``forgotten`` are what was left out.
    """
    counts: Counter[str] = Counter()
    progress = Progress("records decided")
    fingerprint = deciding(mapping, window)
    counts["looked_again"] = _look_again(ledger, job, mapping, window, fingerprint, look_again)
    chunks = ledger.staging.undecided(
        job.stream,
        job.destination,
        job.position,
        chunk=CHUNK,
        fingerprint=fingerprint,
        company=job.company,
    )
    for rows in lookup_batches(chunks, window) if job.stream.entity == "Accounts" else chunks:
        wanted = wanted_contacts(mapping, rows, window)
        counts["looked_up"] += len(wanted)
        decisions = transform_rows(
            rows,
            mapping,
            created_from=window.created_from,
            created_to=window.created_to,
            main_contacts=main_contacts(client, mapping, wanted),
        )
        counts.update(
            ledger.deliveries.decide(
                job.stream,
                job.destination,
                job.position,
                job.company,
                decisions,
                job.run_key(run_id),
                fingerprint=fingerprint,
            )
        )
        progress.add(len(rows))
    counts.update(left_out(ledger, job, fingerprint))
    log.info("%s: %s", progress.line(), dict(counts))
    return dict(counts)


def _look_again(  # noqa: PLR0917 - all that decides whether and what
    ledger: Ledger, job: Job, mapping: Mapping, window: Window, fingerprint: str, every: timedelta | None
) -> int:
    if every is None or window.mode != "live" or job.stream.entity != "Accounts" or not mapping.contact_select:
        return 0
    return ledger.deliveries.look_again(
        *(job.stream, job.destination, job.position, job.company),
        fingerprint=fingerprint,
        every=every,
        per_call=PER_CALL,
        limit=LIMIT,
    )


def left_out(ledger: Ledger, job: Job, fingerprint: str) -> dict[str, int]:
    """Count what was read and is not decided on, and say what to do if that is not what was meant."""
    target = (job.stream, job.destination, job.position, job.company)
    elsewhere = ledger.deliveries.sent_elsewhere(*target, fingerprint=fingerprint)
    forgotten = ledger.deliveries.forgotten(*target, fingerprint=fingerprint)
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


def deciding(mapping: Mapping, window: Window) -> str:
    """Return the fingerprint of all that decides: what was not new for one window may be for another."""
    text = f"{mapping.fingerprint} {window.created_from} {window.created_to}"
    return hashlib.sha256(text.encode()).hexdigest()


def is_new(row: StagedRow, window: Window) -> bool:
    """Say whether the row was created inside the window; what is older needs no look-up."""
    if row.created is None or window.created_from is None:
        return True
    return row.created >= window.created_from


def needed_contact(row: StagedRow, window: Window) -> str | None:
    """Return the ID of the main contact that must be looked up for this account, if any."""
    main = row.row.get("MainContact")
    return str(main).lower() if main and is_new(row, window) else None


def lookup_batches(
    chunks: Iterable[Sequence[StagedRow]], window: Window, size: int = CHUNK
) -> Iterator[list[StagedRow]]:
    """Regroup chunks so that each holds ``size`` accounts that need a look-up, as long as memory allows."""
    held: list[StagedRow] = []
    needing = 0
    for chunk in chunks:
        for row in chunk:
            held.append(row)
            needing += needed_contact(row, window) is not None
            # Ten chunks without need are enough to hold: memory must not grow with the company.
            if needing >= size or len(held) >= 10 * size:
                yield held
                held, needing = [], 0
    if held:
        yield held


def wanted_contacts(mapping: Mapping, rows: Sequence[StagedRow], window: Window) -> list[str]:
    """Return the IDs of the main contacts that these rows need; contacts need none."""
    if not mapping.contact_select:
        return []
    return sorted({main for row in rows if (main := needed_contact(row, window)) is not None})


def main_contacts(client: ExactClient, mapping: Mapping, ids: Sequence[str]) -> dict[str, Row]:
    """Look up main contacts, sixty per call."""
    if not ids:
        return {}
    found = client.by_ids("crm/Contacts", ids, mapping.contact_select)
    return {str(contact["ID"]).lower(): contact for contact in found}

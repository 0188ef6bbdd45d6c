"""The balance of a stream: every record that was read became something, and everything was read. No call is made."""

from __future__ import annotations

import json
import logging
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from include.ledger.balances import LOST, STATES
from include.ledger.reconciliations import MOST_SUBJECTS
from include.reconcile.findings import (
    DECISION_MISSING,
    DELIVERY_REMOVED,
    ROW_MISSING,
    Finding,
    Part,
    Unproven,
    still_open,
)
from include.sync.progress import Progress

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.reconcile.streams import Stream

log = logging.getLogger(__name__)

SETTLED: Final = timedelta(hours=1)
"""So long after it was read a record may still be on its way through a run that is under way."""

_TRIES: Final = 3


def ledger_part(ledger: Ledger) -> Part:
    """Return what holds for the ledger as a whole: no delivery is gone whose story is there."""
    part = Part("ledger", "ledger", checked=[DELIVERY_REMOVED])
    accepted = ledger.reconciliations.accepted(DELIVERY_REMOVED, part.name)
    progress = Progress("deliveries compared with their stories")
    found = ledger.balances.removed(MOST_SUBJECTS + len(accepted), progress.add)
    count, ids, taken = still_open(*found, accepted)
    part.counts = {"deliveries_removed": found[0], "accepted": taken}
    if count:
        part.findings.append(
            Finding(
                DELIVERY_REMOVED,
                "difference",
                count,
                ids,
                f"{count} deliveries are gone from the ledger although their events are there: they would be sent "
                "again. The subjects are the numbers they had.",
                "Restore the ledger from its backup before the next run, or see what Personio has of them: "
                "exact-personio reconcile --depth personio",
            )
        )
    return part


def balance(ledger: Ledger, stream: Stream) -> Part:
    """Return the balance of a stream.

    In ``counts``: ``read``, ``states`` by name, ``left_out`` by name, and ``difference``: what was read and is not
    accounted for, and what was decided and is not read.
    """
    part = Part("stream", str(stream.target), stream.about, checked=[DECISION_MISSING, ROW_MISSING])
    log.info("Counting %s", part.name)
    for _ in range(_TRIES):
        lost, unread = _count(ledger, stream, part)
        if not part.counts["remainder"]:
            break
    else:
        # Queries follow each other, and runs go on meanwhile.
        part.unproven.append(
            Unproven(
                "The stream's records changed while they were counted.",
                "ledger.balance.moving",
                "Run it again when no run is under way.",
            )
        )
    if lost:
        # As they are said to be decided by the next run, it must not believe that they are.
        ledger.settled.look_at_all(stream.target.division, stream.target.entity)
    part.findings += [*lost, *unread]
    return part


def _count(ledger: Ledger, stream: Stream, part: Part) -> tuple[list[Finding], list[Finding]]:
    balances, target, lanes = ledger.balances, stream.target, stream.lanes
    before = balances.now() - SETTLED
    states = dict.fromkeys(STATES, 0) | balances.states(target)
    missing = balances.without_delivery(target, lanes, before)
    taken = {kind: ledger.reconciliations.accepted(kind, part.name) for kind in (DECISION_MISSING, ROW_MISSING)}
    unread = balances.unread(target, lanes, MOST_SUBJECTS + len(taken[ROW_MISSING]))
    most = MOST_SUBJECTS + len(taken[DECISION_MISSING])
    ids = balances.lost(target, lanes, before, most) if missing[LOST] else []
    read = balances.read(target.division, target.entity, lanes)
    lost_open = still_open(missing[LOST], ids, taken[DECISION_MISSING])
    unread_open = still_open(*unread, taken[ROW_MISSING])
    part.counts = {
        "read": read,
        "states": states,
        # Among `skipped_by_rule`, and named because nobody will ever send them.
        "erased": balances.erased(target),
        "left_out": {name: count for name, count in missing.items() if name != LOST},
        "lost": missing[LOST],
        "unread": unread[0],
        "accepted": lost_open[2] + unread_open[2],
        "difference": lost_open[0] + unread_open[0],
        "remainder": read + unread[0] - sum(states.values()) - sum(missing.values()),
    }
    return _lost(stream, *lost_open[:2]), _unread(stream, *unread_open[:2])


def _lost(stream: Stream, count: int, ids: tuple[str, ...]) -> list[Finding]:
    if not count:
        return []
    what = f"{count} records were read, a run has committed since, and no decision on them is in the ledger."
    way_out = (
        f"The next live run decides them and sends what is fit; Personio refuses whom it has: "
        f"{trigger(stream.live_dag, division=stream.target.division)}"
    )
    return [Finding(DECISION_MISSING, "difference", count, ids, what, way_out)]


def _unread(stream: Stream, count: int, ids: tuple[str, ...]) -> list[Finding]:
    if not count:
        return []
    what = f"{count} records were decided, and what was read of them is gone from the ledger."
    days = {"created_from": "FIRST-DAY", "created_to": "DAY-AFTER-THE-LAST"}
    again = trigger(stream.live_dag, division=stream.target.division, **days)
    way_out = (
        f"Nothing is sent twice for it: exact-personio trace {ids[0]}; a window over the days on which they were "
        f"created reads them again: {again}"
    )
    return [Finding(ROW_MISSING, "difference", count, ids, what, way_out)]


def trigger(dag: str, **conf: Any) -> str:
    """Return the command that triggers a run; what is empty is left out of its form."""
    filled = {name: value for name, value in conf.items() if value not in (None, "")}
    return f"airflow dags trigger {shlex.quote(dag)} --conf {shlex.quote(json.dumps(filled))}"

"""The states of a delivery and the kinds of its events.

The machine::

    ready ─► sending ─► created | already_there | rejected | retry
               ├──────► in_doubt ─► created | already_there (by reading back) | ready (to be sent again)
               │                 └► rejected (the position changed, or all attempts are spent)
               └──────► matched | unmatched        where the destination only looks for employees
"""

from __future__ import annotations

from typing import Literal

DeliveryState = Literal[
    "ready",
    "sending",
    "created",
    "already_there",
    "matched",
    "unmatched",
    "rejected",
    "retry",
    "in_doubt",
    "skipped_by_rule",
]
SettledState = Literal["created", "already_there", "matched", "unmatched", "rejected", "retry", "in_doubt", "ready"]

DONE: tuple[DeliveryState, ...] = ("created", "already_there", "matched", "unmatched")
"""Personio has the record, or was asked about it: nothing is ever sent again."""

IN_FLIGHT: tuple[DeliveryState, ...] = ("sending", "in_doubt")
"""A request may have left: the payload on record must stay the one that was sent."""

WAITING: tuple[DeliveryState, ...] = ("rejected", "skipped_by_rule")
"""Waits for a new source row, a new mapping or a replay."""

PENDING: tuple[DeliveryState, ...] = ("ready", "retry", "sending", "in_doubt")
"""Work that a load still has before it."""

REMAPPABLE: tuple[DeliveryState, ...] = (*WAITING, "ready", "retry")
"""Whatever no request has left for: another mapping may still change it."""

NOT_NEW = "rule.Created.not_new"
"""Why a record was skipped that nobody asked for: it was there before the stream began, or outside of its window."""

REFUSED = "approval.rejected"
"""Why a record was put aside that a run had ready: a person said no, or nobody answered in time."""

NOT_ASKED_FOR = (NOT_NEW, REFUSED)
"""Reasons of records that nobody asks for, or not any more: their age counts again."""

BY_PERSON = "skipped.by_person"
"""Why a record was put aside that was ready or refused: a person said so in the console."""

STANDS = "stands"
"""As `fingerprint` of a decision that no change of the mapping makes anew; a mapping's own is a hash."""

STATE_CHANGE = "state"
UNANSWERED = "unanswered"
"""A change of state after an attempt that got no clear answer."""
READ_BACK = "read_back"
"""A delivery was taken to be looked up, not to be sent."""
CHANGED_AFTER_LOAD = "changed_after_load"
CHANGED_IN_FLIGHT = "changed_in_flight"
LATE_OUTCOME = "late_outcome"
REPLAYED = "replayed"

NEVER_DECIDED = -1
"""As `decided_version`: below every row version, so that the record is decided anew."""

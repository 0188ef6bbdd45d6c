"""Mistakes that somebody could have made, each built into the task processes of a story.

A harness that does not catch them proves nothing by catching nothing.
"""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crash_tracing import Strike, replace
from crash_world import Case

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger.claims import Claim, ClaimDesk
    from include.ledger.staging import Staging

POST = "http POST /v1/recruiting/applications"
REFUSING = Case(rights=False)


@dataclass(frozen=True)
class Variant:
    """A mistake, and one story in which it shows.

    :param what: the mistake in a few words.
    :param build_in: puts it into this process.
    :param then: what follows the death, as in a story.
    :param before: freeze at the last reading before the first passage of this place, wherever the mistake has it.
    """

    what: str
    build_in: Callable[[], None]
    case: Case = field(default_factory=Case)
    strikes: tuple[Strike, ...] = ()
    then: Any = "retry"
    before: str = ""


def _outcome_first() -> None:
    from include.sync.load import Loader  # noqa: PLC0415

    def attempt(self: Any, claim: Claim) -> None:
        self._settle(claim, "created")
        self.delivery.send(claim, lambda: None)

    replace(Loader, "_attempt", attempt)


def _sending_not_kept() -> None:
    from include.ledger.claims import ClaimDesk  # noqa: PLC0415

    claims, settle = ClaimDesk._claim, ClaimDesk.settle

    def claim(self: ClaimDesk, *arguments: Any) -> Claim | None:
        taken = claims(self, *arguments)
        if taken is not None:
            _set(self, taken, state="ready", attempt=taken.prior_attempts, lease_until=None)
        return taken

    def settled(self: ClaimDesk, taken: Claim, state: Any, **outcome: Any) -> bool:
        _set(self, taken, state="sending", attempt=taken.attempt)
        return settle(self, taken, state, **outcome)

    replace(ClaimDesk, "_claim", claim)
    replace(ClaimDesk, "settle", settled)
    replace(ClaimDesk, "renew", lambda *_, **__: True)


def _doubt_is_not_sent() -> None:
    claims: Any = importlib.import_module("include.ledger.claims")
    from include.ledger.tables import deliveries  # noqa: PLC0415

    original = claims.expire

    def expire(connection: Any, *arguments: Any) -> Any:
        found = original(connection, *arguments)
        forget = deliveries.update().where(deliveries.c.state == "in_doubt")
        connection.execute(forget.values(state="ready", was_in_doubt=False))
        return found

    replace(claims, "expire", expire)


def _duplicate_is_foreign() -> None:
    claims: Any = importlib.import_module("include.ledger.claims")

    original = claims.take

    def take(*arguments: Any) -> Claim | None:
        claim = original(*arguments)
        return None if claim is None else dataclasses.replace(claim, was_in_doubt=False)

    replace(claims, "take", take)


def _outcome_unfenced() -> None:
    from include.ledger.claims import ClaimDesk  # noqa: PLC0415

    settle = ClaimDesk.settle

    def settled(self: ClaimDesk, claim: Claim, state: Any, **outcome: Any) -> bool:
        _set(self, claim, state="sending", attempt=claim.attempt)
        return settle(self, claim, state, **outcome)

    replace(ClaimDesk, "settle", settled)


def _claim_in_two_steps() -> None:
    claims: Any = importlib.import_module("include.ledger.claims")

    def claim(self: Any, searches: Any, outgoing: Any, taking: Any) -> Any:
        with self._database.write() as connection:
            claims.expire(connection, outgoing, taking.run_id, taking.at)
        with self._database.read() as connection:
            row = claims._first(connection, searches(connection))
        if row is None:
            return None
        with self._database.write() as connection:
            return claims.take(connection, self._cipher, row, taking)

    replace(claims.ClaimDesk, "_claim", claim)


def _watermark_first() -> None:
    from include.ledger.staging import Staging  # noqa: PLC0415
    from include.ledger.watermarks import Watermarks  # noqa: PLC0415

    stage = Staging.stage

    def staged(self: Staging, stream: Any, run_id: str, rows: Any, **page: Any) -> Any:
        marks = Watermarks(self._database)
        mark = marks.get(stream)
        if mark is not None and rows:
            to = max(row.row_version for row in rows)
            marks.advance(stream, expected=mark.value, to=to, run_id=run_id, created_from=mark.created_from)
        return stage(self, stream, run_id, rows, **page)

    replace(Staging, "stage", staged)


def _page_first() -> None:
    from include.ledger.staging import Staging  # noqa: PLC0415

    stage = Staging.stage

    def staged(self: Staging, stream: Any, run_id: str, rows: Any, **page: Any) -> Any:
        highest = max((row.row_version for row in rows), default=None)
        reached = {"next": page["resume"], "page": page["page"], "done": page["resume"] is None, "highest": highest}
        none_yet = dict.fromkeys(("read", "new", "changed", "unchanged"), 0)
        with self._database.write() as connection:
            self._note_progress(connection, stream, run_id, reached | none_yet)
        return stage(self, stream, run_id, rows, **page)

    replace(Staging, "stage", staged)


def _set(desk: ClaimDesk, claim: Claim, **values: Any) -> None:
    from include.ledger.tables import deliveries  # noqa: PLC0415

    with desk._database.write() as connection:
        connection.execute(deliveries.update().where(deliveries.c.id == claim.delivery_id).values(values))


BEFORE, AFTER = Strike("load", at=f"{POST} before"), Strike("load", at=f"{POST} after")
GHOST = dataclasses.replace(BEFORE, action="freeze")

VARIANTS = {
    "outcome_first": Variant("the outcome is written before the request", _outcome_first, strikes=(BEFORE,)),
    "sending_not_kept": Variant("`sending` is not committed before the request", _sending_not_kept, strikes=(AFTER,)),
    "doubt_is_not_sent": Variant("what has no answer counts as not sent", _doubt_is_not_sent, strikes=(AFTER,)),
    "duplicate_is_foreign": Variant(
        "a duplicate of our own attempt counts as somebody else's",
        _duplicate_is_foreign,
        case=REFUSING,
        strikes=(AFTER,),
    ),
    "outcome_unfenced": Variant(
        "an outcome counts whoever has claimed the record since", _outcome_unfenced, case=REFUSING, strikes=(GHOST,)
    ),
    "claim_in_two_steps": Variant(
        "a claim is read and written in two transactions, without comparing",
        _claim_in_two_steps,
        case=REFUSING,
        before="commit deliveries+events before",
    ),
    "watermark_first": Variant(
        "the watermark is committed before the rows are",
        _watermark_first,
        strikes=(Strike("extract", at="commit watermarks after"),),
        then="next_run",
    ),
    "page_first": Variant(
        "the page reached is committed before its rows are",
        _page_first,
        strikes=(Strike("extract", at="commit extracts after"),),
    ),
}

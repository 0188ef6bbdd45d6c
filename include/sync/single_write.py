"""One write per key: a retried or cleared task never creates a second record.

Neither service knows idempotency keys, so the ledger keeps one: it is on record *before* the request leaves, and
an attempt whose answer never came is looked up before anything is sent again::

    begin ─► send ─► created              the id is kept; the same key never sends again
               ├───► done                 it was there before us
               ├───► refused              nothing was created; the same key may try again
               └───► in_doubt             no answer: look it up, then decide
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from include.errors import (
    AlreadyExistsError,
    ConfigurationError,
    ExactPersonioError,
    OutcomeUnknownError,
    RecordRejectedError,
    RetryLaterError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from include.ledger import Ledger
    from include.ledger.writes import Write

    Send = Callable[[], str]
    Find = Callable[[datetime], Sequence[str] | None]

CLOCK_SLACK: Final = timedelta(minutes=2)
"""How far the service's clock may be behind ours when its rows are searched by their age."""

_SERVER_ERROR: Final = 500
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a single write.

    :param remote_id: the record's id; empty where the service gives none.
    :param state: ``created`` by this key, now or earlier, or ``already_there`` before it.
    :param sent: whether a request left in this attempt.
    """

    remote_id: str
    state: Literal["created", "already_there"]
    sent: bool


def write_once(
    ledger: Ledger,
    key: str,
    endpoint: str,
    payload: Mapping[str, Any],
    *,
    send: Send,
    find: Find,
) -> Written:
    """Create a record once for this key, however often the task runs.

    :param ledger: the open ledger; its ``writes`` are used.
    :param key: ``dag_id/run_id/task_id/map_index``.
    :param endpoint: for texts and for the ledger.
    :param payload: what is sent; only its hash is kept.
    :param send: sends it and returns the new record's id, empty if the service gives none. Where it may wait
        for the service's limits, it renews the lease (``ledger.writes.renew``) after that, right before the
        request leaves: a wait may outlast the lease, and another process with the same key take over.
    :param find: given the earliest moment that an earlier attempt can have created it, returns the ids of the
        records that may be it; those that another key made are left out here. None: this service cannot tell,
        but refuses a second one by itself.
    :raises ConfigurationError: refused for good; or other content under the same key; or it cannot be told which
        of several records is ours.
    :raises RetryLaterError: no clear answer came, or nothing was sent; a later attempt, or another process that
        has taken over, decides.
    """
    entry = ledger.writes.begin(
        key,
        endpoint=endpoint,
        content_hash=content_hash(endpoint, payload),
        run_id="/".join(key.split("/")[:2]),
    )
    unanswered = entry.prior in ("sending", "in_doubt")
    if not entry.same_content and entry.prior not in ("", "refused"):
        if unanswered:
            ledger.writes.settle(key, "in_doubt", reason_code="ledger.write.other_content")
        raise _other_content(endpoint)
    if entry.prior in ("created", "done"):
        return Written(entry.remote_id or "", "created" if entry.prior == "created" else "already_there", sent=False)
    if unanswered:
        found = _left_behind(ledger, key, endpoint, entry, find)
        if found is not None:
            return Written(found, "created", sent=False)
        # Looking it up took time, in which another process may have begun the same.
        ledger.writes.renew(key)
    return _send(ledger, key, endpoint, send, unanswered=unanswered)


def content_hash(endpoint: str, payload: Mapping[str, Any]) -> str:
    """Return a hash of what is sent; equal for equal values, in whatever order they are given."""
    text = json.dumps([endpoint.lower(), payload], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def repeatable() -> Iterator[None]:
    """Say how a write ended that may be made again: a change, a deletion, an upload.

    :raises ConfigurationError: the service refuses it; sending it again changes nothing, and counts at Exact.
    :raises RetryLaterError: no clear answer came.
    """
    try:
        yield
    except OutcomeUnknownError as error:
        raise RetryLaterError(
            error.what,
            reason_code=error.reason_code,
            way_out="Let the task run again: doing it twice is doing it once. If it stays, check the values.",
            status=error.status,
        ) from None
    except RecordRejectedError as error:
        raise _for_good(error) from None


def _for_good(error: ExactPersonioError) -> ExactPersonioError:
    if not isinstance(error, RecordRejectedError):
        return error
    way_out = error.way_out or "Correct the values, then trigger a new run."
    return ConfigurationError(error.what, reason_code=error.reason_code, way_out=way_out, status=error.status)


def _left_behind(ledger: Ledger, key: str, endpoint: str, entry: Write, find: Find) -> str | None:
    """Return the id of what an unanswered attempt created; None if it created nothing."""
    try:
        ids = find(entry.first_at - CLOCK_SLACK)
    except ExactPersonioError as error:
        ledger.writes.settle(key, "in_doubt", reason_code=error.reason_code, status=error.status)
        raise
    ids = _unclaimed(ledger, key, endpoint, ids or ())
    if not ids:
        return None
    if len(ids) > 1:
        ledger.writes.settle(key, "in_doubt", reason_code="ledger.write.ambiguous")
        raise ConfigurationError(
            f"{endpoint}: an earlier attempt got no answer, and {len(ids)} records with its values are there since.",
            reason_code="ledger.write.ambiguous",
            way_out="Look at the newest records in the service: if one of them is meant, mark the task as success; "
            "if not, trigger a new run.",
        )
    ledger.writes.settle(key, "created", remote_id=ids[0], reason_code="ledger.write.read_back")
    return ids[0]


def _unclaimed(ledger: Ledger, key: str, endpoint: str, ids: Sequence[str]) -> list[str]:
    """Return the ids without those that another key of ours made: an equal record, but not the lost one.

    Only GUIDs are told apart: a number or a code may name one record in each of several companies.
    """
    unique = [text for text in ids if _GUID.fullmatch(text)]
    others = ledger.writes.made_by_others(key, endpoint, unique) if unique else set()
    return [text for text in ids if text not in others]


def _send(ledger: Ledger, key: str, endpoint: str, send: Send, *, unanswered: bool) -> Written:
    settle = ledger.writes.settle
    try:
        remote_id = send()
    except AlreadyExistsError as error:
        # Our own unanswered attempt is on record, so what exists is what it made.
        found, code = error.remote_id or "", error.reason_code
        settle(key, "created" if unanswered else "done", remote_id=found, reason_code=code, status=error.status)
        return Written(found, "created" if unanswered else "already_there", sent=True)
    except OutcomeUnknownError as error:
        settle(key, "in_doubt", reason_code=error.reason_code, status=error.status)
        if unanswered and error.status == _SERVER_ERROR:
            raise _answered_badly(endpoint, error) from None
        raise RetryLaterError(
            f"{endpoint}: no clear answer came, so the record may have been created.",
            reason_code=error.reason_code,
            way_out="Let the task run again, or clear it: it looks the record up before anything is sent again.",
            status=error.status,
        ) from None
    except ExactPersonioError as error:
        # Nothing was created now; what an earlier attempt left stays in doubt.
        settle(key, "in_doubt" if unanswered else "refused", reason_code=error.reason_code, status=error.status)
        raise _for_good(error) from None
    settle(key, "created", remote_id=remote_id)
    return Written(remote_id, "created", sent=True)


def _answered_badly(endpoint: str, error: OutcomeUnknownError) -> ConfigurationError:
    """Return the end of a write that was answered with 500 again: so Exact speaks of values that it refuses."""
    return ConfigurationError(
        f"{endpoint}: the service answered 500 again.",
        reason_code=error.reason_code,
        way_out="Most often a value is wrong, such as an id that does not exist: correct it in a new run. "
        "After an outage clear the task: it looks the record up before anything is sent again.",
        status=error.status,
    )


def _other_content(endpoint: str) -> ConfigurationError:
    return ConfigurationError(
        f"{endpoint}: this task has already sent other values under the same run.",
        reason_code="ledger.write.other_content",
        way_out="Trigger a new run for the new values; to change the record that exists, update it.",
    )

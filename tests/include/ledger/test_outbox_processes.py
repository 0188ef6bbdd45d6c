"""News and single writes between processes, some of which are killed."""

from __future__ import annotations

import os
import random
import signal
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from forks import FORKS
from include.errors import RetryLaterError
from include.ledger import Cursor, open_ledger

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = "exact:124132:Contacts"
COUNT = 200


def in_parallel(work: Callable[..., Any], processes: int, *arguments: Any) -> list[Any]:
    with FORKS.Pool(processes) as pool:
        return pool.starmap(work, [arguments] * processes, chunksize=1)


def read_on(url: str, key: str) -> int:
    """Read ten pages of twenty overlapping ids, each where the cursor is; return how many were new."""
    new = 0
    with open_ledger(url, key) as ledger:
        while True:
            at = ledger.news.cursor(SOURCE)
            start = int(at.value) if at else 0
            if start >= COUNT:
                return new
            ids = [(str(number), None) for number in range(max(0, start - 5), start + 20)]
            new += ledger.news.add(SOURCE, ids, Cursor(str(start + 20), None), expected=at) or 0


def deliver(url: str, key: str) -> list[str]:
    """Claim batch after batch and confirm each."""
    mine: list[str] = []
    with open_ledger(url, key) as ledger:
        while ids := ledger.news.claim(SOURCE, batch := uuid.uuid4().hex, limit=random.randrange(1, 7)):  # noqa: S311
            mine += ids
            assert ledger.news.confirm(SOURCE, batch) == len(ids)
    return mine


def claim_one_batch(url: str, key: str) -> list[str]:
    with open_ledger(url, key) as ledger:
        return ledger.news.claim(SOURCE, "the one", limit=30)


def claim_and_die(url: str, key: str) -> None:
    with open_ledger(url, key) as ledger:
        ledger.news.claim(SOURCE, "dead", limit=3)
        os.kill(os.getpid(), signal.SIGKILL)


def write_all(url: str, key: str) -> list[str]:
    """Try to make forty writes; return the keys whose request this process would have sent."""
    sent = []
    with open_ledger(url, key) as ledger:
        for number in random.sample(range(40), 40):
            try:
                write = ledger.writes.begin(f"k{number}", endpoint="e", content_hash="c", run_id="r")
            except RetryLaterError:
                continue
            if write.prior == "":
                sent.append(write.key)
                ledger.writes.settle(write.key, "created", remote_id=write.key)
            else:
                assert (write.prior, write.remote_id) == ("created", write.key)
    return sent


def write_and_die(url: str, key: str) -> None:
    with open_ledger(url, key) as ledger:
        ledger.writes.begin("k", endpoint="e", content_hash="c", run_id="r")
        os.kill(os.getpid(), signal.SIGKILL)


def kill(work: Callable[..., None], url: str, key: str) -> None:
    process = FORKS.Process(target=work, args=(url, key))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_readers_at_once_bring_each_record_once(url: str, key: str) -> None:
    """Each page is stored by one of them; the overlap is no news."""
    open_ledger(url, key).close()
    assert sum(in_parallel(read_on, 3, url, key)) == COUNT
    with open_ledger(url, key) as ledger:
        assert ledger.news.claim(SOURCE, "all", limit=1000) == [str(number) for number in range(COUNT)]


def test_deliverers_at_once_never_share_a_record(url: str, key: str) -> None:
    with open_ledger(url, key) as ledger:
        ids = [(str(number), None) for number in range(COUNT)]
        ledger.news.add(SOURCE, ids, Cursor("1", None), expected=None)
        got = [record for mine in in_parallel(deliver, 3, url, key) for record in mine]
        assert sorted(got) == sorted(record for record, _ in ids)
        assert ledger.news.batches(SOURCE) == []


def test_attempts_of_one_batch_at_once_get_the_same(url: str, key: str) -> None:
    """A task that is thought dead and its next attempt tell the same story."""
    with open_ledger(url, key) as ledger:
        ids = [(str(number), None) for number in range(COUNT)]
        ledger.news.add(SOURCE, ids, Cursor("1", None), expected=None)
    first, *others = in_parallel(claim_one_batch, 4, url, key)
    assert first == [str(number) for number in range(30)]
    assert all(other == first for other in others)


def test_a_killed_deliverer_loses_nothing(url: str, key: str) -> None:
    """Its batch waits for its next attempt, or for whoever takes over."""
    with open_ledger(url, key) as ledger:
        ledger.news.add(SOURCE, [(str(number), None) for number in range(5)], Cursor("1", None), expected=None)
        kill(claim_and_die, url, key)
        assert ledger.news.claim(SOURCE, "other") == ["3", "4"]
        assert ledger.news.claim(SOURCE, "dead") == ["0", "1", "2"]
        assert ledger.news.claim(SOURCE, "heir", take_over=True) == ["0", "1", "2", "3", "4"]


def test_one_of_many_sends(url: str, key: str) -> None:
    """Three processes, forty writes: each is sent by one, and the others learn its id or wait."""
    open_ledger(url, key).close()
    sent = [name for mine in in_parallel(write_all, 3, url, key) for name in mine]
    assert sorted(sent) == sorted(f"k{number}" for number in range(40))


def test_a_killed_writer_leaves_word(url: str, key: str) -> None:
    """Not before its lease is over; then the next one knows that something may have been sent, and when."""
    before = datetime.now(UTC)
    with open_ledger(url, key) as ledger:
        kill(write_and_die, url, key)
    later = datetime.now(UTC) + timedelta(seconds=121)
    with open_ledger(url, key, clock=lambda: later) as ledger:
        write = ledger.writes.begin("k", endpoint="e", content_hash="c", run_id="r")
    assert (write.prior, write.attempt) == ("sending", 2)
    assert before <= write.first_at < later - timedelta(seconds=120)

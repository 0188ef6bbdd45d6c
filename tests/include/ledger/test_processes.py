"""What must hold between processes is tested with processes."""

from __future__ import annotations

import os
import signal
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from forks import FORKS
from include.ledger import open_ledger
from include.records import Decision, StreamKey

if TYPE_CHECKING:
    from collections.abc import Callable

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
TO: Any = (4242, "application", 1001)


def in_parallel(work: Callable[..., Any], processes: int, *arguments: Any) -> list[Any]:
    with FORKS.Pool(processes) as pool:
        return pool.starmap(work, [arguments] * processes, chunksize=1)


def claim_all(url: str, key: str) -> list[str]:
    mine = []
    with open_ledger(url, key) as ledger:
        while claim := ledger.deliveries.claim(*TO, run_id=f"run-{os.getpid()}"):
            mine.append(claim.source_id)
            assert ledger.deliveries.settle(claim, "created")
    return mine


def take_slots(url: str, key: str) -> list[float]:
    taken = []
    with open_ledger(url, key) as ledger:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            wait = ledger.pacer.acquire("personio:4242:recruiting", limit=5, seconds=0.5)
            if wait:
                time.sleep(min(wait, 0.1))
            else:
                taken.append(time.time())
    return taken


def refresh(url: str, key: str) -> bool:
    with open_ledger(url, key) as ledger, ledger.vault("exact_online_default").locked() as held:
        if held.current is not None and held.current.access_token == "fresh":
            return False
        time.sleep(0.2)  # the token call
        now = datetime.now(UTC)
        held.replace("fresh", "next", now, now + timedelta(seconds=600))
        return True


def open_only(url: str, key: str) -> bool:
    with open_ledger(url, key) as ledger:
        return ledger.watermarks.get(STREAM) is None


def advance(url: str, key: str) -> int:
    won = 0
    # A pool's worker may do several shares of the work: its process id would not tell the runs apart.
    run = uuid.uuid4().hex
    with open_ledger(url, key) as ledger:
        for division in range(1, 16):
            stream = StreamKey("dag", division, "Contacts")
            for step in range(2):
                won += ledger.watermarks.advance(
                    stream, expected=step or None, to=step + 1, run_id=f"{run}-{step}", created_from=None
                )
    return won


def decide_same(url: str, key: str) -> int:
    decisions = [Decision(f"id-{n}", 1, "ready", payload={"n": n}, email=f"p{n}@example.org") for n in range(300)]
    with open_ledger(url, key) as ledger:
        return ledger.deliveries.decide(STREAM, "application", 1001, 4242, decisions, str(os.getpid()))["ready"]


def claim_and_die(url: str, key: str) -> None:
    with open_ledger(url, key) as ledger:
        ledger.deliveries.claim(*TO, run_id="killed", lease_seconds=0.2)
        os.kill(os.getpid(), signal.SIGKILL)


def hold_vault_and_die(url: str, key: str) -> None:
    with open_ledger(url, key) as ledger, ledger.vault("exact_online_default").locked():
        os.kill(os.getpid(), signal.SIGKILL)


def test_processes_never_claim_the_same_delivery(url: str, key: str) -> None:
    """Sixty deliveries, three processes: each is claimed once."""
    decisions = [Decision(f"id-{n}", 1, "ready", payload={}, email=None) for n in range(60)]
    with open_ledger(url, key) as ledger:
        ledger.deliveries.decide(STREAM, "application", 1001, 4242, decisions, "run")
    claimed = [source_id for mine in in_parallel(claim_all, 3, url, key) for source_id in mine]
    assert sorted(claimed) == sorted(decision.source_id for decision in decisions)


def test_processes_share_the_limit(url: str, key: str) -> None:
    """Within any half second at most five slots, however many processes ask."""
    with open_ledger(url, key) as ledger:
        in_parallel(take_slots, 3, url, key)
        with ledger._database.read() as connection:
            query = "SELECT at FROM ledger_pacer_grants ORDER BY at"
            times = [row[0] for row in connection.exec_driver_sql(query)]
    # The log itself is pruned: what is left is at least the last window.
    assert times
    assert all(later - first > 500_000 for first, later in zip(times, times[5:], strict=False))


def test_one_process_refreshes_and_the_others_read(url: str, key: str) -> None:
    """Exact's refresh token works once: four processes at the same time make one replacement."""
    assert sum(in_parallel(refresh, 4, url, key)) == 1
    with open_ledger(url, key) as ledger:
        token = ledger.vault("exact_online_default").read()
    assert token is not None
    assert (token.generation, token.refresh_token) == (1, "next")


def test_a_new_ledger_is_migrated_once(url: str, key: str) -> None:
    """Processes that open it at the same moment all succeed."""
    assert in_parallel(open_only, 4, url, key) == [True] * 4


def test_one_run_wins_each_step_of_the_watermark(url: str, key: str) -> None:
    """Compare-and-set: of runs that start from the same value, or from none, one advances it."""
    open_ledger(url, key).close()
    assert sum(in_parallel(advance, 3, url, key)) == 30


def test_a_record_decided_by_two_runs_at_once_is_one_delivery(url: str, key: str) -> None:
    """Live, backfill and manual runs may overlap."""
    in_parallel(decide_same, 3, url, key)
    with open_ledger(url, key) as ledger:
        assert ledger.deliveries.counts(STREAM, "application", 1001) == {"ready": 300}
        assert len(ledger.deliveries.history("id-7")) == 1


def test_a_killed_sender_leaves_a_doubt(url: str, key: str) -> None:
    """SIGKILL after the claim: `sending` is on disk, and becomes `in_doubt` when the lease ends."""
    with open_ledger(url, key) as ledger:
        decision = Decision("id-1", 1, "ready", payload={}, email=None)
        ledger.deliveries.decide(STREAM, "application", 1001, 4242, [decision], "run")
        process = FORKS.Process(target=claim_and_die, args=(url, key))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert ledger.deliveries.counts(STREAM, "application", 1001) == {"sending": 1}
        assert ledger.deliveries.expire("run-2", now=datetime.now(UTC) + timedelta(seconds=1)) == 1
        assert ledger.deliveries.claim(*TO, run_id="run-2") is None
        assert ledger.deliveries.claim_in_doubt(*TO, run_id="run-2") is not None


def test_a_killed_holder_releases_the_vault(url: str, key: str) -> None:
    """The lock dies with its process: nobody has to clean up."""
    with open_ledger(url, key) as ledger:
        process = FORKS.Process(target=hold_vault_and_die, args=(url, key))
        process.start()
        process.join()
        with ledger.vault("exact_online_default").locked() as held:
            assert held.current is None


def test_the_token_lock_leaves_other_writers_alone(url: str, key: str) -> None:
    """A token call may last a minute; claims and counts go on meanwhile."""
    with open_ledger(url, key) as ledger, ledger.vault("exact_online_default").locked():
        started = time.monotonic()
        ledger.meter("run").count("exact", "oauth2/token", 200)
        assert time.monotonic() - started < 5

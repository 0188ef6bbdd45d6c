"""Runs as Airflow does them: what may get better is tried again, what needs a person waits for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from include.errors import AbortError, ExactPersonioError, RecordRejectedError
from include.ledger.states import PENDING
from include.sync.asked import Asked

if TYPE_CHECKING:
    from fault_world import World

STAGES = ("plan", "extract", "decide", "load", "commit")
RETRIES = 3
DELAYS = (60, 120, 240)
"""Seconds before each of a task's tries, as the DAGs are delivered."""
ABSORBED, WAITS = "absorbed", "waits"


@dataclass
class Run:
    """One run of a DAG.

    :param stage: number of the stage that comes next.
    """

    world: World
    run_id: str
    asked: Asked = Asked()  # noqa: RUF009 - frozen
    stage: int = 0
    error: Exception | None = None

    @property
    def over(self) -> bool:
        return self.stage == len(STAGES)

    def attempt(self) -> str:
        """Go on until something fails; return what the attempt ends as."""
        self.error = None
        while not self.over:
            try:
                self.world.do(self.run_id, self.asked, STAGES[self.stage])
            except (ExactPersonioError, OperationalError) as error:
                self.error = error
                return said(error)
            self.stage += 1
        return WAITS if self.pending() else ABSORBED

    def needs_person(self) -> bool:
        """Say whether Airflow leaves the task failed."""
        return isinstance(self.error, AbortError | RecordRejectedError)

    def recover(self) -> list[str]:
        """Let Airflow, and the person who has read the error, go on; nothing is wrong any more.

        :return: what further attempts failed with, in order; the last one came to the run's end.
        :raises AssertionError: the run fails in all of its tries, or for another person once more.
        """
        failed: list[str] = []
        persons = 0
        for number in range(2 * RETRIES):
            if self.needs_person():
                persons += 1
                self.person_acts()
            self.world.time.sleep(self._pause(number))
            ended = self.attempt()
            if self.over:
                assert persons <= 1, f"{self.run_id} has needed {persons} persons: {failed}"
                return failed
            if ended not in failed:
                failed.append(ended)
        raise AssertionError(f"{self.run_id} does not recover: {failed}")

    def _pause(self, number: int) -> float:
        """Return how long it takes until somebody goes on: Airflow, or when that has given up, who clears the run."""
        if number < RETRIES:
            return DELAYS[number]
        # A limit may say until when.
        until = getattr(self.error, "retry_at", None) or self.world.time()
        return max((until - self.world.time()).total_seconds(), DELAYS[-1])

    def person_acts(self) -> None:
        """Do what the error says is to be done."""
        way_out = getattr(self.error, "way_out", "")
        assert way_out, f"{self.error} does not say what to do"
        if "exact-personio login" in way_out:
            self.world.log_in()

    def pending(self) -> int:
        """Return how many records of the run wait."""
        key = self.world.job.run_key(self.run_id)
        desk = self.world.ledger.deliveries
        if self.asked.preview:
            return 0
        counts = desk.selected(key) if self.asked.history else self.world.states()
        return sum(counts.get(state, 0) for state in PENDING)


def said(error: Exception) -> str:
    """Return what a task ends as, in words that the table of expectations has."""
    if not isinstance(error, ExactPersonioError):
        return "later database"
    stays = isinstance(error, AbortError | RecordRejectedError)
    return f"{'abort' if stays else 'later'} {error.reason_code}"

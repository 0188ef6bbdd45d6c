"""The window of a run that never moves the watermark: which records, and the cheapest way to read them."""

from __future__ import annotations

import dataclasses
import logging
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from include.records import Window
from include.sync.pages import EVERYTHING, condition, endpoint
from include.sync.planning_lane import columns_for, known_of, note
from include.sync.planning_live import next_start
from include.sync.planning_starts import CLOCK_STEP, FEED_START, newest_of
from include.sync.reading import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.ledger import Ledger
    from include.records import StreamKey
    from include.sync.asked import Asked
    from include.sync.job import Job
    from include.sync.planning_lane import Known
    from include.sync.reading import Choice
    from include.transform import Mapping as FieldMapping

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WindowPlan:
    """What the planner of one run of the history lane works with.

    :param job: in either lane.
    :param client: opens a client of Exact; only called if Exact has to be asked.
    :param pushed: see :func:`include.sync.planning_live.plan_live`.
    :param now: aware.
    """

    ledger: Ledger
    job: Job
    run_id: str
    asked: Asked
    mapping: FieldMapping
    zone: ZoneInfo
    client: Callable[[], AbstractContextManager[ExactClient]]
    pushed: Callable[[str], Mapping[str, Any] | None]
    now: datetime

    @cached_property
    def stream(self) -> StreamKey:
        """The lane that the window is pinned in."""
        return self.job.stream.history()

    def pin(self) -> Window:
        """Return the run's window; a retry and a cleared task get the same records.

        A run that has read everything and is done once more reads again, in the way that is cheapest by then. One
        that was something else before, such as a scheduled run that is reprocessed by a backfill, is planned anew.
        """
        pinned = self.ledger.windows.get(self.stream, self.run_id)
        if pinned is None:
            return self._pinned(anew=False)
        if pinned.mode == self.asked.mode and not self._is_done(pinned):
            log.info("Window of %s is pinned: %s.", self.run_id, self.ledger.windows.counted(*self._key))
            return pinned
        if pinned.mode == self.asked.mode == "window":
            # Its end may have been "until now": the same records are meant, not those created since.
            return self._pinned(anew=True, until=pinned.created_to)
        return self._pinned(anew=True)

    @property
    def _key(self) -> tuple[StreamKey, str]:
        return self.stream, self.run_id

    def _is_done(self, pinned: Window) -> bool:
        """Say whether the run has read its window, so that it may be read in another way when it is done once more.

        What begins where a live run would begin is not planned again: by then that would be elsewhere.
        """
        if pinned.mode not in {"window", "backfill"}:
            return False
        if pinned.reading == "nothing":
            return True
        reached = self.ledger.staging.resume_point(*self._key)
        return reached is not None and reached.done

    def _pinned(self, *, anew: bool, until: datetime | None = None) -> Window:
        with ExitStack() as stack:
            opened: list[ExactClient] = []

            def exact() -> ExactClient:
                if not opened:
                    opened.append(stack.enter_context(self.client()))
                return opened[0]

            asked = self.asked if until is None else dataclasses.replace(self.asked, created_to=until)
            window, counted = self._decided(asked, exact)
        pinned = self.ledger.windows.pin(*self._key, window, anew=anew)
        if pinned == window:
            self.ledger.windows.note(*self._key, **counted)
            log.info("%s", counted["why"])
        return pinned

    def _decided(self, asked: Asked, exact: Callable[[], ExactClient]) -> tuple[Window, dict[str, Any]]:
        window = Window(
            mode=asked.mode,
            after=FEED_START,
            created_from=asked.created_from,
            created_to=asked.created_to,
            advances=False,
            reading="nothing",
            where=asked.where,
            max_records=asked.max_records,
            preview=asked.preview,
        )
        if asked.mode == "replay":
            return window, {"why": "A replay reads nothing: it takes the records that were marked for it."}
        if asked.mode == "live":
            return self._like_live(window, exact)
        return self._chosen(window, exact)

    def _like_live(self, window: Window, exact: Callable[[], ExactClient]) -> tuple[Window, dict[str, Any]]:
        """Return what the next live run would read; nothing of the live lane is touched."""
        start = next_start(
            self.ledger,
            dataclasses.replace(self.stream, dag_id=self.stream.dag),
            start_from=self.asked.start_from,
            zone=self.zone,
            newest=lambda: newest_of(exact(), self.stream.entity),
            pushed=self.pushed,
        )
        columns = columns_for(self.ledger, self.stream, self.mapping.select)
        told = {"why": "It reads what the next live run would read, from the feed.", "columns": " ".join(columns)}
        window = dataclasses.replace(window, after=start.after, created_from=start.created_from, reading="feed")
        return window, told

    def _chosen(self, window: Window, exact: Callable[[], ExactClient]) -> tuple[Window, dict[str, Any]]:
        known = known_of(
            self.ledger,
            *self._key,
            select=self.mapping.select,
            now=self.now,
            forgotten=lambda: self._forgotten(window),
        )
        entity = self.stream.entity
        path = endpoint(entity)
        meant = condition(window.created_from, window.created_to, window.where, entity, self.zone)
        choice = choose(known.lane, lambda: exact().count(path, meant), lambda: exact().count(path, EVERYTHING))
        self._note_lane(known, choice)
        window = dataclasses.replace(
            window,
            after=known.after if choice.reading == "feed" else FEED_START,
            created_to=self._until(window, exact),
            reading=choice.reading,
        )
        return window, self._told(known, choice)

    def _told(self, known: Known, choice: Choice) -> dict[str, Any]:
        return {
            "records": choice.records,
            "calls": choice.calls,
            "instead_of": choice.instead,
            "counted": choice.counted,
            "why": choice.reason,
            "columns": " ".join(known.columns),
            "began": self.now.isoformat(),
        }

    def _note_lane(self, known: Known, choice: Choice) -> None:
        told: dict[str, Any] = {}
        at = self.now.isoformat()
        if choice.total is not None and choice.total != known.lane.total:
            told |= {"total": choice.total, "total_at": at}
        if choice.reading == "pages":
            told["spent"] = known.lane.spent + choice.calls
        elif choice.reading == "feed" and not known.lane.place:
            told |= {"reading": self.run_id, "reading_at": at}
        if told:
            note(self.ledger, self.stream, **told)

    def _forgotten(self, window: Window) -> bool:
        job = self.job
        return self.ledger.staging.forgotten_in(
            *(self.stream, job.destination, job.position, job.company, window.created_from, window.created_to),
            fingerprint=self.mapping.fingerprint,
        )

    def _until(self, window: Window, exact: Callable[[], ExactClient]) -> datetime:
        """Return where the window ends: now by Exact's clock, which tells ``Created``, if it was to end later."""
        end = window.created_to
        if end is not None and end <= self.now:
            return end
        # The two clocks are compared to the second only; what was created just now belongs to the window.
        now = (self.now + exact().clock_skew() + CLOCK_STEP).replace(microsecond=0)
        end = now if end is None else min(end, now)
        return end if window.created_from is None else max(window.created_from, end)

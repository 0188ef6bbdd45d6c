"""The pauses of a long load: what it remembers over them, and what it tells of its progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from include import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.errors import AbortError


@dataclass(frozen=True, slots=True)
class Begun:
    """What a load remembers over its pauses. All that counts is in the ledger; this is for times and for texts.

    :param at: aware; when it began.
    :param done: records that the run had settled by then, in attempts that were ended.
    :param limited: refusals in a row for Personio's limit.
    :param held_up: what a person is told when the load has ended, if some records wait for one.
    """

    at: datetime
    done: int = 0
    limited: int = 0
    held_up: AbortError | None = None

    def values(self) -> dict[str, Any]:
        """Return it as plain values, which Airflow keeps while the load pauses."""
        cause = self.held_up
        told = None if cause is None else {"kind": type(cause).__name__, "what": cause.what, "status": cause.status}
        if told is not None and cause is not None:
            told |= {"reason_code": cause.reason_code, "way_out": cause.way_out}
        return {"at": self.at.isoformat(), "done": self.done, "limited": self.limited, "held_up": told}

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Return what `values` made plain.

        :param values: as they were kept.
        """
        told = dict(values["held_up"] or {})
        kind = getattr(errors, told.pop("kind", ""), errors.AbortError)
        held_up = kind(told.pop("what"), **told) if told else None
        return cls(datetime.fromisoformat(values["at"]), values["done"], values["limited"], held_up)


@dataclass(frozen=True, slots=True)
class Paused:
    """A load that has to wait, and need not occupy a worker meanwhile; nothing is claimed.

    :param until: aware; when there is something to do again.
    :param done: records that the run has settled, over all its pauses and attempts.
    :param left: records that wait in its outbox.
    :param begun: for the load that goes on.
    """

    until: datetime
    done: int
    left: int
    begun: Begun

    @property
    def per_minute(self) -> float | None:
        """Records a minute since it began, this pause included; None before the first one."""
        minutes = (self.until - self.begun.at) / timedelta(minutes=1)
        done = self.done - self.begun.done
        return done / minutes if done > 0 and minutes > 0 else None

    @property
    def finish(self) -> datetime | None:
        """When it will be finished at this rate; None if that cannot be told."""
        rate = self.per_minute
        # A guess of many years tells nothing.
        if not rate or self.left / rate > timedelta(days=365) / timedelta(minutes=1):
            return None
        return self.until + timedelta(minutes=self.left / rate)

    def progress(self) -> dict[str, Any]:
        """Return what goes to XCom: ``done``, ``left``, ``per_minute`` and ``finish``."""
        rate, finish = self.per_minute, self.finish
        return {
            "done": self.done,
            "left": self.left,
            "per_minute": None if rate is None else round(rate, 1),
            "finish": None if finish is None else finish.isoformat(timespec="seconds"),
        }

    def line(self) -> str:
        """Return the progress as one line for the log."""
        text = f"{self.done} of {self.done + self.left} records done"
        if self.per_minute is not None:
            text += f", {self.per_minute:.1f} a minute"
        if self.finish is not None:
            text += f", finished about {self.finish:%Y-%m-%d %H:%M %Z}"
        return f"{text}; going on at {self.until:%H:%M:%S %Z}."


class Turn:
    """One turn of a load: when it has to pause, and when its share of time is over.

    :param begun: when the load began.
    :param pause_after: pause instead of waiting longer than so many seconds; None: never.
    :param now: the ledger's clock.
    """

    def __init__(self, begun: Begun, pause_after: float | None, now: Callable[[], datetime]) -> None:
        self._begun = begun
        self._after = pause_after
        self._now = now
        self.until: datetime | None = None
        """When to go on, if it has to pause."""
        self.idle = 0.0
        """Seconds that it has waited for other workers without anything to send."""

    def must_pause(self, next_slot: Callable[[], float], left: Callable[[], int]) -> bool:
        """Say whether to pause; nothing is claimed when it is asked.

        :param next_slot: seconds until the next slot.
        :param left: records that wait.
        """
        if self.until is None and self._after is not None:
            wait = next_slot()
            if wait > self._after and left():
                self.until = self._now() + timedelta(seconds=wait)
        return self.until is not None

    def pause(self, until: datetime) -> None:
        """Have it pause, long enough to be worth it.

        :param until: aware.
        """
        self.until = max(until, self._now() + timedelta(seconds=self._after or 0.0))

    def idles_on(self, seconds: float, *, until: datetime) -> bool:
        """Say whether to pause rather than to wait for other workers for some more seconds.

        :param seconds: of the next nap.
        :param until: aware; when the first of them is out of time.
        """
        self.idle += seconds
        if self._after is None or self.idle <= self._after:
            return False
        self.until = until
        return True

    def is_over(self, minutes: float | None) -> bool:
        """Say whether the load has had its share of time.

        :param minutes: of the share; None: there is no end to it.
        """
        return minutes is not None and self._now() - self._begun.at >= timedelta(minutes=minutes)

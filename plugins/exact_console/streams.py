"""The live streams, a row each: how each one stands, by the ledger and by Airflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from exact_console.charts import DAYS, Chart, charts
from exact_console.dag_runs import SeenDag, live_dags, seen_dags
from exact_console.guard import may_read_dag
from include.forecast.pace import finish, personio_pace
from include.ledger.alarms import WAITING
from include.metrics.streams import STALE
from include.records import HISTORY, LOOK_UPS, StreamKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from include.ledger import Ledger
    from include.ledger.alarms import Alarm
    from include.ledger.vitals import Pending
    from include.ledger.watermarks import Watermark

_SEEN_HERE: Final = (STALE, WAITING)
_SENT: Final = ("read", "created", "already_there", "rejected")
_MATCHED: Final = ("read", "matched", "unmatched", "rejected")
_Lane = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be sent to one destination.

    :param oldest: when the first of it was decided; None: nothing waits.
    :param done_at: when the last of it may have left at Personio's limit, with what else waits for the same one.
    """

    count: int = 0
    in_doubt: int = 0
    oldest: datetime | None = None
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One stream on the page.

    :param division: None: nothing was read yet.
    :param destination: empty: it has not come that far yet.
    :param state: ``running``, ``fine``, ``stale``, ``trouble``, ``paused``, ``never``, or ``left``: its DAG reads
        another division now.
    :param age: since the last commit; None: there was none.
    """

    dag: SeenDag
    entity: str
    division: int | None
    destination: str
    state: str
    watermark: Watermark | None
    age: timedelta | None
    backlog: Backlog
    days: Mapping[date, Mapping[str, int]] = field(default_factory=dict)
    charts: list[Chart] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of all streams that a user may know of.

    :param pending: of both lanes.
    """

    now: datetime
    dags: Mapping[str, SeenDag]
    rows: list[StreamRow]
    alarms: list[Alarm]
    pending: list[Pending]


def standing_of(ledger: Ledger, user: BaseUser, stale_hours: int) -> Standing:
    """Return how the streams stand whose DAGs the user may read.

    :param ledger: the open ledger.
    :param stale_hours: hours without a commit that are too many; 0: none are.
    """
    # Both are read before the rest, which may then only be newer.
    committed, pending = ledger.vitals.committed(), ledger.vitals.pending()
    alarms, tagged = ledger.alarms.standing(), live_dags()
    lanes_seen = {one.dag_id for one in committed} | {one.dag_id for one in pending}
    found = (
        {dag_id.removesuffix(HISTORY) for dag_id in lanes_seen} | {alarm.dag_id for alarm in alarms} | tagged.keys()
    )
    dags = seen_dags(dag_id for dag_id in found if may_read_dag(user, dag_id))
    mine = [one for one in pending if one.dag_id.removesuffix(HISTORY) in dags]
    lanes: dict[_Lane, set[str]] = {
        (one.dag_id, one.division, one.entity): set() for one in committed if _is_live(one.dag_id, dags)
    }
    for one in mine:
        if _is_live(one.dag_id, dags):
            lanes.setdefault((one.dag_id, one.division, one.entity), set()).add(one.destination)
    newest = {one.dag_id: one.division for one in sorted(committed, key=lambda one: one.at)}
    view = _View(
        *(ledger, dags),
        newest=newest,
        alarms={alarm.dag_id: alarm for alarm in alarms},
        pending=pending,
        stale_hours=stale_hours,
    )
    rows = [row for lane, destinations in lanes.items() for row in view.rows(lane, destinations)]
    ran = {lane[0] for lane in lanes}
    rows += [view.unread(dag_id, entity) for dag_id, entity in tagged.items() if dag_id in dags and dag_id not in ran]
    rows.sort(key=lambda row: (row.watermark is None, row.dag.dag_id, row.division or 0, row.entity, row.destination))
    return Standing(view.now, dags, rows, [alarm for alarm in alarms if alarm.dag_id in dags], mine)


def _is_live(dag_id: str, dags: Mapping[str, SeenDag]) -> bool:
    # A lane of history has a slash in its name, so that it is none of these.
    return dag_id in dags


class _View:
    """Makes the rows of one moment.

    :param newest: by lane: the division that it committed last.
    :param pending: of everybody: what others have waiting is sent at the same pace.
    """

    def __init__(
        self,
        ledger: Ledger,
        dags: Mapping[str, SeenDag],
        *,
        newest: Mapping[str, int],
        alarms: Mapping[str, Alarm],
        pending: list[Pending],
        stale_hours: int,
    ) -> None:
        self._ledger = ledger
        self._dags = dags
        self._alarms = alarms
        self._pending = pending
        self._stale = timedelta(hours=stale_hours) if stale_hours else timedelta.max
        self._newest = newest
        self.now = ledger.vitals.now()

    def rows(self, lane: _Lane, waiting: Iterable[str]) -> list[StreamRow]:
        """Return a row per destination of a lane."""
        dag_id, division, entity = lane
        stream = StreamKey(dag_id, division, entity)  # type: ignore[arg-type]  # as it stands in the ledger
        mark = self._ledger.watermarks.get(stream)
        destinations = sorted({*self._ledger.run_results.destinations(stream), *waiting}) or [""]
        return [self._row(stream, destination, mark) for destination in destinations]

    def unread(self, dag_id: str, entity: str) -> StreamRow:
        """Return the row of a DAG that has committed nothing yet."""
        return StreamRow(self._dags[dag_id], entity, None, "", self._state(dag_id, None, None), None, None, Backlog())

    def _row(self, stream: StreamKey, destination: str, mark: Watermark | None) -> StreamRow:
        age = None if mark is None else self.now - mark.committed_at
        days = self._ledger.run_results.per_day(stream, destination, DAYS)  # type: ignore[arg-type]  # likewise
        return StreamRow(
            *(self._dags[stream.dag_id], stream.entity, stream.division, destination),
            *(self._state(stream.dag_id, stream.division, age), mark, age),
            self._backlog(stream, destination),
            days,
            charts(_MATCHED if destination in LOOK_UPS else _SENT, days),
        )

    def _state(self, dag_id: str, division: int | None, age: timedelta | None) -> str:
        dag, alarm = self._dags[dag_id], self._alarms.get(dag_id)
        if division is not None and self._newest.get(dag_id, division) != division:
            return "left"
        if (alarm is not None and alarm.trouble.reason_code not in _SEEN_HERE) or self._failed(dag, age):
            return "trouble"
        if dag.under_way:
            return "running"
        if dag.paused:
            return "paused"
        if age is None:
            return "never"
        return "stale" if age > self._stale else "fine"

    def _failed(self, dag: SeenDag, age: timedelta | None) -> bool:
        """Say whether the schedule's last run failed and nothing was committed since."""
        run = dag.last_scheduled
        if run is None or run.ended is None or run.state != "failed":
            return False
        return age is None or run.ended > self.now - age

    def _backlog(self, stream: StreamKey, destination: str) -> Backlog:
        mine = [
            one
            for one in self._pending
            if (one.dag_id, one.division, one.entity, one.destination)
            == (stream.dag_id, stream.division, stream.entity, destination)
        ]
        if not mine:
            return Backlog()
        # Applications of all streams share one limit, and employees another.
        ahead = sum(one.count for one in self._pending if (one.destination == "application") == _applies(destination))
        pace = personio_pace(mine[0].destination, None)  # type: ignore[arg-type]  # likewise
        return Backlog(
            sum(one.count for one in mine),
            sum(one.count for one in mine if one.state == "in_doubt"),
            min(one.oldest for one in mine),
            finish(self.now, pace.duration(ahead)),
        )


def _applies(destination: str) -> bool:
    return destination == "application"

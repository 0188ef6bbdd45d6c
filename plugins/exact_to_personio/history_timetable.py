"""Intervals for backfills: a calendar that cuts time into months and starts nothing by itself."""

from __future__ import annotations

from datetime import UTC, time
from typing import TYPE_CHECKING

from airflow.timetables.interval import CronDataIntervalTimetable

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
    from pendulum import DateTime

DAY_BORDERS = (time(0, 0), time(23, 59))
"""To the minute: the UI's dialog sends the last day as 23:59:59.999."""


class HistoryTimetable(CronDataIntervalTimetable):
    """Data intervals that only a backfill fills.

    With Airflow's own timetable, unpausing would start a run of the last complete interval, and a backfill of
    missing runs would then leave that one out.

    The days of a backfill are days of the timetable's zone: Airflow hands their borders over in UTC, and January of
    Amsterdam begins an hour before that of UTC.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/howto/timetable.html

    :param cron: where intervals begin and end.
    :param timezone: in which the expression is meant.
    """

    can_be_scheduled = False

    @property
    def summary(self) -> str:
        """Text for the list of DAGs, where another one shows its schedule."""
        return "backfill only"

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next interval of a backfill, and none to the scheduler.

        :param last_automated_data_interval: of the run before it.
        :param restriction: the backfill's days; the scheduler's are without catching up.
        """
        if not restriction.catchup:
            return None
        days = restriction._replace(earliest=self._day(restriction.earliest), latest=self._day(restriction.latest))
        return super().next_dagrun_info(last_automated_data_interval=last_automated_data_interval, restriction=days)

    def _day(self, moment: DateTime | None) -> DateTime | None:
        """Return when a day begins or ends in this zone; a moment that is no day's border in UTC stays as it is."""
        if moment is None or moment.astimezone(UTC).time().replace(second=0, microsecond=0) not in DAY_BORDERS:
            return moment
        return self.localize_partition_datetime(moment.astimezone(UTC))

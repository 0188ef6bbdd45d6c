"""The name of a run and the two lanes of its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.records import StreamKey

if TYPE_CHECKING:
    from include.sync.job import Job


def test_both_lanes_name_a_run_by_its_dag(job: Job) -> None:
    assert job.history().run_key("r1") == job.run_key("r1") == f"{job.stream.dag_id}/r1"


def test_history_lane_is_another_stream_of_the_same_job(job: Job) -> None:
    history = job.history()
    assert history.stream == StreamKey(f"{job.stream.dag_id}/history", job.stream.division, job.stream.entity)
    assert history.history() == history
    assert (history.destination, history.company, history.position) == (job.destination, job.company, job.position)

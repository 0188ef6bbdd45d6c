"""The forecast of one run, for a task of Airflow."""

from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.forecast.forecasting import Question, foretell
from include.forecast.live import next_run
from include.forecast.spans import spans_of
from include.forecast.telling import as_json

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.clients.personio import PersonioClient
    from include.ledger import Ledger
    from include.sync.asked import Asked
    from include.sync.job import Job
    from include.transform import Mapping

log = logging.getLogger(__name__)


def forecast_run(
    ledger: Ledger,
    client: ExactClient,
    job: Job,
    asked: Asked,
    mapping: Mapping,
    *,
    zone: ZoneInfo,
    run_id: str,
    personio: PersonioClient | None = None,
) -> dict[str, Any]:
    """Say in the log what a run would do, cost and last; return the same as data, without anything personal.

    The ledger keeps it under the run's name, so that people can compare it with what came.

    Without days it is the next live run that is forecast: what changed since the watermark.

    :param client: of Exact; its calls are to be counted under the job's run key.
    :param job: what is moved where, in either lane.
    :param asked: which records the run is for.
    :param zone: the site's time zone.
    :param run_id: Airflow's id of the run.
    :param personio: whose limits count; where records are only matched it tells how many employees there are.
    :raises RetryLaterError: a limit or an outage; nothing was changed.
    :raises AbortError: a person has to act, such as logging in again.
    """
    run_key = job.run_key(run_id)
    start, live = asked.created_from, None
    if asked.mode == "live":
        stream = dataclasses.replace(job.stream, dag_id=job.stream.dag)
        job = dataclasses.replace(job, stream=stream)
        live = next_run(ledger, client, stream, start_from=asked.start_from, zone=zone, run_key=run_key)
        start = live.start.created_from
    question = Question(
        job=job,
        mapping=mapping,
        spans=spans_of(start, asked.created_to, "none", zone, datetime.now(UTC)),
        where=asked.where,
        zone=zone,
        run_key=run_key,
        max_records=asked.max_records,
        live=live,
    )
    told = as_json(foretell(ledger, client, question, personio=personio))
    # What it is compared with later: the run that was meant.
    meant = {
        "mode": asked.mode,
        "created_from": None if asked.created_from is None else asked.created_from.isoformat(),
        "created_to": None if asked.created_to is None else asked.created_to.isoformat(),
    }
    ledger.run_results.foretell(
        *(job.stream, job.destination, run_key), made_at=datetime.now(UTC), forecast={**told, "asked": meant}
    )
    for line in told["lines"]:
        log.info("%s", line)
    return told

"""The forecast itself: survey, tally, costs and time put together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from include.forecast.costs import Target, simulate
from include.forecast.known import Known
from include.forecast.live import cost_of, survey_news
from include.forecast.pace import Quota, exact_pace, finish, personio_pace
from include.forecast.survey import Surveyor
from include.forecast.tally import Teller
from include.settings import load_settings
from include.sync.planning_lane import known_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.clients.personio import PersonioClient
    from include.clients.personio_limits import PersonioConfig
    from include.forecast.costs import WindowCost
    from include.forecast.live import NextRun
    from include.forecast.pace import Pace
    from include.forecast.spans import Span
    from include.forecast.survey import Survey
    from include.forecast.tally import Tally
    from include.ledger import Ledger
    from include.records import RecordFilter
    from include.sync.job import Job
    from include.sync.reading import Lane
    from include.transform import Mapping

SAMPLE: Final = 1200
MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What runs would do, cost and last.

    :param made_at: aware.
    :param zone: name of the site's time zone.
    :param bounded: whether a run makes no more than so many records.
    :param windows: one for each run, in order.
    :param spent: calls to Exact that the forecast itself took.
    :param quota: of Exact's day, after the forecast; None: Exact did not tell.
    :param seconds: of waiting for limits: at Exact, at Personio, for new days of Exact.
    :param share: of Personio's limit that is left to history while live runs send, between 0 and 1.
    :param finish: aware; when the last request would leave, were it started now.
    """

    made_at: datetime
    zone: str
    bounded: bool
    survey: Survey
    tally: Tally
    windows: Sequence[WindowCost]
    spent: int
    quota: Quota | None
    paces: dict[str, Pace]
    seconds: dict[str, float]
    share: float
    finish: datetime

    def calls(self, service: str) -> dict[str, int]:
        """Return the calls of all windows by kind.

        :param service: ``exact`` or ``personio``.
        """
        found: dict[str, int] = {}
        for window in self.windows:
            for kind, count in getattr(window, service).items():
                found[kind] = found.get(kind, 0) + count
        return found


@dataclass(frozen=True, slots=True)
class Question:
    """What is forecast.

    :param job: what is moved where, in either lane.
    :param spans: the windows, one for each run; the only one of a live run ends now.
    :param where: which records of the windows are meant.
    :param zone: the site's time zone.
    :param run_key: under which the forecast's calls are counted.
    :param max_records: each run makes at most so many; None: all.
    :param sample: rows to try the mapping on where reading all of them costs more.
    :param live: the next live run, if that is forecast; else runs of the history lane are.
    """

    job: Job
    mapping: Mapping
    spans: Sequence[Span]
    where: RecordFilter
    zone: ZoneInfo
    run_key: str
    max_records: int | None = None
    sample: int = SAMPLE
    live: NextRun | None = None


def foretell(
    ledger: Ledger,
    client: ExactClient,
    question: Question,
    *,
    personio: PersonioClient | None = None,
    personio_config: PersonioConfig | None = None,
    day_limit: Callable[[], int | None] = lambda: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Forecast:
    """Return what the runs would do, cost and last; nothing is written at either service.

    :param ledger: the open ledger: what is done already, what the history lane has read, Exact's day.
    :param client: of Exact.
    :param personio: asked for the number of employees where records are only matched; None: nobody is asked.
    :param personio_config: whose limits count; None: the client's, else Personio's usual ones.
    :param day_limit: tells Exact's limit of calls per day, as its headers say, after the calls were made.
    :param now: the clock.
    :raises RetryLaterError: a limit or an outage; nothing was changed.
    :raises AbortError: a person has to act, such as logging in again.
    """
    live, job = question.live, question.job.history()
    before = _exact_calls(ledger, question.run_key)
    surveyor = Surveyor(client, question.mapping, question.where, question.zone, question.spans, question.sample)
    survey = surveyor.look() if live is None else survey_news(live, surveyor)
    known = Known(ledger, job, question.mapping.fingerprint)
    created_from = None if live is None else live.start.created_from
    tally = Teller(client, question.mapping, known, question.sample, created_from).tell(survey)
    matching = personio is not None and job.destination == "employee_match" and tally.outcomes["to_send"] >= 1
    employees = personio.employees_total() if personio is not None and matching else None
    target = Target(job.destination, employees, question.max_records)
    if live is None:
        lane = _lane(ledger, job, question, now())
        windows = simulate(question.spans, survey, tally, lane, target, lambda: surveyor.total)
    else:
        windows = [cost_of(live, ledger, question.job, survey, tally, target)]
    spent = _exact_calls(ledger, question.run_key) - before + (0 if live is None else live.asked)
    quota = known.quota(job.stream.division, day_limit() or client.config.calls_per_day)
    config = personio_config or (None if personio is None else personio.config)
    paces = {"exact": exact_pace(client.config), "personio": personio_pace(job.destination, config)}
    made_at = now()
    seconds = _seconds(windows, paces, quota, made_at)
    return Forecast(
        made_at=made_at,
        zone=str(question.zone),
        bounded=question.max_records is not None,
        survey=survey,
        tally=tally,
        windows=windows,
        spent=spent,
        quota=quota,
        paces=paces,
        seconds=seconds,
        share=load_settings().backfill_share,
        finish=finish(made_at, sum(seconds.values())),
    )


def _lane(ledger: Ledger, job: Job, question: Question, now: datetime) -> Lane:
    """Return what the history lane has read before."""
    first, last = question.spans[0], question.spans[-1]
    found = known_of(
        ledger,
        job.stream,
        question.run_key,
        select=question.mapping.select,
        now=now,
        forgotten=lambda: ledger.staging.forgotten_in(
            *(job.stream, job.destination, job.position, job.company, first.start, last.end),
            fingerprint=question.mapping.fingerprint,
        ),
    )
    return found.lane


def _seconds(
    windows: Sequence[WindowCost], paces: dict[str, Pace], quota: Quota | None, now: datetime
) -> dict[str, float]:
    """Return how long the limits hold the runs up, one after the other."""
    # A login has a limit of its own, which nothing here comes near.
    calls = {
        name: sum(count for window in windows for kind, count in getattr(window, name).items() if kind != "login")
        for name in paces
    }
    seconds = {name: pace.duration(calls[name]) for name, pace in paces.items()}
    return {**seconds, "new_day": 0.0 if quota is None else quota.wait(calls["exact"], now)}


def _exact_calls(ledger: Ledger, run_key: str) -> int:
    # Logins do not count for the limits.
    found = ledger.calls(run_key)
    return sum(n for (service, path, _), n in found.items() if service == "exact" and not path.startswith("oauth2"))

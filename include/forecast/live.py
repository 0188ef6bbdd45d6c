"""The forecast of the next live run: what changed since its watermark is read, and nothing is kept of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.forecast.costs import WindowCost, bounded, personio_calls
from include.forecast.spans import Span
from include.forecast.survey import Heard, Survey, staged
from include.forecast.tally import Reason
from include.sync.main_contacts import PER_CALL
from include.sync.moving import witness_after
from include.sync.planning_live import next_start
from include.sync.planning_starts import FEED_START, Start, newest_of
from include.sync.reading import feed_calls

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from include.clients.exact import ExactClient
    from include.forecast.costs import Target
    from include.forecast.survey import Surveyor
    from include.forecast.tally import Tally
    from include.ledger import Ledger
    from include.records import Row, StreamKey
    from include.sync.job import Job

NOT_NEW = Reason("skipped_by_rule", "rule.Created.not_new", "Created")


@dataclass
class NextRun:
    """A live run that would begin now.

    :param start: where it would start to read, and from when on records are new to it.
    :param asked: calls that finding the start took here.
    :param search: calls that it takes the run; only a stream's first one makes them.
    :param pages: calls that reading takes.
    """

    start: Start
    asked: int
    search: int
    pages: int = 0


def next_run(
    ledger: Ledger, client: ExactClient, stream: StreamKey, *, start_from: str, zone: ZoneInfo, run_key: str
) -> NextRun:
    """Return where a live run would start; a stream's first one asks Exact, as the run itself would.

    :param stream: in its live lane.
    :param start_from: of the form.
    :param run_key: under which the client's calls are counted.
    :raises ConfigurationError: ``start_from`` cannot be meant.
    """
    before, mark = sum(ledger.calls(run_key).values()), ledger.watermarks.get(stream)
    start = next_start(
        ledger,
        stream,
        start_from=start_from,
        zone=zone,
        newest=lambda: newest_of(client, stream.entity),
        pushed=lambda _run: None,
    )
    asked = sum(ledger.calls(run_key).values()) - before
    # The run that reads first after a known row asks once whether the division was ever moved.
    moves = start.after > FEED_START and (mark is None or mark.moved is None) and not ledger.staging.has_rows(stream)
    return NextRun(start, asked, asked + moves)


def survey_news(run: NextRun, surveyor: Surveyor) -> Survey:
    """Return what a live run would read; where that is the whole feed, it is surveyed like a window."""
    if run.start.after <= FEED_START:
        found = surveyor.look()
        run.pages = feed_calls(surveyor.total)
        found.counted = [float(surveyor.total)]
        return found
    newest: dict[str, Row] = {}
    for page in surveyor.client.sync_pages(
        surveyor.entity, after=witness_after(run.start.after), select=surveyor.columns
    ):
        run.pages += 1
        # A row that is changed while the feed is read comes twice; the last one counts.
        newest |= {str(row["ID"]): row for row in page.rows if int(row["Timestamp"]) > run.start.after}
    heard = [Heard(staged(row, surveyor.zone), 0, 1.0) for row in newest.values()]
    return Survey([float(len(heard))], heard, how=f"All {len(heard)} records that changed since were read.")


def cost_of(  # noqa: PLR0917 - the run, and what was found out for it
    run: NextRun, ledger: Ledger, job: Job, survey: Survey, tally: Tally, target: Target
) -> WindowCost:
    """Return what a live run would cost, with what waits in its lane already.

    :param job: in its live lane.
    """
    old = survey.counted[0] - sum(tally.outcomes.values())
    if run.start.after <= FEED_START and old > 0:
        tally.leave(NOT_NEW, old)
    waiting = ledger.deliveries.pending(job.company, job.destination, job.position, stream=job.stream).total
    # Those that changed since are among the news.
    tally.send(0, max(waiting - tally.waiting, 0))
    to_send, part = bounded(tally.to_send[0], target.max_records)
    exact = Counter(search=run.search, feed=run.pages, look_up=-(-round(tally.looked_up[0] * part) // PER_CALL))
    return WindowCost(
        span=Span(run.start.created_from, None),
        records=round(survey.counted[0]),
        to_send=to_send,
        reading="feed",
        why="It reads what changed since the watermark.",
        exact=+exact,
        personio=+personio_calls(target, to_send, round(tally.files[0] * part)),
    )

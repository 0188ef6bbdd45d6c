"""Forecasts of a company at the sandbox, and the runs themselves, counted the same way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.forecast.forecasting import Question, foretell
from include.forecast.spans import spans_of
from include.forecast.task import forecast_run
from include.forecast.telling import as_json
from include.ledger.states import DONE
from include.records import RecordFilter
from include.sandbox.company import make_company
from include.transform import load_mapping
from line import DIVISION, ZONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.ledger.tokens import SharedVault
    from include.sandbox.company import Company
    from include.sync.asked import Asked
    from line import Line

UNTIL = datetime(2026, 1, 1)  # noqa: DTZ001 - the site's wall clock


@dataclass
class Oracle:
    """A company at the sandbox, forecasts of it, and the runs themselves."""

    line: Line

    def fill(self, *, contacts: int, accounts: int = 40) -> Company:
        """Make up eight years of a company, with the troubles of real ones; return it."""
        exact = self.line.sandbox.sandbox.exact
        made = make_company(seed=3, accounts=accounts, contacts=contacts, division=DIVISION, until=UNTIL)
        exact.bulk_load(DIVISION, "Accounts", made.accounts)
        exact.bulk_load(DIVISION, "Contacts", made.contacts)
        return made

    def log_in(self, vault: SharedVault) -> None:
        """Put a fresh token into a vault, as a login would."""
        issued, now = self.line.sandbox.sandbox.exact.issue_tokens(), datetime.now(UTC)
        with vault.locked() as chain:
            chain.replace(issued["access_token"], issued["refresh_token"], now, now + timedelta(seconds=600))

    def asks(self, first: str, last: str, every: str = "none", **more: Any) -> dict[str, Any]:
        """Forecast some days; return it as programs read it."""
        line = self.line
        own = {"job_position_id": line.position} if line.destination == "application" else {}
        spans = spans_of(day(first), day(last), every, ZONE, datetime.now(UTC))
        question = Question(
            job=line.job,
            mapping=load_mapping(line.entity, line.destination, overrides=own),
            spans=spans,
            where=more.pop("where", RecordFilter()),
            zone=ZONE,
            run_key=f"forecast {first} {last} {every}",
            **more,
        )
        with line.exact(question.run_key) as exact, line.personio(question.run_key) as personio:
            return as_json(foretell(line.ledger, exact, question, personio=personio))

    def task(self, asked: Asked) -> dict[str, Any]:
        """Forecast as a task of Airflow does."""
        line = self.line
        mapping = load_mapping(line.entity, line.destination, overrides={"job_position_id": line.position})
        with line.exact(line.job.run_key("task")) as exact:
            return forecast_run(line.ledger, exact, line.job, asked, mapping, zone=ZONE, run_id="task")

    def does(self, first: str, last: str, every: str = "none", **params: Any) -> dict[str, int]:
        """Do it, one run after the other; return what the sandbox and the ledger counted."""

        def run() -> None:
            for span in spans_of(day(first), day(last), every, ZONE, datetime.now(UTC)):
                assert span.start is not None
                assert span.end is not None
                if every == "none":
                    self.line.window(f"run {first}", first, last, **params)
                else:
                    self.line.backfill(f"run {span.start}", span.start, span.end, **params)

        return self.counted(run)

    def counted(self, run: Callable[[], object]) -> dict[str, int]:
        """Run something; return what the sandbox and the ledger counted meanwhile."""
        line, before = self.line, self.states()
        line.sandbox.sandbox.log.clear()
        run()
        calls = [entry for entry in line.sandbox.sandbox.log.entries() if entry.kind != "oauth2/token"]
        after = self.states() - before
        return {
            **{service: sum(entry.service == service for entry in calls) for service in ("exact", "personio")},
            "to_send": sum(after[state] for state in DONE),
            "rejected": after["rejected"],
            "skipped_by_rule": after["skipped_by_rule"],
        }

    def states(self) -> Counter[str]:
        """Count the deliveries of both lanes by state."""
        job, ledger = self.line.job, self.line.ledger
        lanes = (job.stream, job.history().stream)
        return sum(
            (Counter(ledger.deliveries.counts(lane, job.destination, job.position)) for lane in lanes), Counter()
        )


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def told(forecast: dict[str, Any]) -> dict[str, int]:
    """Return of a forecast what `Oracle.does` counts."""
    names = ("to_send", "rejected", "skipped_by_rule")
    calls = {service: forecast["calls"][service]["total"] for service in ("exact", "personio")}
    return {**calls, **{name: forecast["records"][name] for name in names}}

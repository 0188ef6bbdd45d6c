"""``exact-personio replay``: records that were refused or put aside are decided again by the next run.

With ``--remap`` also those that wait to be sent: after a change of the mapping they are made anew from what was read.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from include.errors import ConfigurationError
from include.ledger.replays import Selected, Selection
from include.ledger.states import REMAPPABLE, WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger import Ledger
    from include.ledger.states import DeliveryState
    from include.records import Destination

ASKED_BY: Final = "exact-personio replay"
REPLAY_ONLY: Final = {"replay_only": True}
"""The conf of a run that reads nothing, and decides and sends what is marked."""
_MOST_REASONS: Final = 8


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay came to, or would come to.

    :param streams: what fits, by DAG, division, entity, destination and job position.
    :param marked: how many were marked now; None: nobody has said yes yet.
    """

    streams: list[Selected]
    marked: int | None = None

    @property
    def waiting(self) -> int:
        """How many fit and are not marked yet."""
        return sum(stream.count for stream in self.streams)

    @property
    def already(self) -> int:
        """How many fit and are marked already."""
        return sum(stream.marked for stream in self.streams)

    def commands(self) -> list[str]:
        """Return what to type to have them decided now, and nothing read."""
        return [
            f"airflow dags trigger {shlex.quote(dag_id)} --conf {shlex.quote(json.dumps({**REPLAY_ONLY, **conf}))}"
            for dag_id, conf in self.runs()
        ]

    def runs(self) -> list[tuple[str, dict[str, int]]]:
        """Return the runs that decide them: the DAG, and what its form says of the company and the position."""
        runs = dict.fromkeys((stream.dag_id, stream.division, stream.job) for stream in self.streams)
        return [
            (dag_id, {"division": division} | ({"job_position_id": job} if job else {}))
            for dag_id, division, job in runs
        ]

    def dags(self) -> list[str]:
        """Return the DAGs whose runs decide them, whichever lane they belong to."""
        return list(dict.fromkeys(stream.dag_id for stream in self.streams))

    def lines(self) -> list[str]:
        """Return what a person is told."""
        if not self.streams:
            return ["Nothing fits."]
        lines = [
            f"{stream.count + stream.marked} of {stream.dag_id} (division {stream.division}, {stream.entity}, "
            f"{stream.destination}{f' for position {stream.job}' if stream.job else ''}"
            f"{', of windows and backfills' if stream.history else ''})"
            + (f", {stream.marked} of them marked already" if stream.marked else "")
            for stream in self.streams
        ]
        if self.marked is not None:
            lines.append(f"Marked: {self.marked}. To have them decided again now, without anything being read:")
            lines += [f"    {command}" for command in self.commands()]
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return the same for programs."""
        return {
            "fitting": self.waiting + self.already,
            "marked": self.marked,
            "streams": [asdict(stream) for stream in self.streams],
            "next": self.commands(),
        }


def selection(
    ledger: Ledger,
    *,
    records: Sequence[str] = (),
    reason: str | None = None,
    run: str | None = None,
    dag: str | None = None,
    destination: Destination | None = None,
    since: str | None = None,
    all_rejected: bool = False,
    remap: bool = False,
) -> Selection:
    """Turn what was typed into a selection; what is given more than one way must fit all of them.

    :param records: ids of Exact, e-mail addresses or ids of Personio.
    :param run: ``DAG/run``.
    :param dag: narrows the others; alone it names too much, unless it is remapped.
    :param destination: narrows like ``dag``.
    :param since: a day or a moment, ISO 8601, UTC unless it says otherwise; only what was touched from then on.
    :param remap: also what is ready to be sent and has not left: it is made anew from what was read.
    :raises ConfigurationError: nothing is named, or something that the ledger does not know.
    """
    if not (records or reason or run or all_rejected or (remap and dag)):
        raise ConfigurationError(
            "Nothing says which records to replay.",
            reason_code="replay.records.missing",
            way_out="Name records, or give --reason, --run or --all-rejected; for all of a DAG --remap --dag DAG.",
        )
    states: tuple[DeliveryState, ...] = REMAPPABLE if remap else WAITING
    if all_rejected:
        states = ("rejected",)
    sources = [source for text in records for source in _sources(ledger, text)] if records else None
    if reason is not None:
        _known_reason(ledger, reason, states)
    return Selection(
        sources=sources,
        reason_code=reason,
        run_id=run,
        dag_id=dag,
        destination=destination,
        since=None if since is None else _moment(since),
        states=states,
    )


def plan(ledger: Ledger, chosen: Selection) -> Replay:
    """Return what a replay would mark; nothing is changed."""
    return Replay(ledger.deliveries.replayable(chosen))


def replay(ledger: Ledger, chosen: Selection, planned: Replay) -> Replay:
    """Mark it; return what was marked."""
    return Replay(planned.streams, ledger.deliveries.replay_all(chosen, run_id=ASKED_BY))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            f"--since is {text!r}, which is neither a day nor a moment.",
            reason_code="replay.since.malformed",
            way_out="Write a day like 2026-01-31, or a moment like 2026-01-31T12:00:00+01:00.",
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _sources(ledger: Ledger, text: str) -> list[tuple[int, str, str]]:
    found = ledger.deliveries.sources_of(text)
    if not found:
        # The text is not repeated: it may be an e-mail address.
        raise ConfigurationError(
            "The ledger does not know one of these records.",
            reason_code="ledger.record.unknown",
            way_out="Give the ID as Exact shows it, the e-mail address in Exact, or the id at Personio.",
        )
    return found


def _known_reason(ledger: Ledger, reason: str, states: tuple[DeliveryState, ...]) -> None:
    known = list(dict.fromkeys(code for code, _, _ in ledger.deliveries.rejections(states=states)))
    if reason not in known:
        there = ", ".join(known[:_MOST_REASONS]) or "none"
        raise ConfigurationError(
            f"No record waits for this reason; the most frequent ones are: {there}.",
            reason_code="replay.reason.unknown",
            way_out="Give one of them as it stands there.",
        )

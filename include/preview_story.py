"""What a preview run would do, for a person: each record with its payload, the rules that made it, and why not."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rich.console import Console

    from include.ledger import Ledger
    from include.ledger.previews import Preview

ACTIONS: Final = {
    "create": "would create",
    "send_again": "would send again if it is not there",
    "look_up": "would look up",
    "nothing": "would do nothing",
}
"""What a run would do with a record, in words."""
SLICE: Final = 500
"""Records opened at once: a preview may hold a company."""
_MOST_RUNS: Final = 1000
_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SIDES: Final = {"exact": "in Exact", "mapping": "by the mapping", "rule": "by a rule", "personio": "at Personio"}


@dataclass(frozen=True, slots=True)
class PreviewRun:
    """One run that previewed.

    :param run: ``DAG/run``.
    :param made_at: when its last record was decided.
    :param records: how many it shows.
    """

    run: str
    made_at: datetime
    records: int


@dataclass(frozen=True, slots=True)
class Line:
    """One field of a payload.

    :param field: Personio's name, such as ``attributes.phone``.
    :param value: as text; JSON where it is neither text nor nothing.
    :param rule: what made it.
    """

    field: str
    value: str
    rule: str


def preview_runs(ledger: Ledger, limit: int = _MOST_RUNS) -> list[PreviewRun]:
    """Return the runs that have a preview, the newest first."""
    return [PreviewRun(*found) for found in ledger.previews.runs(limit)]


def preview_run(ledger: Ledger, wanted: str | None) -> PreviewRun:
    """Return one run.

    :param wanted: ``DAG/run``, or the run's id alone; None: the newest.
    :raises ConfigurationError: there is no such preview, or several DAGs have a run of this id.
    """
    known = preview_runs(ledger)
    fits = [run for run in known if wanted is None or wanted in {run.run, run.run.rpartition("/")[2]}]
    if not fits:
        raise ConfigurationError(
            "No preview is kept of this run." if wanted else "No run has made a preview yet.",
            reason_code="preview.run.unknown",
            way_out="""Make one: airflow dags trigger DAG --conf '{"preview": true}'. A run that found nothing to """
            "decide has none, and previews are removed when the time of EXACT_PERSONIO_RETENTION_DAYS is over.",
        )
    if wanted is not None and len(fits) > 1:
        raise ConfigurationError(
            "Runs of several DAGs have this id.",
            reason_code="preview.run.ambiguous",
            way_out=f"Name the DAG as well: {', '.join(run.run for run in fits[:3])}.",
        )
    return fits[0]


def of_record(text: str) -> str:
    """Return an ID of Exact as the ledger has it, however it was copied.

    :param text: with braces, spaces or capitals.
    """
    return text.strip().strip("{}").lower()


def every(ledger: Ledger, run: str, *, action: str | None = None, source_id: str | None = None) -> Iterator[Preview]:
    """Yield all records of a preview, a slice in memory at a time.

    :param run: ``DAG/run``.
    :param action: only what it would do this with.
    :param source_id: only this record.
    """
    after = ""
    while found := ledger.previews.read(run, after=after, limit=SLICE, action=action, source_id=source_id):
        yield from found
        after = found[-1].source_id


def lines(preview: Preview) -> list[Line]:
    """Return the payload field by field, each with the rule that made it."""
    return [Line(*line) for name, value in (preview.payload or {}).items() for line in _lines(name, value, preview)]


def _lines(name: str, value: Any, preview: Preview) -> Iterator[tuple[str, str, str]]:
    parts: list[tuple[str, Any]] = []
    if name == "attributes" and isinstance(value, list):
        parts = [(f"{name}.{entry['id']}", entry["value"]) for entry in value]
    elif name == "custom_attributes" and isinstance(value, dict):
        parts = [(f"{name}.{part}", inner) for part, inner in value.items()]
    if not parts:
        # Tags and files have a rule per entry, and equal tags are sent once: the rules stand together.
        rules = [rule for target, rule in preview.trace.items() if target == name or target.startswith(f"{name}.")]
        yield name, _text(value), "; ".join(dict.fromkeys(rules))
    for target, inner in parts:
        yield target, _text(inner), preview.trace.get(target, "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def person(preview: Preview) -> str:
    """Return whom a record is about, as the payload says it; without one the address, if it is known."""
    payload = preview.payload or {}
    names = [str(payload[name]) for name in ("first_name", "last_name") if payload.get(name)]
    return ", ".join(filter(None, (" ".join(names), preview.email)))


def why(preview: Preview) -> str:
    """Return why nothing is done with a record, in words beside its reason code; empty if there is no reason."""
    if not preview.reason_code:
        return ""
    service, _, rest = preview.reason_code.partition(".")
    field, _, problem = rest.rpartition(".")
    told = ", ".join(filter(None, (problem.replace("_", " "), _SIDES.get(service, ""))))
    return f"{preview.field or field}: {told} [{preview.reason_code}]"


def shown(text: str) -> str:
    """Return a text with the characters spelled out that steer a terminal or turn the text around it.

    :param text: of a record, so anybody's.
    """
    return "".join(f"\\u{ord(letter):04x}" if _steers(letter) else letter for letter in text)


def _steers(letter: str) -> bool:
    return letter not in "\n\t" and (unicodedata.category(letter) in {"Cc", "Cs"} or letter in _BIDI)


def as_json(ledger: Ledger, run: PreviewRun, *, action: str | None, source_id: str | None) -> Iterator[str]:
    """Yield one JSON document in pieces: ``run``, ``made_at``, ``counts`` and ``records``.

    :param action: narrows the records, not the counts.
    :param source_id: the same.
    """
    head = {"run": run.run, "made_at": run.made_at.isoformat(), "counts": counted(ledger, run.run)}
    yield json.dumps(head, indent=2)[:-2] + ',\n  "records": ['
    comma = ""
    for preview in every(ledger, run.run, action=action, source_id=source_id):
        yield f"{comma}\n    {json.dumps(plain(preview))}"
        comma = ","
    yield "\n  ]\n}\n"


def plain(preview: Preview) -> dict[str, Any]:
    """Return a record's preview as plain data."""
    return {
        "ID": preview.source_id,
        "action": preview.action,
        "outcome": preview.outcome,
        "reason_code": preview.reason_code,
        "field": preview.field,
        "existing": preview.existing,
        "email": preview.email,
        "payload": preview.payload,
        "rules": dict(preview.trace),
    }


def counted(ledger: Ledger, run: str) -> list[dict[str, Any]]:
    """Return how many records come to what, for which reason; what is done first, then the most frequent."""
    found = [
        {"action": action, "reason_code": reason, "count": count}
        for (action, reason), count in ledger.previews.counts(run).items()
    ]
    return sorted(found, key=lambda row: (_place(row["action"]), -row["count"], row["reason_code"]))


def _place(action: str) -> int:
    return list(ACTIONS).index(action) if action in ACTIONS else len(ACTIONS)


def said(action: str) -> str:
    """Return an action in words."""
    return ACTIONS.get(action, f"would {action.replace('_', ' ')}")


def shown_records(
    ledger: Ledger, run: PreviewRun, *, action: str | None, source_id: str | None, limit: int
) -> list[Preview]:
    """Return the first records of a preview.

    :param action: only what it would do this with.
    :param source_id: only this record.
    :param limit: the most.
    :raises ConfigurationError: the run did not look at this record.
    """
    found = list(islice(every(ledger, run.run, action=action, source_id=source_id), limit))
    if source_id and not found:
        raise ConfigurationError(
            "This preview does not hold the record.",
            reason_code="preview.record.unknown",
            way_out="Give the whole ID as Exact shows it; a record outside of the run's window is not looked at.",
        )
    return found


def show(console: Console, run: PreviewRun, counts: list[dict[str, Any]], records: list[Preview]) -> None:
    """Print what a run would do: the counts, then one row per record.

    :param counts: of all its records.
    :param records: those to show.
    """
    console.print(Text(f"{run.run}, {run.made_at:%Y-%m-%d %H:%M} UTC: {run.records} records, nothing written"))
    for row in counts:
        console.print(Text(f"{row['count']:>8} {said(row['action'])} {row['reason_code']}".rstrip()))
    table = Table(show_lines=True)
    for title in ("record", "what", "payload, and the rule of each field", "there already"):
        table.add_column(title, overflow="fold")
    for preview in records:
        what = "\n".join(filter(None, (said(preview.action), why(preview))))
        made = "\n".join(f"{line.field} = {line.value}  ← {line.rule}" for line in lines(preview))
        # As Text: what stands in brackets would be markup for rich.
        cells = (preview.source_id, what, made or preview.email or "", preview.existing)
        table.add_row(*(Text(shown(cell)) for cell in cells))
    if records:
        console.print(table)
    if 1 < len(records) < run.records:
        console.print("These are not all: see --limit, --action, --record and --json.")

"""The whole story of one record, for a person: what was decided, sent and answered, when and by which run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from include.errors import ConfigurationError
from include.ledger.states import STATE_CHANGE, UNANSWERED
from include.preview_story import shown

if TYPE_CHECKING:
    from rich.console import Console

    from include.ledger import Ledger


def stories(ledger: Ledger, text: str) -> list[dict[str, Any]]:
    """Return the stories of the records that a text names, as plain data.

    :param text: an ID of Exact (or its first eight characters and more), an e-mail address, or an id of Personio.
    :raises ConfigurationError: the ledger knows no such record.
    """
    found = ledger.deliveries.sources_of(text)
    if not found:
        raise ConfigurationError(
            "The ledger knows no record by this ID or address.",
            reason_code="ledger.record.unknown",
            way_out="Give the ID as Exact shows it, the e-mail address in Exact, or the id at Personio; "
            "a record that no run has read yet is not in the ledger.",
        )
    return [_story(ledger, *source) for source in found]


def _story(ledger: Ledger, division: int, entity: str, source_id: str) -> dict[str, Any]:
    events = [asdict(event) for event in ledger.deliveries.history(source_id)]
    results = [asdict(kept) for kept in ledger.deliveries.results(source_id)]
    return {"division": division, "entity": entity, "ID": source_id, "events": events, "results": results}


def show(console: Console, story: dict[str, Any]) -> None:
    """Print a story as a table, and below it what Personio told of the record."""
    console.print(f"\n[bold]{story['entity']}[/] {story['ID']}, division {story['division']}")
    table = Table(box=None, pad_edge=False)
    for title in ("when (UTC)", "destination", "what", "why", "attempt", "run"):
        table.add_column(title, overflow="fold")
    for event in story["events"]:
        table.add_row(
            f"{event['at']:%Y-%m-%d %H:%M:%S}",
            event["destination"] + (f" for job {event['job']}" if event["job"] else ""),
            _what(event),
            _text(" ".join(filter(None, (event["reason_code"], event["field"], str(event["status"] or ""))))),
            str(event["attempt"] or ""),
            _text(event["run_id"]),
        )
    console.print(table)
    for kept in story["results"]:
        _show_result(console, kept["result"])


def _text(told: str) -> Text:
    """Return a text as it is: brackets in it would be markup, and some characters steer the terminal."""
    return Text(shown(told))


def _what(event: dict[str, Any]) -> str:
    if event["kind"] not in {STATE_CHANGE, UNANSWERED}:
        return str(event["kind"]).replace("_", " ")
    return f"{event['from_state']} → {event['to_state']}" if event["from_state"] else str(event["to_state"])


def _show_result(console: Console, result: dict[str, Any]) -> None:
    for warning in result.get("warnings", []):
        console.print(_text(f"Personio warned: {warning}"))
    if "matches" in result:
        console.print(f"Employees with this address: {len(result['matches'])}")
    for match in result.get("matches", []):
        console.print(_text("  " + ", ".join(f"{name} {value}" for name, value in match.items())))
    if "changed" in result:
        ids = ", ".join(result["changed"]) or "none"
        console.print(f"Employees changed since {result['updated_since']}: {ids}", markup=False)

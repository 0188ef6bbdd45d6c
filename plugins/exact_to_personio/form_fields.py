"""The fields of a manual run that say which records it means and how carefully it goes about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from include.environment import setting

if TYPE_CHECKING:
    from include.records import Entity

START_PATTERN = r"^(now|beginning|\d{4}-\d{2}-\d{2})$"
RESET_PATTERN = r"^\s*(beginning|[0-9]{1,19})?\s*$"
WHICH = "Which records"
SAFETY = "Safety"
START = "Where to start"
AGAIN = "Replay"
MOST = 50_000
HIGHEST_ID = 2**63 - 1
"""The ledger's columns hold no higher one; Airflow would take it, and every task fail."""
NOTHING = "(empty)"
STATUS = {"C": "Customer", "P": "Prospect", "S": "Suspect", "A": "None of these"}
ROLES = {"customer": "of a customer", "supplier": "of a supplier"}
COUNTRIES = ("NL", "BE", "DE", "FR", "LU", "GB", "ES", "US")
"""Offered for a click; any other country is a matter of the command line or the API."""

HALF_OPEN = (
    "Days begin at midnight in the time zone of the connection to Exact (Europe/Amsterdam unless it names another)."
)


def optional(kind: str, title: str, text: str, **schema: Any) -> Param:
    """Return a param that may stay empty.

    :param kind: JSON type of the value.
    :param text: plain words under the field.
    """
    if "enum" in schema:
        # The UI would show the choice of nothing as "null".
        named = {str(choice): str(choice) for choice in schema["enum"] if choice is not None}
        schema["values_display"] = named | schema.get("values_display", {}) | {"null": NOTHING}
    return Param(None, type=["null", kind], title=title, description=text, **schema)


def switch(title: str, text: str, **schema: Any) -> Param:
    """Return a param that is off until somebody switches it on."""
    return Param(default=False, type="boolean", title=title, description=text, **schema)


def window(*, history: bool) -> dict[str, Param]:
    """Return the days of a run.

    :param history: the DAG takes nothing but windows.
    """
    empty = (
        "A run of this DAG needs one of the two days, or be part of a backfill."
        if history
        else "Both days empty: what is new since the last run. With a day the watermark stays where it is."
    )
    return {
        "created_from": optional(
            "string",
            "Created from",
            f"First day of creation in Exact, included. {empty} {HALF_OPEN}",
            format="date",
        ),
        "created_to": optional(
            "string",
            "Created until",
            "The day after the last one: it is not included any more. For January choose 1 January and 1 February. "
            "Empty: until now.",
            format="date",
        ),
    }


def looks() -> dict[str, Param]:
    """Return the two ways to run without an effect."""
    return {
        "preview": switch(
            "Preview",
            "Decide and show what would be sent, with the rule behind every field. Nothing is written at Personio.",
        ),
        "forecast": switch(
            "Forecast",
            "Only count: how many records there are, and how many calls and minutes they would take. The other "
            "tasks are skipped.",
        ),
    }


def division() -> Param:
    """Return the choice of the company.

    ``EXACT_PERSONIO_DIVISIONS``, such as ``124132=Voorbeeld BV, 124133=Voorbeeld BE``, makes it a list to choose
    from; connections cannot be asked while a DAG file is parsed.
    """
    text = "Company at Exact. Empty: the connection's first."
    named = _divisions(setting("EXACT_PERSONIO_DIVISIONS"))
    if not named:
        return optional("integer", "Division", text, minimum=1, maximum=HIGHEST_ID)
    shown = {str(number): f"{number} {name}".strip() for number, name in named.items()}
    return optional("integer", "Division", text, enum=[None, *named], values_display=shown)


def which(entity: Entity) -> dict[str, Param]:
    """Return the record filter; an entity is asked for nothing that it does not have."""
    more: dict[str, Any] = {"section": WHICH}
    text = "Only records of a window: a live run may leave nothing out, for its watermark passes over it."
    own: dict[str, Param] = {}
    if entity == "Accounts":
        own["status"] = optional(
            "array",
            "Status",
            f"Accounts of these kinds. Empty: all. {text}",
            examples=list(STATUS),
            values_display=STATUS,
            **more,
        )
    else:
        own["only_main_contacts"] = switch(
            "Only main contacts", "Leave out contacts that are not the main contact of their account.", **more
        )
        own["account_role"] = optional(
            "string",
            "Contacts",
            "Of customers or of suppliers only. Empty: of all accounts.",
            enum=[None, *ROLES],
            values_display=ROLES,
            **more,
        )
    return own | {
        "country": optional(
            "array",
            "Country",
            "Two-letter codes, of the account's address. Empty: all. Others than these: by command line or API.",
            examples=list(COUNTRIES),
            **more,
        ),
        "modified_from": optional(
            "string", "Changed from", "First day of the last change in Exact, included.", format="date", **more
        ),
        "modified_to": optional(
            "string", "Changed until", "The day after the last one, not included.", format="date", **more
        ),
    }


def safety(*, writes: bool) -> dict[str, Param]:
    """Return what bounds a run.

    :param writes: whether anything is sent; else nobody need approve it.
    """
    more: dict[str, Any] = {"section": SAFETY}
    bound = optional(
        "integer",
        "At most",
        "Decide and send so many records and no more; 1 is a canary. The watermark stays where it is.",
        minimum=1,
        maximum=MOST,
        **more,
    )
    if not writes:
        return {"max_records": bound}
    return {
        "max_records": bound,
        "require_approval": switch(
            "Ask before sending",
            "Wait under Required Actions until somebody approves; the records are decided and counted by then. "
            "A rejection sends nothing and keeps them.",
            **more,
        ),
        "approve_above": Param(
            200,
            type=["null", "integer"],
            title="Ask above",
            description="A manual run that would send more records than this asks in any case. Schedules and "
            "backfills ask only where the field above says so.",
            minimum=0,
            **more,
        ),
    }


def start() -> dict[str, Param]:
    """Return where a live run begins to read."""
    return {
        "start_from": Param(
            setting("EXACT_PERSONIO_START_FROM", "now"),
            type="string",
            title="Start from",
            description="What counts as new: now (created after the first run), beginning, or a date like "
            "2026-01-31. A later run with an earlier date brings the history since then.",
            pattern=START_PATTERN,
            section=START,
        ),
        "reset_watermark_to": optional(
            "string",
            "Set the watermark back to",
            "Read everything again after this row version (a whole number; `beginning` for all of it). Nobody is "
            "sent twice, but it costs a call per 1,000 records.",
            pattern=RESET_PATTERN,
            section=START,
        ),
        "confirm_reset": optional(
            "string",
            "Confirm",
            "The word reset, so that a slip does nothing.",
            section=START,
        ),
    }


def again() -> dict[str, Param]:
    """Return the switch of a run that only takes what was marked for a replay."""
    return {
        "replay_only": switch(
            "Only what is marked for a replay",
            "Read nothing; decide and send the records that `exact-personio replay` or the DAG "
            "exact_to_personio_replay marked.",
            section=AGAIN,
        )
    }


def _divisions(text: str) -> dict[int, str]:
    """Return number -> name; what is no number is left out, for a DAG file must parse."""
    found: dict[int, str] = {}
    for part in text.split(","):
        number, _, name = part.partition("=")
        if number.strip().isdigit():
            found[int(number)] = name.strip()
    return found

"""Records of a preview, among them one that somebody wrote who means ill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.ledger.previews import Preview

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger import Ledger

RUN = "exact_contacts_to_personio_applications/manual__2026-03-01T12:00:00+00:00"
SCRIPT = "<script>document.title='owned'</script>"
IMAGE = '"><img src=x onerror="document.title=1">'
TURNED = "\u202egnihtemos"
TERMINAL = "\x1b]0;owned\x07\x1b[31m"


def source_id(number: int) -> str:
    """Return the ID of a record."""
    return f"{number:08d}-0000-4000-8000-00000000abcd"


def record(number: int, **changes: Any) -> Preview:
    """Return one that would be created, or what the changes make of it."""
    email = f"sanne{number}@example.org"
    values: dict[str, Any] = {
        "source_id": source_id(number),
        "outcome": "ready",
        "reason_code": "",
        "field": "",
        "action": "create",
        "existing": "nothing at Personio",
        "payload": {
            "first_name": "Sanne",
            "last_name": f"de Vries {number}",
            "email": email,
            "job_position_id": 1001,
            "tags": ["Exact", "Prospect"],
            "phase": {"type": "system", "id": "offer"},
            "attributes": [{"id": "phone", "value": "+31 20 123 45 67"}],
        },
        "email": email,
        "trace": {
            "first_name": "from FirstName (built-in)",
            "last_name": "template over MiddleName, LastName (built-in)",
            "email": "from Email (built-in)",
            "job_position_id": "constant (param)",
            "tags.0": "constant (file)",
            "tags.1": "from Status (file)",
            "phase": "constant (file)",
            "attributes.phone": "from Phone (built-in)",
        },
    }
    return Preview(**values | changes)


def rejected(number: int) -> Preview:
    """Return one without an address."""
    return record(
        number,
        outcome="rejected",
        reason_code="exact.Email.missing",
        field="Email",
        action="nothing",
        existing="was refused before",
        payload=None,
        email=None,
        trace={},
    )


def hostile(number: int) -> Preview:
    """Return one whose every text wants to be more than a text."""
    payload = {
        "first_name": f"{SCRIPT} [bold]👩‍👩‍👧",
        "last_name": f"{TURNED}{TERMINAL}{'x' * 3000}",
        "email": f"{IMAGE}@example.org",
        "attributes": [{"id": "<i>id</i>", "value": "\x00 \x9b"}],
        "message": "many words " * 2000,
    }
    return record(number, payload=payload, email=payload["email"], trace={"first_name": f"from {IMAGE}"})


def keep(ledger: Ledger, records: Sequence[Preview], run: str = RUN) -> None:
    """Keep them as a run's preview."""
    ledger.previews.replace(run, records)

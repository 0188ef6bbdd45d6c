"""Vera, whom the tests of privacy erase, and what is left of her afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.privacy.erasing import Erased, erase
from include.privacy.person import person
from planned import fill

if TYPE_CHECKING:
    from pathlib import Path

    from include.ledger import Ledger
    from include.sandbox.server import RunningSandbox

MAY = datetime(2024, 5, 6, 12, tzinfo=UTC)
MAIL = "vera.unmistakable@example.org"


def appear(sandbox: RunningSandbox) -> str:
    """Let her be a contact at Exact; return its id."""
    return fill(sandbox, MAY, FirstName="Verafirst", LastName="Unmistakable", Email=MAIL)[0]


def erased(ledger: Ledger, home: Path, text: str = MAIL) -> Erased:
    """Erase whoever is meant by a text, exports included."""
    return erase(ledger, person(ledger, text), asked_by="officer", exports=home / "exports")


def held(ledger: Ledger, what: str = MAIL) -> list[str]:
    """Return the kinds of the pieces in a ledger that hold a text."""
    return [piece.kind for piece in ledger.holdings.pieces() if what in str(piece.content).casefold()]


def applied(sandbox: RunningSandbox) -> list[str]:
    """Return the addresses of all applications at Personio."""
    return [str(made["email"]) for made in sandbox.sandbox.personio.contents()["applications"]]

"""A failed stage leaves its reason and way out in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.errors import CredentialsError, ServiceUnavailableError

if TYPE_CHECKING:
    from include.ledger import Ledger


def test_failures_of_a_run_are_told_in_order(ledger: Ledger) -> None:
    down = ServiceUnavailableError("Nobody answered.", reason_code="exact.host.unreachable", status=503)
    dead = CredentialsError("The chain is dead.", reason_code="exact.login.dead", way_out="exact-personio login")
    ledger.failures.record("dag/r1", "extract", down)
    ledger.failures.record("dag/r2", "extract", down)
    ledger.failures.record("dag/r1", "extract", dead)
    told = ledger.failures.of_run("dag/r1")
    assert [(f.stage, f.reason_code, f.status, f.what, f.way_out) for f in told] == [
        ("extract", "exact.host.unreachable", 503, "Nobody answered.", ""),
        ("extract", "exact.login.dead", None, "The chain is dead.", "exact-personio login"),
    ]

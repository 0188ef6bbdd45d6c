"""What cannot be read at Personio is said, not assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from include.errors import ServiceUnavailableError
from include.ledger.tables import deliveries
from include.sandbox.faults import Fault
from reconciled import at_personio, parts

if TYPE_CHECKING:
    from reconciled import Town

MISSING = "personio.application.missing"


def test_without_the_right_it_says_what_is_not_proven(town: Town) -> None:
    town.deliver(3)
    town.sandbox.sandbox.settings.personio.v2_scopes = ["personio:persons:read"]
    report = town.reconcile()
    assert report["verdict"] == "unproven"
    stream, side = parts(report, "stream")[0], parts(report, "personio")[0]
    assert stream["counts"]["difference"] == 0
    assert "at_personio" not in stream["counts"]
    assert "Whether 3 applications are at Personio, once each, is not proven" in side["not_proven"][0]["what"]
    assert side["not_proven"][0]["reason_code"] == "personio.scope.missing"
    assert "Grant it" in side["not_proven"][0]["way_out"]


def test_a_difference_stays_open_while_nobody_can_look(town: Town) -> None:
    """What could not be looked at is neither mended nor new."""
    ids = town.deliver(2)
    town.lose(ids[0])
    town.reconcile()
    town.sandbox.sandbox.settings.personio.v2_scopes = ["personio:persons:read"]
    town.reconcile()
    assert [check.kind for check, _ in town.ledger.reconciliations.standing()] == [MISSING]


def test_other_company_is_not_proven(town: Town) -> None:
    town.hire(1)
    town.run("r1")
    with town.ledger._database.write() as connection:
        connection.execute(deliveries.update().values(company=7))
    town.later()
    assert parts(town.reconcile(), "personio")[0]["not_proven"][0]["reason_code"] == "personio.company_id.other"


def test_half_a_list_proves_nothing(town: Town) -> None:
    """An outage in the middle keeps no report and opens no difference."""
    town.deliver(3)
    town.sandbox.sandbox.faults.add(Fault("status", match="GET v2/recruiting/applications", times=None, status=500))
    with pytest.raises(ServiceUnavailableError):
        town.reconcile()
    assert town.ledger.reconciliations.latest() is None
    assert town.ledger.reconciliations.standing() == []


def test_what_was_sent_just_now_is_not_missed(town: Town) -> None:
    """Personio's list lags; a recent application that it does not show proves nothing."""
    town.sandbox.sandbox.settings.personio.recruiting_lag_seconds = 3600
    town.hire(2)
    town.run("r1")
    report = town.reconcile()
    assert report["verdict"] == "ok"
    assert at_personio(report)["too_recent"] == 2
    town.later()
    assert at_personio(town.reconcile())["missing"] == 2

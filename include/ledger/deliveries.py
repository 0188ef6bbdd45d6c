"""The deliveries: decided, claimed, settled, reported."""

from __future__ import annotations

from include.ledger.claims import ClaimDesk
from include.ledger.decisions import DecisionWriter
from include.ledger.lookups import Lookups
from include.ledger.refusals import Refusals
from include.ledger.reports import Reports
from include.ledger.setting_aside import SettingAside


class Deliveries(DecisionWriter, ClaimDesk, Refusals, SettingAside, Reports, Lookups):
    """All there is to do with deliveries; each parent holds one part of it."""

"""The ledger: what was read, decided and delivered, so that every record arrives once."""

from __future__ import annotations

from include.ledger.claims import Claim
from include.ledger.events import Event
from include.ledger.ledger import Ledger, open_ledger
from include.ledger.lookups import DeliveryResult
from include.ledger.news import Cursor
from include.ledger.reports import DeliveryRow, Pending
from include.ledger.staging import ResumePoint, StagedRow, StageResult
from include.ledger.states import REFUSED
from include.ledger.tokens import Chain
from include.ledger.watermarks import UNCHANGED, Watermark
from include.ledger.writes import Write

__all__ = [
    "REFUSED",
    "UNCHANGED",
    "Chain",
    "Claim",
    "Cursor",
    "DeliveryResult",
    "DeliveryRow",
    "Event",
    "Ledger",
    "Pending",
    "ResumePoint",
    "StageResult",
    "StagedRow",
    "Watermark",
    "Write",
    "open_ledger",
]

"""The ledger: what was read, decided and delivered, so that every record arrives once."""

from __future__ import annotations

from include.ledger.claims import Claim
from include.ledger.events import Event
from include.ledger.ledger import Ledger, open_ledger
from include.ledger.reports import DeliveryRow, Pending
from include.ledger.staging import ResumePoint, StagedRow, StageResult
from include.ledger.watermarks import Watermark

__all__ = [
    "Claim",
    "DeliveryRow",
    "Event",
    "Ledger",
    "Pending",
    "ResumePoint",
    "StageResult",
    "StagedRow",
    "Watermark",
    "open_ledger",
]

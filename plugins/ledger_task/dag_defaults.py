"""What all of this project's DAGs have in common: patient retries, and where their time begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from include.settings import setting

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""Start date of the scheduled DAGs; they do not catch up, so it only has to lie in the past."""


def default_args() -> dict[str, Any]:
    """Return the default arguments of a DAG: a retry is safe, for nothing is written twice.

    The first wait is ``EXACT_PERSONIO_RETRY_SECONDS``, 60 by default; each next one is twice as long, up to a
    quarter of an hour.
    """
    return {
        "owner": "exact-to-personio",
        "retries": 3,
        "retry_delay": timedelta(seconds=float(setting("EXACT_PERSONIO_RETRY_SECONDS", "60"))),
        "retry_exponential_backoff": 2,
        "max_retry_delay": timedelta(minutes=15),
    }

"""The page of metrics: the gauges of an empty ledger."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

from include.ledger import open_ledger
from include.metrics.gauges import gauges
from include.metrics.samples import PREFIX
from reference.markdown import code, table


def gauges_page() -> str:
    """Return the page."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'empty.db'}"
        key = Fernet.generate_key().decode()
        with open_ledger(url, key) as ledger:
            found = gauges(ledger)
    rows = [(code(PREFIX + one.name), one.doc, ", ".join(map(code, one.labels))) for one in found]
    return (
        "# Metrics\n\n"
        "Gauges for Prometheus, from `exact-personio metrics serve`. Made from the code. What they are used for: "
        "[Monitoring](../monitoring.md).\n\n" + table(("gauge", "is", "labels"), rows)
    )

"""Runs in a container of the stack: prints the ledger's deliveries and watermarks as JSON. No personal data."""

from __future__ import annotations

import json
import sys

from include.ledger import open_ledger
from include.records import StreamKey

POSITION = 1001


def main() -> None:
    """Print every delivery of the DAGs that are named as ``entity=dag,dag`` on the command line."""
    found = []
    with open_ledger() as ledger:
        for entity, dag in (pair.split("=") for pair in sys.argv[1:]):
            live = StreamKey(dag, 124132, entity)  # type: ignore[arg-type] # Accounts or Contacts
            for stream in (live, live.history()):
                found += [
                    {"entity": entity, "source_id": row.source_id, "state": row.state, "reason_code": row.reason_code}
                    for row in ledger.deliveries.listing(stream, "application", POSITION)
                ]
    print(json.dumps(found))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()

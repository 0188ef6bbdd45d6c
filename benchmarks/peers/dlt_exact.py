"""dlt's REST source on Exact Online, as its documentation says: python -m benchmarks.peers.dlt_exact --help.

The cursor is the sync feed's ``Timestamp``, made a number: as the text that Exact sends, dlt would compare it digit
by digit and drop rows. A folder keeps dlt's state, so that the second run in it reads what is new since the first.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from benchmarks.usage import used

if TYPE_CHECKING:
    from collections.abc import Callable

# Said before dlt is imported: it reads its settings then.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"

FIELDS = "ID,Timestamp,Created,Modified,FirstName,MiddleName,LastName,Email,BusinessEmail,City,Gender,Mobile,Phone"


def number(row: dict[str, Any]) -> dict[str, Any]:
    """Make the cursor a number."""
    return {**row, "Timestamp": int(row["Timestamp"])}


def contacts() -> list[dict[str, Any]]:
    """Return the resource of the sync feed."""
    return [feed("contacts", "Contacts", FIELDS)]


def window(begin: str, end: str) -> list[dict[str, Any]]:
    """Return the resource of an interval on ``Created``: the feed cannot filter by it, pages of 60 can."""
    where = f"Created ge datetime'{begin}' and Created lt datetime'{end}'"
    params = {"$select": FIELDS.replace("Timestamp,", ""), "$filter": where}
    endpoint = {"path": "crm/Contacts", "data_selector": "d.results", "params": params}
    return [{"name": "window", "primary_key": "ID", "write_disposition": "merge", "endpoint": endpoint}]


def accounts() -> list[dict[str, Any]]:
    """Return new accounts and, one call each, their main contacts: what the source has for a child resource."""
    params = {"$select": FIELDS.replace("Timestamp,", ""), "$filter": "ID eq guid'{resources.accounts.MainContact}'"}
    endpoint = {"path": "crm/Contacts", "data_selector": "d.results", "params": params}
    child = {"name": "main_contacts", "primary_key": "ID", "write_disposition": "merge", "endpoint": endpoint}
    return [*firms(), child]


def firms() -> list[dict[str, Any]]:
    """Return the resource of new accounts alone."""
    return [feed("accounts", "Accounts", "ID,Timestamp,Created,Name,Email,MainContact")]


def feed(name: str, entity: str, fields: str) -> dict[str, Any]:
    """Return a resource of the sync feed with an incremental cursor."""
    endpoint = {
        "path": f"sync/CRM/{entity}",
        "data_selector": "d.results",
        "params": {"$select": fields, "$filter": "Timestamp gt {incremental.start_value}L"},
        "incremental": {"cursor_path": "Timestamp", "initial_value": 1},
    }
    keys = {"primary_key": "ID", "write_disposition": "merge"}
    return {"name": name, "endpoint": endpoint, "processing_steps": [{"map": number}], **keys}


def run(asked: argparse.Namespace) -> int:
    """Run the pipeline once; return how many rows came."""
    import dlt  # type: ignore[import-not-found, unused-ignore] # noqa: PLC0415 - after its settings
    from dlt.sources.rest_api import (  # type: ignore[import-not-found, unused-ignore] # noqa: PLC0415
        rest_api_source,
    )

    client = {
        "base_url": f"{asked.site}/api/v1/{asked.division}/",
        "headers": {"Accept": "application/json"},
        "auth": {"type": "bearer", "token": asked.token},
        "paginator": {"type": "json_link", "next_url_path": "d.__next"},
    }
    made: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "contacts": contacts,
        "accounts": accounts,
        "accounts_only": firms,
        "window": lambda: window(*asked.between),
    }
    source = rest_api_source({"client": client, "resources": made[asked.what]()})
    duck = asked.into == "duckdb"
    pipeline = dlt.pipeline(
        f"exact_{asked.what.removesuffix('_only')}",
        destination=dlt.destinations.duckdb(f"{asked.folder}/warehouse.duckdb")
        if duck
        else dlt.destinations.sqlalchemy(f"sqlite:///{asked.folder}/warehouse.db"),
        dataset_name="exact",
        pipelines_dir=f"{asked.folder}/pipelines",
    )
    # Into DuckDB through Parquet: row by row it takes ten times as long.
    pipeline.run(source, **({"loader_file_format": "parquet"} if duck else {})).raise_on_failed_jobs()
    counts = pipeline.last_trace.last_normalize_info.row_counts
    return sum(rows for name, rows in counts.items() if not name.startswith("_"))


def main() -> None:
    """Run once, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("contacts", "accounts", "accounts_only", "window"))
    parser.add_argument("site")
    parser.add_argument("folder", help="of the database and of dlt's state")
    parser.add_argument("--division", type=int, default=124132)
    parser.add_argument("--token", default="none")
    parser.add_argument("--into", choices=("sqlite", "duckdb"), default="sqlite")
    parser.add_argument("--between", nargs=2, default=("", ""))
    asked = parser.parse_args()
    os.environ["DLT_DATA_DIR"] = asked.folder
    warnings.simplefilter("ignore")
    logging.disable()
    import dlt.sources.rest_api  # type: ignore[import-not-found, unused-ignore] # noqa: F401, PLC0415 - not measured

    sys.stdout.write("\n" + json.dumps(used(lambda: run(asked))) + "\n")


if __name__ == "__main__":
    main()

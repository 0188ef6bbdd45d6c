"""The page of the settings: what the environment decides. A test holds the list to the code that reads them."""

from __future__ import annotations

from typing import Final

from include.settings import (
    DEFAULT_BACKFILL_SHARE,
    DEFAULT_LOAD_MINUTES,
    DEFAULT_RETENTION_DAYS,
    DEFAULT_STALE_HOURS,
    FOLLOW_DELETIONS,
)
from reference.markdown import code, table

PREFIX: Final = "EXACT_PERSONIO_"

SETTINGS: Final[dict[str, tuple[object, str]]] = {
    "LEDGER_URL": (
        "a SQLite file in AIRFLOW_HOME",
        "Where the ledger is: `sqlite:///…` or `postgresql+psycopg://…`. See [Deploy](../deploy.md).",
    ),
    "LEDGER_KEY": (
        "a key file beside a SQLite ledger",
        (
            "What encrypts it: Fernet keys, comma separated; the first one encrypts, all of them decrypt. See "
            "[Changing the ledger's key](../connections.md#changing-the-ledgers-key)."
        ),
    ),
    "MAPPING": ("", "Path of your own [mapping](../mapping.md) file."),
    "CONNECTIONS": (
        "exact_online_default",
        (
            "Connections to Exact, comma separated, that a secrets backend has: housekeeping and the page "
            "Connections cannot list those."
        ),
    ),
    "START_FROM": ("now", "Where a stream begins that was never read: `now`, a day, or `beginning`."),
    "DIVISIONS": (
        "",
        "Names of companies for the form, such as `124132=Voorbeeld BV, 124133=Voorbeeld BE`; empty: numbers.",
    ),
    "HISTORY_TIMEZONE": (
        "Europe/Amsterdam",
        "Zone of the months of the history DAGs. See [Backfill](../backfill.md).",
    ),
    "APPROVAL_HOURS": (24, "How long a run waits for a person's [approval](../backfill.md#approval)."),
    "LOAD_MINUTES": (DEFAULT_LOAD_MINUTES, "After these a live run leaves what it has not sent to the next one."),
    "DEFER_LOAD": (
        "yes",
        "Whether a load that waits for a limit gives its worker back; `no` where there is no triggerer.",
    ),
    "BACKFILL_SHARE": (
        DEFAULT_BACKFILL_SHARE,
        "Percent of the services' limits that history uses while a live run wants some.",
    ),
    "RETRY_SECONDS": (60, "First wait before a task is tried again; each next one is twice as long."),
    "LOOK_AGAIN_HOURS": (
        24,
        "How often accounts that were rejected for their main contact are looked at again; 0: never.",
    ),
    "RETENTION_DAYS": (
        DEFAULT_RETENTION_DAYS,
        (
            "How long personal data of finished records is kept. See "
            "[What is forgotten, and when](../connections.md#what-is-forgotten-and-when)."
        ),
    ),
    "FOLLOW_DELETIONS": (
        FOLLOW_DELETIONS[0],
        "What becomes of records that Exact deleted or anonymised: `keep` or `erase`. See [Privacy](../privacy.md).",
    ),
    "NOTIFIERS": ("", "JSON: who is told when something stops. See [Monitoring](../monitoring.md#messages)."),
    "STALE_HOURS": (
        DEFAULT_STALE_HOURS,
        "Hours without a commit, or of a record's waiting, after which a stream counts as stopped; 0: never.",
    ),
    "DEADLINE_MINUTES": (0, "Minutes within which a live run has to be through; 0: there is no deadline."),
    "RECONCILE_DEPTH": ("personio", "How deep the daily reconciliation looks: `ledger`, `personio` or `exact`."),
    "CHANNEL_ID": ("", "Recruiting channel that is ours alone. See [Reconciliation](../reconciliation.md)."),
    "BUILD": ("build", "Folder of `make demo` and `make up`, on the machine of a developer."),
}
"""Name without the prefix -> its default, what it decides."""


def settings_page() -> str:
    """Return the page."""
    rows = [(code(PREFIX + name), str(default), means) for name, (default, means) in SETTINGS.items()]
    return (
        "# Settings\n\n"
        "Variables of the environment, the same for every process of Airflow and the command line; empty is unset. "
        "What belongs to one tenant is in the [connections](../connections.md), and what belongs to one run in its "
        "[parameters](run-parameters.md).\n\n" + table(("variable", "default", "decides"), rows)
    )

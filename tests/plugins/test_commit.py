"""What the commit task leaves behind in Airflow for the next run to start from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Asset
from cryptography.fernet import Fernet

from exact_to_personio.operators import CommitOperator
from include.ledger import open_ledger
from include.records import StreamKey, Window
from include.sync.job import Job

if TYPE_CHECKING:
    from pathlib import Path

STREAM = StreamKey("exact_contacts_to_personio_applications", 124132, "Contacts")
WINDOWS = {
    "live": Window(mode="live", after=500),
    "backfill": Window(mode="backfill", after=1, advances=False, reading="feed"),
    "preview": Window(mode="live", after=500, advances=False, preview=True),
}


class Mute(CommitOperator):
    """The task, told what it would have found in connections and in the run's form."""

    def _job(self, context: Any) -> Job:
        job = Job(STREAM, "application", 4242, 1001)
        return job if context["window"].advances else job.history()

    def _window(self, *found: Any) -> Window:
        window: Window = found[-1]["window"]
        return window


@pytest.mark.parametrize(("name", "pushed"), [("live", ["watermark"]), ("backfill", []), ("preview", [])])
def test_only_who_moves_the_watermark_publishes_it(tmp_path: Path, name: str, pushed: list[str]) -> None:
    """A backfill may reprocess the very run whose XCom the next live run starts from; its event tells of it too."""
    asset = Asset("exact://124132/contacts")
    task = Mute(task_id="commit", asset=asset, entity="Contacts", destination="application")
    xcoms: dict[str, Any] = {}
    event = SimpleNamespace(extra={})
    context: Any = {
        "run_id": "r1",
        "window": WINDOWS[name],
        "ti": SimpleNamespace(xcom_push=xcoms.__setitem__),
        "outlet_events": {asset: event},
    }
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db", Fernet.generate_key().decode()) as ledger:
        ledger.watermarks.advance(STREAM, expected=None, to=500, run_id="r1", created_from=None)
        told = task.work(ledger, context)
    assert (event.extra, told["advanced"], told["mode"]) == (told, bool(pushed), name)
    assert xcoms == dict.fromkeys(pushed, told)

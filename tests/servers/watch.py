"""What no stage of a run may do, and what only some may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from world import Run

IN_FLIGHT = ("sending", "in_doubt")


@dataclass(frozen=True)
class Watch:
    """One stage, and what was there before and after it, as `world.World.look` tells.

    :param moved: whether Exact has made all row versions anew and the live stream has not noticed yet.
    """

    run: Run
    stage: str
    before: dict[str, Any]
    after: dict[str, Any]
    moved: bool

    @property
    def read_anew(self) -> bool:
        """Whether the live stream has begun to read everything again."""
        both = self.before["mark"], self.after["mark"]
        return self.run.live and self.stage == "extract" and both[0] != both[1]

    def check(self, covered: set[str] | None, *, alone: bool) -> None:
        """Fail if the stage did what it may not.

        :param covered: records that the run may decide on; None: any.
        :param alone: whether nothing else went on meanwhile.
        """
        if self.stage != "load" or self.run.asked.preview:
            assert self.after["writes"] == self.before["writes"], (
                f"{self.stage} of {self.run.run_id} wrote to Personio"
            )
        if self.run.asked.preview:
            self._preview()
        if not alone:
            return
        if self.run.live:
            self._live()
        else:
            self._history()
        if self.stage == "decide" and covered is not None:
            assert {row.source_id for row in self._touched()} <= covered, "decided on whom the run does not mean"
        if self.stage == "load":
            self._load()

    def _preview(self) -> None:
        # Whoever notices that the division was moved forgets row versions, also those of decisions.
        if self.stage != "extract" or not self.moved:
            assert self.after["deliveries"] == self.before["deliveries"], "a preview changed a delivery"
        assert self.after["outboxes"] == self.before["outboxes"], "a preview selected a record"

    def _history(self) -> None:
        assert self.after["mark"] == self.before["mark"], f"the live watermark moved by a {self.run.asked.mode}"
        if self.stage != "extract" or not self.moved:
            assert self.after["rows"] == self.before["rows"], "the live lane's rows were touched"

    def _live(self) -> None:
        before, after = self.before["mark"], self.after["mark"]
        if before is None:
            return
        assert before.created_from == after.created_from, "the live stream has another border"
        if self.stage == "commit":
            assert after.value >= before.value, "the live watermark moved backwards"
        elif self.read_anew:
            assert self.moved, "the live watermark moved in extract"
            assert after.value <= before.value, "the live watermark moved in extract"
        else:
            assert after == before, f"the live watermark moved in {self.stage}"

    def _load(self) -> None:
        """Fail if a run of the history lane sent what it has not selected, a live one what that lane owns."""
        mine = {row.delivery_id for row in self.before["outboxes"] if row.run_id.endswith(f"/{self.run.run_id}")}
        for row in self._touched():
            if self.run.live:
                assert not row.dag_id.endswith("/history") or row.state in IN_FLIGHT, "sent what another lane owns"
            else:
                assert row.id in mine, "sent what the run has not selected"

    def _touched(self) -> list[Any]:
        """Return the deliveries that were there before and are changed, and those that are new."""
        before = {row.id: row for row in self.before["deliveries"]}
        changed = [row for row in self.after["deliveries"] if before.get(row.id) != row]
        return [before.get(row.id, row) for row in changed]

"""The model test finds what it is there for: each of these mistakes, made on purpose, is caught."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from include.clients.exact_time import local_to_utc
from include.ledger import decisions, page_versions
from include.ledger.claims import ClaimDesk
from include.sync import decide
from line import Line
from machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from world import World

    Break = Callable[[pytest.MonkeyPatch], None]


def backfill_moves_the_watermark(patch: pytest.MonkeyPatch) -> None:
    import line  # noqa: PLC0415 - the name that a line calls

    real = getattr(line, "commit")  # noqa: B009 - a name that the module only imports

    def commit(ledger: Any, job: Any, run_id: str, window: Any) -> Any:
        stream = Line.job.fget  # type: ignore[attr-defined]
        made = real(ledger, job, run_id, window)
        live = job.stream.__class__(job.stream.dag, job.stream.division, job.stream.entity)
        mark = ledger.watermarks.get(live)
        if job.stream.is_history and mark is not None and stream:
            more = {"run_id": run_id, "created_from": mark.created_from}
            ledger.watermarks.advance(live, expected=mark.value, to=mark.value + 1, **more)
        return made

    patch.setattr(line, "commit", commit)


def live_run_decides_what_is_old(patch: pytest.MonkeyPatch) -> None:
    real = getattr(decide, "transform_rows")  # noqa: B009 - see above
    patch.setattr(decide, "transform_rows", lambda *args, **more: real(*args, **more | {"created_from": None}))


def pages_are_always_older(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(page_versions, "_version", lambda *_: 0)


def pages_are_always_newer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(page_versions, "_version", lambda *_: 2**62)


def claim_takes_what_others_selected(patch: pytest.MonkeyPatch) -> None:
    real = ClaimDesk.claim

    def claim(self: ClaimDesk, *args: Any, **more: Any) -> Any:
        return real(self, *args, **more | {"selected_for": None, "stream": None})

    patch.setattr(ClaimDesk, "claim", claim)


def asking_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = getattr(decide, "transform_rows")  # noqa: B009 - see above
    patch.setattr(decide, "transform_rows", lambda *args, **more: real(*args, **more | {"asked_for": ()}))


def preview_decides(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "Previewing", decide.Writing)


def canary_sends_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide.Writing, "_left", lambda _: None)


def hour_that_comes_twice_is_read_as_the_first(patch: pytest.MonkeyPatch) -> None:
    def created_at(row: Any, zone: Any) -> Any:
        return local_to_utc(row["Created"], zone, fold=0)

    patch.setattr("include.sync.pages.created_at", created_at)


def lanes_have_deliveries_of_their_own(patch: pytest.MonkeyPatch) -> None:
    real = getattr(decisions, "delivery_key")  # noqa: B009 - see above
    patch.setattr(decisions, "delivery_key", lambda stream, *rest: f"{stream.is_history:d}{real(stream, *rest)[1:]}")


MISTAKES: list[Break] = [
    backfill_moves_the_watermark,
    live_run_decides_what_is_old,
    pages_are_always_older,
    pages_are_always_newer,
    claim_takes_what_others_selected,
    asking_is_forgotten,
    preview_decides,
    canary_sends_all,
    hour_that_comes_twice_is_read_as_the_first,
    lanes_have_deliveries_of_their_own,
]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_mistake_is_caught(world: World, mistake: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    mistake(monkeypatch)
    looking = settings(
        max_examples=150,
        stateful_step_count=14,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(type("Broken", (Machine,), {"world": world}), settings=looking)

"""The model test finds what it is there for: each of these mistakes, made on purpose, is caught.

The stories are the shortest that show the mistake. Random ones find each of them as well, the rarest in one story of
fifty.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import line
from include.clients.exact_time import local_to_utc
from include.ledger import decisions, forgetting, page_versions
from include.ledger.claims import ClaimDesk
from include.records import StreamKey
from include.sync import decide
from include.sync.asked import Asked
from stories import Happening, Player

if TYPE_CHECKING:
    from collections.abc import Callable

    from world import World

    Break = Callable[[pytest.MonkeyPatch], None]
    Story = list[Happening]

ALL = Asked(mode="backfill")
OLD = datetime(2019, 10, 27, 2, 30)  # noqa: DTZ001 - the site's wall clock, in the hour that comes twice


# --- the mistakes ---


def backfill_moves_the_watermark(patch: pytest.MonkeyPatch) -> None:
    real = line.commit  # type: ignore[attr-defined]

    def commit(ledger: Any, job: Any, *rest: Any) -> Any:
        made = real(ledger, job, *rest)
        live = StreamKey(job.stream.dag, job.stream.division, job.stream.entity)
        mark = ledger.watermarks.get(live)
        terms = {"run_id": mark.run_id, "created_from": mark.created_from}
        assert ledger.watermarks.advance(live, expected=mark.value, to=mark.value + 1, **terms)
        return made

    patch.setattr(line, "commit", commit)


def live_run_decides_what_is_old(patch: pytest.MonkeyPatch) -> None:
    real = decide.transform_rows  # type: ignore[attr-defined]
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


def doubt_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = ClaimDesk.claim_in_doubt

    def claim(self: ClaimDesk, *args: Any, **more: Any) -> Any:
        found = real(self, *args, **more)
        return None if found is None else dataclasses.replace(found, was_in_doubt=False)

    patch.setattr(ClaimDesk, "claim_in_doubt", claim)


def asking_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = decide.transform_rows  # type: ignore[attr-defined]
    patch.setattr(decide, "transform_rows", lambda *args, **more: real(*args, **more | {"asked_for": ()}))


def mark_is_lost_in_a_move(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(forgetting, "NEVER_DECIDED", -99)


def preview_decides(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "Previewing", decide.Writing)


def canary_sends_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide.Writing, "_left", lambda _: None)


def repeated_hour_is_the_first(patch: pytest.MonkeyPatch) -> None:
    def created_at(row: Any, zone: Any) -> Any:
        return local_to_utc(row["Created"], zone, fold=0)

    patch.setattr("include.sync.pages.created_at", created_at)


def lanes_send_each_on_its_own(patch: pytest.MonkeyPatch) -> None:
    real = decisions.delivery_key  # type: ignore[attr-defined]
    patch.setattr(decisions, "delivery_key", lambda stream, *rest: f"{stream.is_history:d}{real(stream, *rest)[1:]}")


# --- the stories ---


def company(*contents: str, live: str = "begun", start_from: str = "now") -> Happening:
    people = [(content, 0, OLD) for content in contents]
    return Happening("company", {"start_from": start_from, "people": people, "live": live})


def run(asked: Asked) -> Happening:
    return Happening("run", {"asked": asked})


def replay(who: int) -> Happening:
    return Happening("replay", {"who": who, "now": False})


EVERYBODY, LIVE = run(ALL), run(Asked())
CORRECTED = Happening("change", {"who": 0, "content": "good"})
MOVED = Happening("meanwhile", {"what": "move", "who": 0})
DECIDED = Happening("begin", {"asked": ALL, "count": 3})
SECOND_PASS = run(
    dataclasses.replace(
        ALL,
        created_from=datetime(2019, 10, 27, 1, tzinfo=UTC),
        created_to=datetime(2019, 10, 27, 2, tzinfo=UTC),
    )
)
UNANSWERED = Happening("kill", {"asked": ALL, "stage": 3, "point": 1, "calls": 0, "kept": False})
"""The request has left and was carried out; what came of it was not written down."""

CASES: list[tuple[Break, Story]] = [
    (backfill_moves_the_watermark, [company("good"), EVERYBODY]),
    (live_run_decides_what_is_old, [company("good"), CORRECTED, LIVE]),
    (pages_are_always_older, [company("no_email", live="at the end"), EVERYBODY, CORRECTED, EVERYBODY]),
    (pages_are_always_newer, [company("no_email"), EVERYBODY, CORRECTED, LIVE]),
    (claim_takes_what_others_selected, [company("good", "good"), DECIDED, CORRECTED, LIVE]),
    (doubt_is_forgotten, [company("good"), UNANSWERED]),
    (asking_is_forgotten, [company("no_email"), EVERYBODY, CORRECTED, LIVE]),
    (mark_is_lost_in_a_move, [company("good"), CORRECTED, LIVE, replay(0), MOVED, LIVE]),
    (preview_decides, [company("good"), run(dataclasses.replace(ALL, mode="window", preview=True))]),
    (canary_sends_all, [company("good", "good"), run(dataclasses.replace(ALL, mode="window", max_records=1))]),
    (repeated_hour_is_the_first, [company("good"), SECOND_PASS]),
    (lanes_send_each_on_its_own, [company("good", start_from="beginning", live="any time"), DECIDED, LIVE]),
]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("mistake", "story"), CASES, ids=[mistake.__name__ for mistake, _ in CASES])
def test_mistake_is_caught(world: World, mistake: Break, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    Player(world).play(*story)
    mistake(monkeypatch)
    with pytest.raises(AssertionError):
        Player(world).play(*story)

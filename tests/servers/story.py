"""What happens at Exact and to the runs, told to the model and done in the world at the same time."""

from __future__ import annotations

import dataclasses
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from include.ledger.replays import Selection
from include.sync.asked import Asked
from line import DIVISION
from model import SITE, Content, Model, Person, Terms, Version
from trouble import KILLS, HeldUp, killed
from watch import IN_FLIGHT, Watch
from world import STAGES, Run, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from include.records import Window

COUNTRIES = ("NL", "BE")
CLOCKS = timedelta(seconds=60)
"""How much of the present may be cut off: the sandbox's clock stands still while a window is planned."""


class Story:
    """Everything that may happen, and what must hold after it.

    :param world: both services and the ledger.
    :param start_from: where the live stream begins.
    """

    settling = 7200

    def __init__(self, world: World, start_from: str) -> None:
        self.world = world
        self.model = Model()
        self.start_from = start_from
        self.runs: list[Run] = []
        self.moved = False
        self.number = 0
        world.begin()
        self.exact = world.sandbox.sandbox.exact
        self.accounts = [self._account(900 + n, code) for n, code in enumerate(COUNTRIES)]

    # --- at Exact ---

    def now(self) -> datetime:
        """Return the site's wall clock."""
        return self.world.sandbox.sandbox.clock.now().astimezone(SITE).replace(tzinfo=None)

    def pass_at_exact(self, seconds: int) -> None:
        self.world.sandbox.sandbox.clock.advance(timedelta(seconds=seconds))

    def hire(self, content: Content, country: int, created: datetime | None = None) -> Person:
        """Let somebody appear, now or in a company's past."""
        self.number += 1
        at = created or self.now()
        person = Person(self.number, at, COUNTRIES[country], [Version(self.model.step(), content, at)])
        self.model.people[self.number] = person
        stamps = {"ID": guid(person.number), "Created": at, "Modified": at}
        self._contact(person, stamps | {"Account": self.accounts[country]} | self._values(person, content))
        return person

    def change(self, person: Person, content: Content) -> None:
        """Correct somebody, spoil them, or change what does not matter; an address is always another one."""
        self.pass_at_exact(1)
        person.versions.append(Version(self.model.step(), content, self.now()))
        values = self._values(person, content) | {"Notes": f"note {len(person.versions)}"}
        self.exact.update(DIVISION, "Contacts", guid(person.number), values)

    def delete(self, person: Person) -> None:
        person.deleted = self.model.step()
        self.exact.delete(DIVISION, "Contacts", guid(person.number))

    def move(self) -> None:
        """Move the division: all row versions are made anew."""
        self.model.step()
        self.pass_at_exact(1)
        self.moved = True
        self.exact.move_division(DIVISION)

    def _account(self, number: int, country: str, **more: Any) -> str:
        values = {"ID": guid(number), "Name": f"Firma {number}", "Country": country, **more}
        return str(self.exact.add_account(DIVISION, values)["ID"])

    def _contact(self, person: Person, values: dict[str, Any]) -> None:
        names = {"FirstName": "Sanne", "LastName": f"Proef{person.number}"}
        self.exact.add_contact(DIVISION, names | values)

    def _values(self, person: Person, content: Content) -> dict[str, Any]:
        version = len(person.versions)
        return {
            "Email": "" if content == "no_email" else f"p{person.number}v{version}@example.org",
            "EndDate": datetime(2020, 1, 1) if content == "ended" else None,  # noqa: DTZ001 - as Exact has it
        }

    # --- runs ---

    def begin(self, asked: Asked) -> Run:
        run = Run(f"r{len(self.runs)}", dataclasses.replace(asked, start_from=self.start_from))
        self.runs.append(run)
        return run

    def go_on(self, run: Run, stages: int = len(STAGES)) -> None:
        """Do the next stages of a run."""
        for _ in range(stages):
            if run.over:
                return
            with self._watched(run, STAGES[run.stage]):
                self.world.done(run, STAGES[run.stage])
            self._over(run)

    def kill(self, run: Run, point: int, calls: int, *, kept: bool) -> None:
        """Do the next stage of a run, and kill it at something that it writes."""
        if run.over:
            return
        stage = STAGES[run.stage]
        points, over = KILLS[stage], []
        with self._watched(run, stage), killed(self.world.ledger, points[point % len(points)], calls, kept=kept):
            self.world.done(run, stage)
            over.append(stage)
        if over:
            self._over(run)
        elif stage == "extract":
            run.read = run.read or self.model.tick
        elif stage == "decide" and not run.asked.preview:
            self._decided(run, whole=False)

    def clear(self, run: Run, stage: int) -> None:
        """Clear a run from a stage on, also one that is over."""
        run.stage = min(stage, run.stage)
        run.cleared += 1
        if run.stage <= STAGES.index("extract") and not run.live:
            run.read = 0

    def load_inside(self, outer: Run, inner: Run) -> None:
        """Do one run to its end while the first request of another one's load is under way."""
        self.go_on(outer, STAGES.index("load") - outer.stage)
        if STAGES[outer.stage : outer.stage + 1] != ("load",) or outer is inner:
            return
        with self._watched(outer, "load", alone=False):
            self.world.done(outer, "load", lambda delivery: HeldUp(delivery, lambda: self.go_on(inner)))
        self._over(outer)

    def replay(self, person: Person) -> None:
        """Mark a record for a replay, if it waits for one."""
        self.model.step()
        selection = Selection(sources=[(DIVISION, self.world.entity, guid(person.number))])
        if self.world.ledger.deliveries.replay_all(selection, run_id="cli"):
            self.model.mark(person)

    # --- what a stage means to the model ---

    def _over(self, run: Run) -> None:
        stage = STAGES[run.stage]
        run.stage += 1
        if stage == "plan":
            self._planned(run)
        elif stage == "extract":
            run.read = run.read or self.model.tick
        elif stage == "decide" and not run.asked.preview:
            self._decided(run, whole=True)
        elif stage == "commit" and not run.asked.preview and run.asked.max_records is None:
            self._finished(run)

    def _finished(self, run: Run) -> None:
        """Nobody whom the run means is left out who has been fit ever since it read them."""
        if run.asked.mode == "replay":
            return
        arrived, model = self.arrived(), self.model
        meant = model.news(run.read) if run.live else model.meant(self.terms(run), run.read)
        # Another run's request is not waited for, nor is one that got no answer and is due later.
        flying = {row.source_id for row in self.world.deliveries() if row.state in IN_FLIGHT}
        missing = [number for number in meant if not arrived[number] and guid(number) not in flying]
        assert missing == [], f"a {run.asked.mode} run is over, and somebody whom it means has not arrived"

    def _planned(self, run: Run) -> None:
        window = run.window = self.world.pinned(run)
        if not run.live:
            self._pinned_rightly(run, window)
            # A window that holds nothing when it is planned is not read.
            run.read = self.model.tick if window.reading == "nothing" else 0
        elif self.model.live_since is None:
            self.model.begin(created_from=window.created_from, whole=self.start_from != "now")

    def _pinned_rightly(self, run: Run, window: Window) -> None:
        """Nobody's window is cut but at the present, and at none else's."""
        assert not window.advances
        if run.asked.mode in {"window", "backfill"}:
            assert window.created_from == run.asked.created_from
            present = self.world.sandbox.sandbox.clock.now() - CLOCKS
            cut = window.created_to is not None and (window.created_to > present or run.cleared > 0)
            assert window.created_to == run.asked.created_to or cut

    def _decided(self, run: Run, *, whole: bool) -> None:
        model = self.model
        if run.live:
            model.live(run.read)
        elif run.asked.mode == "replay":
            model.replay(whole=whole)
        elif run.asked.max_records is not None:
            chosen = {int(source_id[-12:]) for source_id in self.world.selected(run)}
            assert len(chosen) <= run.asked.max_records, "a bounded run chose too many"
            wrong = model.bounded(self.terms(run), run.read, chosen, like_live=run.asked.mode == "live")
            assert wrong == [], "a bounded run chose whom it may not"
        elif whole:
            model.window(self.terms(run), run.read)
        else:
            model.interrupted(self.terms(run), run.read)

    def terms(self, run: Run) -> Terms:
        """Return whom a run means that is not live."""
        window = run.window
        assert window is not None
        where = window.where
        return Terms(window.created_from, window.created_to, "".join(where.country), where.modified_from)

    # --- what must hold ---

    @contextmanager
    def _watched(self, run: Run, stage: str, *, alone: bool = True) -> Iterator[None]:
        """Look at what a stage may not do, before and after it.

        :param alone: whether nothing else goes on meanwhile.
        """
        before = self.world.look()
        self.model.step()
        yield
        watch = Watch(run, stage, before, self.world.look(), moved=self.moved)
        watch.check(self.covered(run), alone=alone)
        if watch.read_anew:
            self.model.whole, self.moved = True, False

    def covered(self, run: Run) -> set[str] | None:
        """Return whose records a run may decide on; None: that is not a matter of their age."""
        if run.asked.mode in {"live", "replay"} or run.window is None:
            return None
        return {guid(person.number) for person in self.model.covered(self.terms(run), run.read)}

    def check(self) -> None:
        """Nobody has arrived twice, and nobody whom no run was allowed to send."""
        arrived = self.arrived()
        assert [number for number, count in arrived.items() if count > 1] == [], "somebody has arrived twice"
        wrong = [number for number in arrived if not self.model.people[number].allowed]
        assert wrong == [], "somebody has arrived whom nobody asked for, or who was not fit"

    def arrived(self) -> Counter[int]:
        return Counter(int(email[1:].partition("v")[0]) for email in self.world.applicants())

    def settle(self) -> None:
        """Do all runs to their end, then a replay and the live stream twice; who must have arrived, has."""
        for run in self.runs:
            self.go_on(run)
        if self.model.marked:
            self.go_on(self.begin(Asked(mode="replay")))
        for _ in range(2):
            self.world.clock.sleep(self.settling)
            self.go_on(self.begin(Asked()))
        self.check()
        self._check_end()

    def _check_end(self) -> None:
        arrived, rows = self.arrived(), self.world.deliveries()
        made = {row.source_id: row for row in rows}
        missing = [p.number for p in self.model.people.values() if self.model.must(p) and not arrived[p.number]]
        assert missing == [], "somebody is missing at Personio"
        states = Counter(row.state for row in rows)
        assert len(made) == len(rows), "a record has two deliveries for one position"
        assert set(states) <= {"created", "rejected", "skipped_by_rule"}, "something is left behind"
        assert states["created"] == len(arrived), "the ledger and Personio do not agree"
        for number, person in self.model.people.items():
            if arrived[number] or (reasons := self.model.reason(person)) is None:
                continue
            row = made.get(guid(number))
            assert row is not None, "somebody was left out without a reason"
            assert row.reason_code in reasons, "somebody was left out for another reason"


def guid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"

"""A plain model of who has to arrive at Personio, whatever runs did what in which order.

It knows nothing of row versions, lanes, leases or pages. Time is a counter of what happened. A person is *asked for*
when a run that sends has read and decided about them: a live run, if they are new to the stream; any other run, if it
covered them. Who is asked for stays so. At the end, who is asked for and is fit to be sent has arrived once; who was
never asked for, or was never fit while somebody asked, has not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

SITE = ZoneInfo("Europe/Amsterdam")
Content = Literal["good", "no_email", "ended"]
REASONS: dict[Content, str] = {"no_email": "exact.Email.missing", "ended": "rule.EndDate.ended"}
NOT_NEW = "rule.Created.not_new"


def moment(local: datetime) -> datetime:
    """Return when a time of the site's clock is; in the repeated hour of October it is always the second pass."""
    return local.replace(tzinfo=SITE, fold=1).astimezone(UTC)


@dataclass(frozen=True)
class Version:
    """What a person is like since a tick.

    :param modified: as the site's clock is read.
    :param feed: whether the feed brings it; an account's is silent about its contact.
    """

    since: int
    content: Content
    modified: datetime
    feed: bool = True


@dataclass
class Person:
    """One contact at Exact, or the main contact of one account.

    :param created: as the site's clock is read.
    :param asked: tick since which somebody has asked for them; None: nobody has.
    :param perhaps: a bounded run may have asked for them, or a run that never ended.
    :param allowed: whether a run that asks for them had a fit version of them before it.
    :param decided_at: newest tick at which a run that asks had read what it then decided.
    """

    number: int
    created: datetime
    country: str
    versions: list[Version]
    deleted: int | None = None
    asked: int | None = None
    perhaps: bool = False
    allowed: bool = False
    decided_at: int = -1

    @property
    def now(self) -> Version:
        """What they are like at present."""
        return self.versions[-1]

    def between(self, start: int, end: int) -> list[Version]:
        """Return all that they were like between two ticks, both included."""
        ends = [later.since for later in self.versions[1:]] + [end + 1]
        return [one for one, until in zip(self.versions, ends, strict=True) if one.since <= end and until > start]

    def there(self, tick: int) -> bool:
        """Say whether Exact showed them at a tick."""
        return self.versions[0].since <= tick and (self.deleted is None or self.deleted > tick)


@dataclass(frozen=True)
class Terms:
    """Which records a run asks for.

    :param country: of these; empty: of all.
    :param modified_from: changed since.
    """

    created_from: datetime | None = None
    created_to: datetime | None = None
    country: str = ""
    modified_from: datetime | None = None

    def cover(self, person: Person) -> bool:
        """Say whether somebody who was created then is meant, filters aside."""
        created = moment(person.created)
        early = self.created_from is not None and created < self.created_from
        return not early and (self.created_to is None or created < self.created_to)

    def take(self, person: Person, version: Version) -> bool:
        """Say whether the filters let a version of somebody through."""
        if self.country and person.country != self.country:
            return False
        return self.modified_from is None or moment(version.modified) >= self.modified_from


@dataclass
class Model:
    """Everybody at Exact, and what was asked for.

    :param live_since: tick of the live stream's begin; None: it has not begun.
    :param live_from: who was created before is not new to it; None: everybody is.
    :param whole: whether the live stream has the feed from its beginning, not only what changed since its own.
    :param marked: who waits for a replay.
    :param looks_again: whether live runs look again at whom they had to reject, as they do with accounts.
    """

    people: dict[int, Person] = field(default_factory=dict)
    tick: int = 0
    live_since: int | None = None
    live_from: datetime | None = None
    whole: bool = False
    marked: set[int] = field(default_factory=set)
    looks_again: bool = False

    def step(self) -> int:
        """Count one thing that happens."""
        self.tick += 1
        return self.tick

    # --- what happens ---

    def begin(self, *, created_from: datetime | None, whole: bool) -> None:
        """Begin the live stream."""
        self.live_since, self.live_from, self.whole = self.tick, created_from, whole

    def mark(self, person: Person) -> None:
        """Mark somebody for a replay, which asks for them."""
        person.asked = person.asked if person.asked is not None else self.tick
        self.marked.add(person.number)

    def replay(self, *, whole: bool) -> None:
        """Decide about everybody who is marked, by what is known of them; it may be old.

        :param whole: whether it came to its end, so that nobody is marked any more.
        """
        for number in self.marked:
            self._allow(self.people[number], 0)
        if whole:
            self.marked.clear()

    def live(self, read: int) -> None:
        """Decide as a live run that had read the feed at a tick."""
        for person in self.people.values():
            if self.is_new(person) and self._seen(person):
                self._ask(person, read)
            elif person.asked is not None or person.perhaps:
                self._allow(person, read)

    def window(self, terms: Terms, read: int) -> None:
        """Decide as a run that had read the records of a window at a tick."""
        for person in self.covered(terms, read):
            if self.surely(terms, person, read):
                self._ask(person, read)
            else:
                self._perhaps(person, read)

    def interrupted(self, terms: Terms, read: int) -> None:
        """Decide as a run that was killed over it: about some of its records."""
        for person in self.covered(terms, read):
            self._perhaps(person, read)

    def bounded(self, terms: Terms, read: int, chosen: set[int], *, like_live: bool) -> list[int]:
        """Decide as a run that stops when it has chosen enough; return whom it had no right to choose.

        Whom it met on its way and could not send, it has asked for; how far it went is its own matter.

        :param like_live: whether it decides what the next live run would, also about whom others have asked for.
        """
        covered = {person.number: person for person in self.covered(terms, read)}
        if like_live:
            covered |= {number: person for number, person in self.people.items() if person.asked or person.perhaps}
        for number, person in covered.items():
            if number in chosen:
                self._ask(person, read)
            elif any(one.content != "good" for one in self._known(person, read)):
                self._perhaps(person, read)
        return sorted(number for number in chosen if number not in covered or not covered[number].allowed)

    # --- who is meant ---

    def covered(self, terms: Terms, read: int) -> list[Person]:
        """Return whom a run may decide about that read at a tick and decides now.

        Other runs of the lane may have brought newer rows of theirs meanwhile.
        """
        return [
            person
            for person in self.people.values()
            if terms.cover(person) and any(terms.take(person, one) for one in self._known(person, read))
        ]

    def surely(self, terms: Terms, person: Person, read: int) -> bool:
        """Say whether a run that read at a tick must have somebody among its records."""
        between = person.between(read, self.tick)
        return terms.cover(person) and person.there(read) and all(terms.take(person, one) for one in between)

    def meant(self, terms: Terms, read: int) -> list[int]:
        """Return who must have arrived with a window that was read at a tick: fit and in it ever since."""
        sure = [one for one in self.people.values() if self.surely(terms, one, read) and self._always(one, read)]
        # With an account its contact is gone, who would have been looked up.
        return [one.number for one in sure if one.deleted is None or not self.looks_again]

    def news(self, read: int) -> list[int]:
        """Return who must have arrived with a live run that read the feed at a tick."""
        new = [one for one in self.people.values() if self.is_new(one) and self._seen(one) and one.there(read)]
        # Who has to be looked at again has to wait for it.
        return [
            one.number
            for one in new
            if self._always(one, 0 if self.looks_again else read) and (one.deleted is None or not self.looks_again)
        ]

    def fit(self, person: Person, read: int) -> bool:
        """Say whether somebody was fit to be sent at some time since a run read them."""
        return any(one.content == "good" for one in self._known(person, read))

    def is_new(self, person: Person) -> bool:
        """Say whether somebody was created since the live stream's border."""
        if self.live_since is None:
            return False
        return self.live_from is None or moment(person.created) >= self.live_from

    # --- the end ---

    def must(self, person: Person) -> bool:
        """Say whether somebody must have arrived, after everything was run to its end and the live stream twice."""
        if person.deleted is not None or person.now.content != "good":
            return False
        return self._asked(person) and self._noticed(person)

    def reason(self, person: Person) -> set[str] | None:
        """Return the reasons that may be on record of somebody who has not arrived; None: any, or none."""
        if person.deleted is not None or person.perhaps:
            return None
        if not self._asked(person):
            return {NOT_NEW} if self._seen(person) else None
        content = person.now.content
        return {REASONS[content]} if content in REASONS and self._noticed(person) else None

    # --- inside ---

    def _asked(self, person: Person) -> bool:
        return person.asked is not None or (self.is_new(person) and self._seen(person))

    def _seen(self, person: Person) -> bool:
        """Say whether the live feed has brought somebody, or will with the next run."""
        if self.live_since is None:
            return False
        return self.whole or any(one.feed and one.since > self.live_since for one in person.versions)

    def _noticed(self, person: Person) -> bool:
        """Say whether somebody who was asked for is known as they are now."""
        now, since = person.now, self.live_since
        if person.decided_at >= now.since:
            return True
        if self.looks_again and self.is_new(person) and self._seen(person):
            return True
        return now.feed and since is not None and (self.whole or now.since > since)

    def _known(self, person: Person, read: int) -> list[Version]:
        # Who was deleted before is only known by what some run has read earlier, whenever that was.
        start = 0 if person.deleted is not None and person.deleted <= read else read
        return person.between(start, self.tick)

    def _ask(self, person: Person, read: int) -> None:
        person.asked = person.asked if person.asked is not None else self.tick
        # A main contact is looked up when the account is decided on.
        person.decided_at = max(person.decided_at, self.tick if self.looks_again else read)
        self._allow(person, read)

    def _always(self, person: Person, read: int) -> bool:
        return all(one.content == "good" for one in person.between(read, self.tick))

    def _perhaps(self, person: Person, read: int) -> None:
        person.perhaps = True
        self._allow(person, read)

    def _allow(self, person: Person, read: int) -> None:
        person.allowed = person.allowed or self.fit(person, read)

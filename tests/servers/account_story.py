"""The same stories about accounts, whose applicant is their main contact: of its changes their feed is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from line import DIVISION
from model import Content, Person, Version
from story import COUNTRIES, Story, guid

if TYPE_CHECKING:
    from datetime import datetime

    from world import World

CONTACT = 500
"""Number of the first main contact."""


class AccountStory(Story):
    """Everything that may happen to accounts."""

    settling = 25 * 3600

    def __init__(self, world: World, start_from: str) -> None:
        super().__init__(world, start_from)
        self.model.looks_again = True
        for account in self.accounts:
            self.exact.delete(DIVISION, "Accounts", account)

    def hire(self, content: Content, country: int, created: datetime | None = None) -> Person:
        """Let an account appear with its main contact, now or in a company's past."""
        self.number += 1
        at = created or self.now()
        content = "good" if content == "good" else "no_email"
        # Exact saves the account again when its first contact becomes the main one.
        person = Person(self.number, at, COUNTRIES[country], [Version(self.model.step(), content, self.now())])
        self.model.people[self.number] = person
        account = self._account(person.number, person.country, Created=at, Modified=at)
        values = {"ID": guid(CONTACT + person.number), "Account": account}
        self._contact(person, values | self._values(person, content))
        return person

    def change(self, person: Person, content: Content) -> None:
        """Change the main contact's address, or save the account itself again."""
        self.pass_at_exact(1)
        since = self.model.step()
        if content == "ended":
            person.versions.append(Version(since, person.now.content, self.now()))
            values = {"Remarks": f"note {len(person.versions)}"}
            self.exact.update(DIVISION, "Accounts", guid(person.number), values)
            return
        person.versions.append(Version(since, content, person.now.modified, feed=False))
        self.exact.update(DIVISION, "Contacts", guid(CONTACT + person.number), self._values(person, content))

    def delete(self, person: Person) -> None:
        person.deleted = self.model.step()
        self.exact.delete(DIVISION, "Accounts", guid(person.number))

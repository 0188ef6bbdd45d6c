"""Personio's persons, through v2: the same people as v1's employees, with the moment they were created."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

from include.clients.personio_answers import same
from include.clients.personio_company import PersonioCompany
from include.clients.personio_lists import V2List
from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from include.records import Row

PERSONS: Final = "/v2/persons"
READ: Final = "personio:persons:read"
PERSONS_PER_PAGE: Final = 50

_EMAILS_PER_CALL: Final = 50
_MAX_QUERY: Final = 5000
"""Characters of addresses in one URL; gateways refuse long ones."""


class PersonioPersons(PersonioCompany):
    """Persons as Personio sends them; the id is text."""

    def list_persons(self, *, created_after: datetime | None, emails: Sequence[str] = ()) -> Iterator[Row]:
        """Yield the persons, each once.

        .. seealso:: https://developer.personio.de/reference/get_v2-persons

        :param created_after: aware, exclusive, to the second; None: since ever.
        :param emails: only these addresses, in any number; none: all persons.
        :raises ConfigurationError: if the time has no zone, or an address cannot stand in a list.
        :raises PermissionDeniedError: if the credential lacks ``personio:persons:read``.
        :raises ProtocolError: if a link leads to another host.
        """
        query: dict[str, str | int] = {"limit": PERSONS_PER_PAGE}
        if created_after is not None:
            query["created_at.gt"] = _utc(created_after)
        chunks = list(_chunks(emails)) if emails else [[]]
        return self._persons(query, chunks)

    def _persons(self, query: dict[str, str | int], chunks: list[list[str]]) -> Iterator[Row]:
        seen: set[str] = set()
        pages = V2List(self._calls, self.config.base_url, PERSONS, scope=READ)
        for chunk in chunks:
            for row in pages.rows({**query, "email": ",".join(chunk)} if chunk else query):
                # Personio ignores filters that it does not know, so other people may come.
                wanted = not chunk or any(same(row.get("email"), email) for email in chunk)
                if wanted and row["id"] not in seen:
                    seen.add(row["id"])
                    yield row


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ConfigurationError(
            "`created_after` has no time zone.",
            reason_code="personio.created_at.malformed",
            way_out="Give a time with its zone, such as 2026-06-25T14:00:00Z.",
        )
    # Cut to the second, which is what Personio stores: earlier loses nothing, later would.
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _chunks(emails: Sequence[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    length = 0
    for email in dict.fromkeys(_address(text) for text in emails):
        size = len(quote_plus(email)) + 3
        if chunk and (len(chunk) == _EMAILS_PER_CALL or length + size > _MAX_QUERY):
            yield chunk
            chunk, length = [], 0
        chunk.append(email)
        length += size
    yield chunk


def _address(text: object) -> str:
    email = text.strip().lower() if isinstance(text, str) else ""
    if not email or "," in email or any(letter.isspace() for letter in email):
        raise ConfigurationError(
            "One of `emails` is no address that can stand in a list.",
            reason_code="personio.email.malformed",
            way_out="Give addresses without commas and spaces, one text each.",
        )
    return email

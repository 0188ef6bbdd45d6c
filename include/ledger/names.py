"""By which names a delivery is found: keyed hashes of the words of a name, and never the name itself.

They live as long as the keyed hash of the address: whoever takes that out of a delivery calls `forget` in the same
transaction.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import literal, select

from include.ledger.people_tables import names
from include.ledger.tables import deliveries

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import ColumnElement, Connection, Select

    from include.ledger.crypto import Cipher

FIELDS: Final = ("first_name", "last_name")
"""Of a payload: how Personio calls the parts of a name."""

MOST_WORDS: Final = 12
"""Of one name: whoever writes a book into a field is found by its first words."""

_WORD: Final = re.compile(r"[^\W_]+")


def words_of(name: str) -> list[str]:
    """Return the words of a name as they are compared: upper and lower case, accents and widths being the same.

    "José de Vries-Bäcker" and "jose DE VRIES backer" have the same words.

    .. seealso:: https://www.unicode.org/reports/tr15/
    """
    folded = name.casefold()
    if not folded.isascii():
        parts = unicodedata.normalize("NFKD", folded)
        folded = "".join(letter for letter in parts if not unicodedata.combining(letter)).casefold()
    return list(dict.fromkeys(_WORD.findall(folded)))[:MOST_WORDS]


def words_for(payload: Mapping[str, Any] | None, called: str) -> list[str]:
    """Return the words by which a record is found.

    :param payload: what is sent of it; None: nothing.
    :param called: what it is called besides, see `include.records.Decision`.
    """
    sent = " ".join(value for field in FIELDS if isinstance(value := (payload or {}).get(field), str))
    return list(dict.fromkeys([*words_of(sent), *words_of(called)]))


def replace(connection: Connection, cipher: Cipher, words: Mapping[int, Collection[str]]) -> None:
    """Note the names of deliveries that were decided, instead of those they had.

    Those of a new delivery are replaced too: SQLite gives the number of a removed one anew.

    :param words: by delivery that this transaction has locked, see `words_for`.
    """
    if not words:
        return
    forget(connection, list(words))
    known: dict[str, str] = {}  # within a batch many are called the same
    rows = []
    for number, mine in words.items():
        for word in mine:
            digest = known.get(word) or known.setdefault(word, cipher.name_digest(word))
            rows.append({"digest": digest, "delivery_id": number})
    if rows:
        connection.execute(names.insert(), rows)


def is_named() -> ColumnElement[bool]:
    """Return the condition that a delivery is found by a name."""
    return select(literal(1)).where(names.c.delivery_id == deliveries.c.id).exists()


def forget(connection: Connection, ids: Collection[int] | Select[Any]) -> None:
    """Forget the names of deliveries."""
    connection.execute(names.delete().where(names.c.delivery_id.in_(ids)))

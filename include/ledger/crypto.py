"""Encryption of personal data and keyed hashes for looking it up."""

from __future__ import annotations

import hashlib
import secrets as random_source
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from include.errors import ConfigurationError
from include.json_values import canonical, read_json
from include.ledger import tables
from include.ledger.sealing import KeyRing, UnsealableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger.database import Database

NEW_KEY_COMMAND = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
_HASH_SECRET = "hash"  # noqa: S105 - the name of the row, not the secret
_BLOCK = 64
"""Bytes that SHA-256 takes at a time; RFC 2104 fills the key up to it."""


class Cipher:
    """Seals JSON values and makes keyed hashes.

    :param keys: Fernet keys; the first one encrypts, all of them decrypt, so keys can be rotated.
    :raises ConfigurationError: if there is none, or one is not a Fernet key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._keys = KeyRing(keys)
        except (ValueError, TypeError):
            raise ConfigurationError(
                "EXACT_PERSONIO_LEDGER_KEY holds no usable key.",
                reason_code="settings.EXACT_PERSONIO_LEDGER_KEY.invalid",
                way_out=f"Make one: {NEW_KEY_COMMAND}",
            ) from None
        self._hash_with(b"")

    def unlock(self, database: Database) -> None:
        """Read the ledger's hash secret, or make it in a new ledger.

        It is random and stored sealed instead of being derived from the key, so that hashes stay the
        same when the key is rotated.

        :raises ConfigurationError: if none of the keys opens this ledger.
        """
        query = select(tables.secrets.c.sealed).where(tables.secrets.c.name == _HASH_SECRET)
        with database.read() as connection:
            sealed = connection.execute(query).scalar()
        if sealed is None:
            fresh = {"name": _HASH_SECRET, "sealed": self.seal(random_source.token_hex(32))}
            with database.write() as connection:
                connection.execute(database.insert(tables.secrets).on_conflict_do_nothing(), fresh)
                sealed = connection.execute(query).scalar_one()
        self._hash_with(bytes.fromhex(str(self.open(sealed))))

    def seal(self, value: Any) -> bytes:
        """Encrypt a JSON value."""
        return self._keys.seal([canonical(value)])[0]

    def seal_texts(self, texts: Sequence[bytes]) -> list[bytes]:
        """Encrypt JSON texts, in one go.

        :param texts: each of one value, for `open` to read.
        """
        return self._keys.seal(texts)

    def open(self, sealed: bytes) -> Any:
        """Decrypt what `seal` made.

        :raises ConfigurationError: if none of the keys fits.
        """
        try:
            return read_json(self._keys.open(bytes(sealed)))
        except UnsealableError:
            raise ConfigurationError(
                "None of the keys in EXACT_PERSONIO_LEDGER_KEY opens this ledger.",
                reason_code="settings.EXACT_PERSONIO_LEDGER_KEY.wrong",
                way_out="Set the key the ledger was made with; after a new one was set keep the old one in the list, "
                "comma separated, behind it, until `exact-personio rotate-keys` says that it can go.",
            ) from None

    def is_newest(self, sealed: bytes) -> bool:
        """Say whether the first key opens it."""
        return self._keys.is_newest(bytes(sealed))

    def rotated(self, sealed: bytes) -> bytes | None:
        """Return what any of the keys opens, encrypted with the first key; None if none of them does."""
        try:
            return self._keys.seal([self._keys.open(bytes(sealed))])[0]
        except UnsealableError:
            return None

    def digest(self, text: str) -> str:
        """Return the keyed hash of a text: equal texts are found, the text itself is not."""
        return self.digest_text(text.encode())

    def digest_of(self, value: Any) -> str:
        """Return the keyed hash of a JSON value, whatever the order of its keys."""
        return self.digest_text(canonical(value))

    def digest_text(self, text: bytes) -> str:
        """Return the keyed hash of a text: HMAC with SHA-256."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.hexdigest()

    def email_digest(self, email: str) -> str:
        """Return the keyed hash of an e-mail address, upper and lower case being the same."""
        return self.digest("email:" + email.strip().casefold())

    def name_digest(self, word: str) -> str:
        """Return the keyed hash of one word of a name, half as long: it is only looked up, and there are many.

        :param word: as `include.ledger.names.words_of` has it.
        """
        return self.digest("name:" + word)[:32]

    def _hash_with(self, secret: bytes) -> None:
        """Begin RFC 2104 with the secret, once: `hmac` begins anew for each text, and takes twice as long."""
        key = hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret
        padded = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

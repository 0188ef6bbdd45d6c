"""Encryption of personal data and keyed hashes for looking it up."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets as random_source
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select

from include.errors import ConfigurationError
from include.ledger import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger.database import Database

NEW_KEY_COMMAND = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
_HASH_SECRET = "hash"  # noqa: S105 - the name of the row, not the secret


class Cipher:
    """Seals JSON values and makes keyed hashes.

    :param keys: Fernet keys; the first one encrypts, all of them decrypt, so keys can be rotated.
    :raises ConfigurationError: if there is none, or one is not a Fernet key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            fernets = [Fernet(key) for key in keys]
            self._fernet = MultiFernet(fernets)
        except (ValueError, TypeError):
            raise ConfigurationError(
                "EXACT_PERSONIO_LEDGER_KEY holds no usable key.",
                reason_code="settings.EXACT_PERSONIO_LEDGER_KEY.invalid",
                way_out=f"Make one: {NEW_KEY_COMMAND}",
            ) from None
        self._newest = fernets[0]
        self._secret = b""

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
        self._secret = bytes.fromhex(str(self.open(sealed)))

    def seal(self, value: Any) -> bytes:
        """Encrypt a JSON value."""
        return self._fernet.encrypt(canonical(value))

    def open(self, sealed: bytes) -> Any:
        """Decrypt what `seal` made.

        :raises ConfigurationError: if none of the keys fits.
        """
        try:
            return json.loads(self._fernet.decrypt(bytes(sealed)))
        except InvalidToken:
            raise ConfigurationError(
                "None of the keys in EXACT_PERSONIO_LEDGER_KEY opens this ledger.",
                reason_code="settings.EXACT_PERSONIO_LEDGER_KEY.wrong",
                way_out="Set the key the ledger was made with; after a new one was set keep the old one in the list, "
                "comma separated, behind it, until `exact-personio rotate-keys` says that it can go.",
            ) from None

    def is_newest(self, sealed: bytes) -> bool:
        """Say whether the first key opens it."""
        try:
            self._newest.decrypt(bytes(sealed))
        except InvalidToken:
            return False
        return True

    def rotated(self, sealed: bytes) -> bytes | None:
        """Return what any of the keys opens, encrypted with the first key; None if none of them does."""
        try:
            return self._fernet.rotate(bytes(sealed))
        except InvalidToken:
            return None

    def digest(self, text: str) -> str:
        """Return the keyed hash of a text: equal texts are found, the text itself is not."""
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def digest_of(self, value: Any) -> str:
        """Return the keyed hash of a JSON value, whatever the order of its keys."""
        return hmac.new(self._secret, canonical(value), hashlib.sha256).hexdigest()

    def email_digest(self, email: str) -> str:
        """Return the keyed hash of an e-mail address, upper and lower case being the same."""
        return self.digest("email:" + email.strip().casefold())


def canonical(value: Any) -> bytes:
    """Return the one JSON text of a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

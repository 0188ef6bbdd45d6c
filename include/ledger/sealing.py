"""How values are encrypted: AES-256-GCM under keys that come of the Fernet keys in the settings.

A sealed value is `MARK`, a nonce, and what AES-GCM makes of the text, its tag at the end. Fernet, with which ledgers
were written before, takes ten times as long and a third more room; what it has sealed stays readable. Its tokens
begin with a letter, `MARK` does not.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from collections.abc import Sequence

MARK: Final = b"\x01epl"
"""Begins each value: a byte for the version, and three by which it is found in a file. It is authenticated, too."""

NONCE: Final = 12
"""Bytes, random. NIST SP 800-38D allows 2**32 under one key: a million records, each sealed four thousand times."""

_PURPOSE: Final = b"exact-personio ledger AES-256-GCM 1"


class UnsealableError(Exception):
    """None of the keys opens a value."""


class KeyRing:
    """Seals and opens texts.

    :param keys: Fernet keys; the first one seals, all of them open.
    :raises ValueError: if there is none, or one is not a Fernet key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        fernets = [Fernet(key) for key in keys]
        self._before = MultiFernet(fernets)
        self._newest_before = fernets[0]
        self._ciphers = [AESGCM(derived(key)) for key in keys]

    def seal(self, texts: Sequence[bytes]) -> list[bytes]:
        """Encrypt texts under the first key."""
        encrypt = self._ciphers[0].encrypt
        # One question to the system for all nonces.
        random = os.urandom(NONCE * len(texts))
        nonces = (random[start : start + NONCE] for start in range(0, len(random), NONCE))
        return [MARK + nonce + encrypt(nonce, text, MARK) for nonce, text in zip(nonces, texts, strict=True)]

    def open(self, sealed: bytes) -> bytes:
        """Decrypt a value, whichever of the keys and of the two ways it was sealed with.

        :raises UnsealableError: if none of the keys fits.
        """
        if not sealed.startswith(MARK):
            try:
                return self._before.decrypt(sealed)
            except InvalidToken:
                raise UnsealableError from None
        for cipher in self._ciphers:
            try:
                return _opened(cipher, sealed)
            except InvalidTag:
                continue
        raise UnsealableError

    def is_newest(self, sealed: bytes) -> bool:
        """Say whether the first key opens it."""
        try:
            if sealed.startswith(MARK):
                _opened(self._ciphers[0], sealed)
            else:
                self._newest_before.decrypt(sealed)
        except (InvalidTag, InvalidToken):
            return False
        return True


def derived(key: str) -> bytes:
    """Return the key for AES-256-GCM that comes of a Fernet key, whose own halves do other work."""
    material = base64.urlsafe_b64decode(key)
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(material)


def _opened(cipher: AESGCM, sealed: bytes) -> bytes:
    start = len(MARK)
    if len(sealed) < start + NONCE:
        raise InvalidTag
    return cipher.decrypt(sealed[start : start + NONCE], sealed[start + NONCE :], MARK)

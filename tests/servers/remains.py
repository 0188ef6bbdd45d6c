"""What files still tell of a person: in clear, in any case and encoding, or in a token that a key opens."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from include.ledger.sealing import MARK, NONCE, derived

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_START = b"gAAAAA"
_TOKEN = re.compile(rb"gAAAAA[A-Za-z0-9_-]+={0,2}")
_MOST_BLOCKS = 600
_MOST_BYTES = 16 * _MOST_BLOCKS


def tokens(data: bytes, key: str) -> Iterator[bytes]:
    """Yield what each token in some bytes says; bytes that happen to follow a token do not hide it.

    :param key: of the ledger.
    """
    yield from _values(data, key)
    fernet = Fernet(key)
    for match in _TOKEN.finditer(data):
        text = match[0]
        for start in (hit.start() for hit in re.finditer(_START, text)):
            for blocks in range(1, _MOST_BLOCKS):
                # Version, time, vector, blocks of 16, signature: the only lengths there are.
                length = -(-(57 + 16 * blocks) // 3) * 4
                if start + length > len(text):
                    break
                try:
                    yield fernet.decrypt(text[start : start + length])
                    break
                except (InvalidToken, ValueError):
                    continue


def _values(data: bytes, key: str) -> Iterator[bytes]:
    """Yield what each value in some bytes says, whole or cut off, then nonsense: where one ends cannot be seen.

    GCM counts its blocks from 2 behind the nonce; without the tag, a part can be read as well as the whole.
    """
    for match in re.finditer(re.escape(MARK), data):
        start = match.end() + NONCE
        counter = data[match.end() : start] + (2).to_bytes(4, "big")
        if start <= len(data):
            yield Cipher(AES256(derived(key)), CTR(counter)).decryptor().update(data[start : start + _MOST_BYTES])


def files_under(*folders: Path) -> list[Path]:
    """Return every file below folders."""
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]


def remains(files: Iterable[Path], words: Sequence[str], key: str) -> dict[str, list[str]]:
    """Return what of a person is found: name of the file -> words, those in tokens with ``sealed`` in front.

    :param words: what tells of the person: address, names, telephone.
    :param key: of the ledger.
    """
    found: dict[str, list[str]] = {}
    for path in files:
        data = path.read_bytes()
        said = b"\n".join(tokens(data, key)).lower()
        hits = [word for word in words if any(form in data.lower() for form in _forms(word))]
        hits += [f"sealed {word}" for word in words if any(form in said for form in _forms(word))]
        if hits:
            found[str(path)] = hits
    return found


def _forms(word: str) -> tuple[bytes, ...]:
    plain = word.lower().encode()
    return plain, word.lower().encode("utf-16-le"), base64.b64encode(word.encode()).lower().rstrip(b"=")

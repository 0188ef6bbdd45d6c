"""Values that are sealed: under which key, in which way, and what is left of them when somebody tampers."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from include.errors import ConfigurationError
from include.json_values import canonical
from include.ledger import open_ledger
from include.ledger.crypto import Cipher
from include.ledger.sealing import MARK, NONCE, KeyRing, UnsealableError, derived
from remains import tokens

if TYPE_CHECKING:
    from include.records import StreamKey

PERSON = {"FirstName": "Zoë", "Email": "zoe@example.org"}


@pytest.fixture
def new() -> str:
    return Fernet.generate_key().decode()


def before(key: str, value: Any) -> bytes:
    """Return a value as ledgers were written before there was AES-GCM."""
    return Fernet(key).encrypt(canonical(value))


def test_what_fernet_has_sealed_stays_readable(key: str) -> None:
    cipher = Cipher([key])
    assert cipher.open(before(key, PERSON)) == PERSON
    assert cipher.is_newest(before(key, PERSON))


def test_both_kinds_are_rotated(key: str, new: str) -> None:
    """They come under the new key, sealed in the new way, and the old key alone opens them no more."""
    both = Cipher([new, key])
    for sealed in (before(key, PERSON), Cipher([key]).seal(PERSON)):
        assert both.open(sealed) == PERSON
        assert not both.is_newest(sealed)
        fresh = both.rotated(sealed)
        assert fresh is not None
        assert fresh.startswith(MARK)
        assert both.is_newest(fresh)
        assert Cipher([new]).open(fresh) == PERSON
        with pytest.raises(ConfigurationError, match="None of the keys"):
            Cipher([key]).open(fresh)
        assert Cipher([new]).rotated(sealed) is None


@pytest.mark.parametrize("place", [0, 3, 4, 15, 16, 20, -1])
def test_a_changed_bit_is_noticed(key: str, place: int) -> None:
    """In the mark, the nonce, the text and the tag."""
    sealed = bytearray(Cipher([key]).seal(PERSON))
    sealed[place] ^= 1
    with pytest.raises(UnsealableError):
        KeyRing([key]).open(bytes(sealed))


@pytest.mark.parametrize("length", [1, 4, 10, 16, 20, 31])
def test_a_value_that_was_cut_off_is_none(key: str, length: int) -> None:
    sealed = Cipher([key]).seal(PERSON)[:length]
    assert not Cipher([key]).is_newest(sealed)
    assert Cipher([key]).rotated(sealed) is None


def test_no_nonce_is_used_twice(key: str) -> None:
    """Two texts under one nonce would give both away."""
    cipher = Cipher([key])
    sealed = [*cipher.seal_texts([b"1"] * 2000), *(cipher.seal(1) for _ in range(100))]
    assert len({value[len(MARK) : len(MARK) + NONCE] for value in sealed}) == len(sealed)
    assert {cipher.open(value) for value in sealed} == {1}


def test_the_key_is_none_of_fernets_own(key: str, new: str) -> None:
    """One that was found out by one way of sealing does not open what was sealed in the other."""
    assert derived(key) == derived(key) != derived(new)
    assert derived(key)[:16] not in Fernet(key)._signing_key + Fernet(key)._encryption_key


@given(secret=st.binary(max_size=200), said=st.binary(max_size=300))
def test_hashes_are_hmac(secret: bytes, said: bytes) -> None:
    """What older versions stored is found."""
    cipher = Cipher([Fernet.generate_key().decode()])
    cipher._hash_with(secret)
    assert cipher.digest_text(said) == hmac.new(secret, said, hashlib.sha256).hexdigest()


def test_a_ledger_of_fernet_goes_on_beside_new_rows(url: str, key: str, stream: StreamKey, source: Any) -> None:
    """Rows of both kinds are decided on, and one that is read again unchanged is no news."""
    with open_ledger(url, key) as ledger:
        ledger.staging.stage(stream, "r1", [source(1)], resume=None, page=1)
        with ledger._database.write() as connection:
            old = {"old": before(key, source(1).row)}
            connection.execute(text("UPDATE ledger_staged SET sealed = :old"), old)
    with open_ledger(url, key) as ledger:
        told = ledger.staging.stage(stream, "r2", [source(1), source(2)], resume=None, page=1)
        assert (told.new, told.changed, told.unchanged) == (1, 0, 1)
        found = [row.row for rows in ledger.staging.undecided(stream, "application", 1001) for row in rows]
    assert found == [source(1).row, source(2).row]


def test_remains_are_found_in_values_of_both_kinds(key: str, new: str) -> None:
    """Whole and cut off, between other bytes: else the proofs of erasing would prove nothing."""
    for sealed in (before(key, PERSON), Cipher([key]).seal(PERSON), Cipher([key]).seal(PERSON)[:-20]):
        data = b"\x01e" + sealed + b"\x00more"
        assert b"zoe@example.org" in b"".join(tokens(data, key))
        assert b"zoe@example.org" not in b"".join(tokens(data, new))

"""E-mail addresses: one normal form, without asking the network."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from email_validator import validate_email

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
_DOTTED: Final = rf"{_WORD}(?:\.{_WORD})*+"
_PLAIN: Final = re.compile(rf"({_DOTTED})@([A-Za-z0-9.-]+)", re.ASCII)
_LOCAL_LIMIT: Final = 64
_AS_WRITTEN: Final = re.compile(rf"^(?=.{{1,{_LOCAL_LIMIT}}}$){_DOTTED}@[a-z0-9.-]++\n", re.ASCII | re.MULTILINE)
"""A line that is an address if its domain is one: short enough to break no limit, nothing to be made lower-case."""
_NAME: Final = re.compile(r"[a-z0-9.-]+", re.ASCII)
_LIMIT: Final = 254
_LONGEST: Final = 1000
"""Characters of what may become an address of 254; to judge a text of millions takes minutes."""


def normalise(address: str) -> str:
    """Return the address in the form that is sent, compared and looked up.

    Nothing is asked of the DNS: a domain that is down today is no reason to refuse a person. The domain
    becomes lower-case ASCII, because services that check addresses rarely know international names; the
    part before the ``@`` keeps its case, which belongs to the receiving server.

    :param address: the text of a single address.
    :raises ValueError: if it is no address; the text of the error names no part of it.
    """
    if len(address) > _LONGEST:
        raise ValueError("not an e-mail address")
    plain = _PLAIN.fullmatch(address)
    if plain and len(plain[1]) <= _LOCAL_LIMIT and len(address) <= _LIMIT:
        return f"{plain[1]}@{_domain(plain[2])}"
    return _checked(address)


def normalised(addresses: Iterable[str | None]) -> list[str | None]:
    """Return for each address what `normalise` makes of it, None if it is none; None stays None.

    :param addresses: many; those of the same few domains, written as they are sent, cost next to nothing.
    """
    column = list(addresses)
    known = {address: _or_none(address) for address in _odd([address for address in column if address is not None])}
    return [address if address is None else known.get(address, address) for address in column]


def _odd(addresses: Sequence[str]) -> set[str]:
    """Return those that may be no addresses, or not be sent as they are written; and perhaps an empty text."""
    together = "\n".join([*addresses, ""])
    if together.count("\n") != len(addresses):
        # A text of two lines looks like two addresses, and is none.
        return set(addresses)
    odd = set(_AS_WRITTEN.sub("", together).split("\n"))
    domains = {address.rpartition("@")[2] for address in addresses}
    if others := {domain for domain in domains if not _is_as_written(domain)}:
        odd.update(address for address in addresses if address.rpartition("@")[2] in others)
    return odd


def _is_as_written(domain: str) -> bool:
    """Say whether a domain is one, and is sent as it is written."""
    return _NAME.fullmatch(domain) is not None and _or_none(f"x@{domain}") == f"x@{domain}"


def _or_none(address: str) -> str | None:
    try:
        return normalise(address)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _domain(name: str) -> str:
    """Check a domain once: a company's people share a few, and the check is most of the work."""
    return _checked(f"x@{name}").removeprefix("x@")


def _checked(address: str) -> str:
    try:
        found = validate_email(address, check_deliverability=False, strict=True)
    except ValueError:
        raise ValueError("not an e-mail address") from None
    return found.ascii_email or found.normalized

"""E-mail addresses: one normal form, without asking the network."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from email_validator import validate_email

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOTTED: Final = rf"{_WORD}(?:\.{_WORD})*"
_LOCAL: Final = re.compile(_DOTTED, re.ASCII)
_PLAIN: Final = re.compile(rf"({_DOTTED})@([A-Za-z0-9.-]+)", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9.-]+", re.ASCII)
_LOCAL_LIMIT: Final = 64
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
    as_written: set[str] = set()
    made: list[str | None] = []
    for address in addresses:
        if address is None:
            made.append(None)
            continue
        local, _, name = address.partition("@")
        # Short enough to break no limit; the pattern is asked only where letters and digits are not all there is.
        if len(address) <= _LOCAL_LIMIT and ((local.isascii() and local.isalnum()) or _LOCAL.fullmatch(local)):
            if name not in as_written and _is_as_written(name):
                as_written.add(name)
            if name in as_written:
                made.append(address)
                continue
        made.append(_or_none(address))
    return made


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

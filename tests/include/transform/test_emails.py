"""Addresses: one form, no network, no address in an error."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from addresses import ADDRESSES
from include.transform.emails import normalise, normalised


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        pytest.param("jan@example.org", "jan@example.org", id="plain"),
        pytest.param("Jan.de.Vries+x@EXAMPLE.org", "Jan.de.Vries+x@example.org", id="only-the-domain-is-lowered"),
        pytest.param("jan@exämple.org", "jan@xn--exmple-cua.org", id="international-domain"),
        pytest.param("jané@example.org", "jané@example.org", id="international-name"),
    ],
)
def test_one_form(written: str, sent: str) -> None:
    """An address has one form, and that form is its own."""
    assert normalise(written) == sent
    assert normalise(sent) == sent


@pytest.mark.parametrize(
    "written",
    [
        "jan", "jan@", "@example.org", "jan@example", "jan..x@example.org", "a b@example.org",
        "a@example.org;b@example.org", "Jan <jan@example.org>", "jan@example..org", "j" * 65 + "@example.org",
        "jan@-example.org", "jan@example.org\n", "jan@127.0.0.1", "j." * 2_000_000, "j" * 2_000_000 + "@example.org",
    ],
)  # fmt: skip
def test_what_is_no_address(written: str) -> None:
    """What is no address is refused, and the error does not repeat it."""
    with pytest.raises(ValueError, match=r"^not an e-mail address$"):
        normalise(written)


@given(st.one_of(st.emails(), st.text(alphabet="ab.@-+ ä1\u200b'\"", max_size=80)))
def test_the_quick_way_agrees_with_the_library(address: str) -> None:
    """The cached domains change nothing: the result is the library's own."""
    try:
        found = validate_email(address, check_deliverability=False, strict=True)
    except EmailNotValidError:
        with pytest.raises(ValueError, match="not an"):
            normalise(address)
    else:
        assert normalise(address) == (found.ascii_email or found.normalized)


@given(st.lists(st.one_of(st.emails(), st.text(max_size=6), ADDRESSES), max_size=6))
def test_many_at_once_agree_with_the_library(addresses: list[str]) -> None:
    """What is found out once for a domain is right for every address of it."""
    for address, normal in zip(addresses, normalised(addresses), strict=True):
        try:
            found = validate_email(address, check_deliverability=False, strict=True)
        except EmailNotValidError:
            assert normal is None
        else:
            assert normal == (found.ascii_email or found.normalized)

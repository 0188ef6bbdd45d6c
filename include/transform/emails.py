"""E-mail addresses: one normal form, without asking the network."""

from __future__ import annotations

from email_validator import validate_email


def normalise(address: str) -> str:
    """Return the address in the form that is sent, compared and looked up.

    Nothing is asked of the DNS: a domain that is down today is no reason to refuse a person. The domain
    becomes lower-case ASCII, because services that check addresses rarely know international names; the
    part before the ``@`` keeps its case, which belongs to the receiving server.

    :param address: the text of a single address.
    :raises ValueError: if it is no address; the text of the error names no part of it.
    """
    try:
        found = validate_email(address, check_deliverability=False)
    except ValueError:
        raise ValueError("not an e-mail address") from None
    return found.ascii_email or found.normalized

"""What the browser brings back from Exact's consent page."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs, urlsplit

from include.clients.token_errors import login_command
from include.errors import CredentialsError, ExactPersonioError


def same_state(given: str, expected: str) -> bool:
    """Compare two states in constant time.

    :param given: from the address.
    :param expected: as handed out.
    """
    return hmac.compare_digest(given.encode(), expected.encode())


def field_of(address: str, name: str) -> str:
    """Return one field of an address's query, an empty text if there is none.

    :param address: as the browser shows it, or its path and query alone.
    """
    try:
        return parse_qs(urlsplit(address.strip()).query).get(name, [""])[0]
    except ValueError:
        return ""


def code_of(address: str, state: str, conn_id: str = "") -> str:
    """Return the authorization code in the address that the browser ended at.

    :param state: as handed out for this login.
    :param conn_id: for the way out.
    :raises CredentialsError: there is none, or its state is not ours.
    """
    given, refusal = field_of(address, "state"), field_of(address, "error")
    # A refusal may come back without its state; it can do no harm here, it only ends the login.
    if not same_state(given, state) and (given or not refusal):
        raise foreign_state(conn_id)
    return granted(field_of(address, "code"), refusal, conn_id)


def granted(code: str, refusal: str, conn_id: str = "") -> str:
    """Return the code of an answer whose state was checked.

    :param refusal: the answer's ``error``.
    :raises CredentialsError: the person refused, or Exact did.
    """
    if code and not refusal:
        return code
    denied = refusal == "access_denied"
    raise CredentialsError(
        "The access was not granted at Exact." if denied else "This answer of Exact holds no code.",
        reason_code="exact.login.denied" if denied else "exact.login.no_code",
        way_out=f"Run `{login_command(conn_id)}` again and grant the access; "
        "the user needs the right to use the app in Exact.",
    )


def foreign_state(conn_id: str = "") -> ExactPersonioError:
    """Return the error for an answer that belongs to another login, or to nobody's.

    :param conn_id: for the way out.
    """
    return CredentialsError(
        "This address belongs to another login: its state is not the one just given out.",
        reason_code="exact.login.foreign_state",
        way_out=f"Run `{login_command(conn_id)}` again and paste the whole address it leads to.",
    )

"""Checks of the way to Exact Online: connection, site, clock, login, user, time zone."""

from __future__ import annotations

import contextlib
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from include.clients.token_chain import CHAIN_LIFE, death_of, dies_at
from include.clients.token_errors import login_command, no_login
from include.connection_fields import REGIONS
from include.doctor.finding import Result, check, failed, failed_by, passed, unknown
from include.errors import CredentialsError, ProtocolError, RateLimitedError, ServiceUnavailableError
from include.transport import send

if TYPE_CHECKING:
    from include.doctor.visit import Visit
    from include.doctor.witness import Witness

SKEW: Final = timedelta(seconds=60)
WARN_DAYS: Final = 7
_UNAUTHORIZED: Final = 401
_CONNECTIONS: Final = "Correct it under Admin > Connections in Airflow."
_SITE: Final = (
    "Correct the region or the site address of the connection: it is the address where you log in at Exact, "
    "such as https://start.exactonline.nl; and check proxy and firewall."
)


@check("exact.connection")
def connection(visit: Visit) -> Result:
    """Check that the connection exists, and holds what an app registered at Exact has."""
    fields, conn_id = visit.exact, visit.installation.exact_conn_id
    if fields["conn_type"] not in {"exact_online", ""}:
        return failed(
            f"Connection {conn_id} has the type {fields['conn_type']}.", "Choose the type Exact Online for it."
        )
    labels = {"login": "Client ID", "password": "Client secret"}
    missing = [label for name, label in labels.items() if not fields[name]]
    if missing:
        return failed(f"Connection {conn_id} lacks {', '.join(missing)}.", _CONNECTIONS)
    visit.exact_config(0)
    return passed(f"Connection {conn_id}: site {visit.site}.")


@check("exact.redirect_uri", needs=("exact.connection",))
def redirect_uri(visit: Visit) -> Result:
    """Check that the redirect URI, which only the next login needs, is one that Exact accepts."""
    uri = str(visit.exact["extra"].get("redirect_uri", ""))
    parts = urlsplit(uri)
    if not uri:
        return unknown(
            "The connection names no redirect URI; the next login needs it.",
            "Enter it exactly as registered in Exact's App Center.",
        )
    if parts.scheme != "https" and not _loopback(parts.hostname or ""):
        return failed("The redirect URI does not begin with https://, which Exact wants.", _CONNECTIONS)
    return passed("The redirect URI has a form that Exact accepts.")


@check("exact.host", needs=("ledger.writable", "exact.connection"))
def host(visit: Visit) -> Result:
    """Check that the site answers as Exact Online does."""
    parts = urlsplit(visit.site)
    if parts.scheme != "https" and not _loopback(parts.hostname or ""):
        return failed("The site address begins with http://: the login would travel unencrypted.", _SITE)
    try:
        return _looked_at(visit)
    except (ServiceUnavailableError, ProtocolError) as error:
        return failed(f"{visit.site}: {error.what} [{error.reason_code}]", _SITE)


@check("exact.clock", needs=("exact.host",))
def clock(visit: Visit) -> Result:
    """Check that this machine's clock and Exact's agree within a minute."""
    return judge_clock("Exact", visit.exact_witness)


@check("exact.token", needs=("exact.host",))
def token(visit: Visit) -> Result:
    """Check that there is a login, and Exact accepts it; a token that has ended is renewed as any task would."""
    before, conn_id = visit.stored_token, visit.installation.exact_conn_id
    if before is None and visit.exact["extra"].get("refresh_token"):
        return unknown(
            "Nobody has logged in yet. The connection's bootstrap token works once and is left to the first run.",
            f"Run `{login_command(conn_id)}`, or let a DAG run.",
        )
    if before is None:
        return failed_by(no_login(conn_id))
    visit.me()
    now = visit.ledger.vault(conn_id, visit.app).read() or before
    renewed = ", renewed just now" if now.generation != before.generation else ""
    return passed(
        f"The access token works until {now.expires_at:%Y-%m-%d %H:%M:%S %Z}; "
        f"it is number {now.generation} of its chain{renewed}."
    )


@check("exact.token_age", needs=("exact.token",))
def token_age(visit: Visit) -> Result:
    """Check that the login is used often enough to stay alive."""
    stored = visit.stored_token
    if stored is None:
        return unknown("There is no login yet.", "Mend exact.token first.")
    now = datetime.now(UTC)
    left = (dies_at(stored.obtained_at) - now).days
    said = f"Before this check the login was last used {(now - stored.obtained_at).days} days ago"
    if left < WARN_DAYS:
        return failed(
            f"{said}; after {CHAIN_LIFE.days} days without use it dies, which was {max(left, 0)} days away.",
            "Unpause the DAG sync_housekeeping, which keeps the login alive; this check has renewed it for now.",
        )
    return passed(f"{said}; unused, it would live {left} more days.")


@check("exact.chains", needs=("exact.token",))
def chains(visit: Visit) -> Result:
    """Check that no other connection holds a login of the same app: two of one user would end each other."""
    conn_id = visit.installation.exact_conn_id
    others = [chain.connection_id for chain in visit.ledger.chains(visit.app) if chain.connection_id != conn_id]
    if others:
        return unknown(
            f"These connections use the same app: {', '.join(sorted(others))}.",
            "Make sure that different users logged in with them: Exact keeps one login per user and app alive.",
        )
    return passed("No other connection uses this app.")


@check("exact.user", needs=("exact.token",))
def user(visit: Visit) -> Result:
    """Check that Exact says who is logged in."""
    me = visit.me()
    return passed(f"User {me.get('UserID')}, at present in division {me.get('CurrentDivision')}.")


@check("exact.time_zone", needs=("exact.token",))
def time_zone(visit: Visit) -> Result:
    """Check that the connection's time zone is the site's: Exact writes all its times in the site's local time."""
    zone = visit.zone
    try:
        theirs = timedelta(seconds=int(visit.me()["ServerUtcOffset"]))
    except (KeyError, TypeError, ValueError):
        return unknown("Exact does not say how far its clock is from UTC.", "Compare a time shown in Exact by hand.")
    skew = visit.exact_witness.skew or timedelta(0)
    ours = (datetime.now(UTC) + skew).astimezone(zone).utcoffset()
    if ours != theirs:
        return failed(
            f"{zone.key} is {_hours(ours)} from UTC, Exact's clock {_hours(theirs)}.",
            "Set the connection's time zone to the site's, such as Europe/Amsterdam, or Europe/London for .co.uk. "
            "With a wrong one, records are new too early or too late.",
        )
    return passed(f"{zone.key} and Exact's clock are both {_hours(theirs)} from UTC.")


CHECKS: Final = (connection, redirect_uri, host, clock, token, token_age, chains, user, time_zone)


def judge_clock(service: str, witness: Witness) -> Result:
    """Compare the clocks by the dates of the answers so far.

    :param service: its name, for the text.
    :param witness: of its answers.
    """
    skew = witness.skew
    if skew is None:
        return unknown(f"No answer of {service} carried a date.", "Check the clock of this machine by hand.")
    if abs(skew) > SKEW:
        way = "ahead of" if skew > timedelta(0) else "behind"
        return failed(
            f"The clock of {service} is {abs(skew).total_seconds():.0f} s {way} this machine's.",
            "Set this machine's clock by a time server: timedatectl set-ntp true.",
        )
    return passed(f"The clocks of {service} and this machine agree within {SKEW.seconds} s.")


def _looked_at(visit: Visit) -> Result:
    stored = visit.stored_token
    if stored is not None and not death_of(stored) and stored.expires_at > datetime.now(UTC):
        # A refusal in Exact's words is an answer too; what it means is another check's business.
        with contextlib.suppress(CredentialsError, RateLimitedError):
            visit.me()
        return passed(_answered(visit))
    # Without a living token, Exact is looked at before a secret is sent there.
    reply = send(
        visit.exact_http,
        "GET",
        f"{visit.site}/api/v1/current/Me",
        service="exact",
        endpoint="current/Me",
        write=False,
        headers={"Accept": "application/json"},
    )
    if reply.action == "limited" or (reply.status == _UNAUTHORIZED and reply.kind != "html"):
        return passed(_answered(visit))
    return failed(f"{visit.site} answers {reply.status} ({reply.kind}), which is not Exact's way.", _SITE)


def _answered(visit: Visit) -> str:
    known = visit.site in {f"https://start.exactonline.{region}" for region in REGIONS}
    return f"{visit.site} answers as Exact Online does" + ("." if known else "; it is none of Exact's own sites.")


def _loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _hours(offset: timedelta | None) -> str:
    return f"{(offset or timedelta(0)).total_seconds() / 3600:+g} h"

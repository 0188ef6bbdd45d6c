"""Checks of the way to Personio: connection, host, clock, both logins, employees, scopes, recruiting."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from include.connection_fields import PERSONIO, whole_number
from include.doctor.exact import judge_clock
from include.doctor.finding import Result, check, failed, failed_by, passed, unknown
from include.errors import CredentialsError, PermissionDeniedError, ProtocolError, ServiceUnavailableError
from include.transport import send

if TYPE_CHECKING:
    from include.doctor.visit import Visit

NEEDED_SCOPES: Final = {
    "personio:recruiting:read": "looking up applications whose answer was lost, and the jobs and phases checked here",
}
OPTIONAL_SCOPES: Final = {
    "personio:persons:read": "the DAG personio_new_employees, where it reads API v2",
}
_REFUSED: Final = frozenset({401, 403})
_CREDENTIALS: Final = "Settings > Integrations > API credentials in Personio"
_HOST: Final = (
    f"Correct the host of the connection, normally {PERSONIO} (empty means that); check proxy and firewall."
)


@check("personio.connection")
def connection(visit: Visit) -> Result:
    """Check that the connection exists and holds a credential."""
    fields, conn_id = visit.personio, visit.installation.personio_conn_id
    if fields["conn_type"] not in {"personio", ""}:
        return failed(f"Connection {conn_id} has the type {fields['conn_type']}.", "Choose the type Personio for it.")
    names = {
        "client id": fields["login"],
        "client secret": fields["password"],
        "recruiting access token": fields["extra"].get("recruiting_access_token"),
    }
    held = [name for name, value in names.items() if value]
    if not held:
        return failed(f"Connection {conn_id} holds no credential.", f"Enter what is under {_CREDENTIALS}.")
    _ = visit.personio_config
    whole_number(fields["extra"], "job_position_id", service="personio")
    return passed(f"Connection {conn_id} holds: {', '.join(held)}.")


@check("personio.host", needs=("personio.connection",))
def host(visit: Visit) -> Result:
    """Check that the host answers as Personio's API does, looked at before a secret is sent there."""
    try:
        reply = send(
            visit.personio_http,
            "GET",
            "/v1/company/employees?limit=1",
            service="personio",
            endpoint="v1/company/employees",
            write=False,
            headers={"Accept": "application/json"},
        )
    except (ServiceUnavailableError, ProtocolError) as error:
        return failed(f"{visit.personio_host}: {error.what} [{error.reason_code}]", _HOST)
    if reply.action == "limited" or (reply.status in _REFUSED and reply.kind != "html"):
        return passed(f"{visit.personio_host} answers as Personio does.")
    return failed(
        f"{visit.personio_host} answers {reply.status} ({reply.kind}), which is not Personio's way.",
        _HOST,
    )


@check("personio.clock", needs=("personio.host",))
def clock(visit: Visit) -> Result:
    """Check that this machine's clock and Personio's agree within a minute."""
    return judge_clock("Personio", visit.personio_witness)


@check("personio.login", needs=("personio.host", "ledger.writable"))
def login(visit: Visit) -> Result:
    """Check that Personio accepts client id and secret."""
    fields = visit.personio
    if not fields["login"] or not fields["password"]:
        return unknown(
            "The connection holds no client id and secret: no employees, and nothing can be looked up.",
            f"If you need that, make an API credential under {_CREDENTIALS} and enter both.",
        )
    if visit.scopes() is not None:
        return passed("Client id and secret are accepted.")
    # What API v2 refuses, the older one may still take; a missing right is another check's business.
    with contextlib.suppress(PermissionDeniedError):
        visit.first_employee()
    return passed("Client id and secret are accepted by API v1 alone.")


@check("personio.scopes", needs=("personio.login",))
def scopes(visit: Visit) -> list[Result]:
    """Check that the credential's API v2 scopes allow what is done with them."""
    held = visit.scopes()
    if held is None:
        return [unknown("There is no login at API v2.", f"Make a credential with v2 scopes under {_CREDENTIALS}.")]
    mend = f"Grant it to the credential under {_CREDENTIALS}."
    results = []
    for scope, purpose in (NEEDED_SCOPES | OPTIONAL_SCOPES).items():
        if scope in held:
            results.append(passed("Granted.", scope))
        elif scope in NEEDED_SCOPES and visit.sends_applications:
            results.append(failed(f"Not granted; needed for {purpose}.", mend, scope))
        else:
            results.append(unknown(f"Not granted; needed only for {purpose}.", f"If you use that: {mend}", scope))
    return results


@check("personio.employees", needs=("personio.login",))
def employees(visit: Visit) -> Result:
    """Check that the credential may read employees."""
    try:
        _ = visit.first_employee()
    except (PermissionDeniedError, CredentialsError) as error:
        return failed(
            f"{error.what} [{error.reason_code}]", f"Grant `employees:read` to the credential under {_CREDENTIALS}."
        )
    return passed("Employees can be read.")


@check("personio.email", needs=("personio.employees",))
def email(visit: Visit) -> Result:
    """Check that the credential may read the attribute by which employees are recognised."""
    first = visit.first_employee()
    if first is None:
        return unknown("There is no employee yet.", "Ask again when there is one.")
    if "email" not in first:
        return failed(
            "The attribute `email` is not readable: no employee can be looked up. [personio.email.unreadable]",
            f"Allow the attribute `email` on the API credential under {_CREDENTIALS}.",
        )
    return passed("The attribute `email` is readable.")


@check("personio.recruiting", needs=("personio.host", "ledger.writable"))
def recruiting(visit: Visit) -> Result:
    """Check that Personio accepts the recruiting token and the company id, without creating anything."""
    extra = visit.personio["extra"]
    held = {
        "recruiting access token": extra.get("recruiting_access_token"),
        "company id": visit.personio_config.company_id,
    }
    missing = [name for name, value in held.items() if not value]
    where = f"Both are under {_CREDENTIALS} (Recruiting API key); enter them in the connection."
    if len(missing) == len(held):
        return unknown("The connection holds no recruiting token and company id: no applications.", where)
    if missing:
        return failed(f"The connection lacks the {missing[0]}.", where)
    try:
        visit.personio_client.probe_recruiting()
    except CredentialsError as error:
        return failed(f"Personio refuses the recruiting token or the company id. [{error.reason_code}]", where)
    except PermissionDeniedError as error:
        return failed_by(error)
    return passed("The recruiting token and the company id are accepted; nothing was created.")


CHECKS: Final = (connection, host, clock, login, scopes, employees, email, recruiting)

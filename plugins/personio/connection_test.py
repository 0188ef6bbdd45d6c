"""What the Test button says about a connection to Personio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.errors import ExactPersonioError
from include.ledger import open_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from include.clients.personio import PersonioClient
    from personio.hooks import PersonioHook

RUN_KEY = "test_connection"
Line = tuple[bool, str]


def try_personio(hook: PersonioHook) -> tuple[bool, str]:
    """Say line by line which credential works; nothing is created.

    :param hook: of the connection, which may be called anything.
    """
    lines: list[Line] = []
    try:
        with open_ledger() as ledger, hook.client(ledger, RUN_KEY) as client:
            lines.extend(_lines(hook, client))
    except ExactPersonioError as error:
        lines.append((False, f"Stopped: {error}"))
    return all(works for works, _ in lines), "\n".join(text for _, text in lines)


def _lines(hook: PersonioHook, client: PersonioClient) -> Iterator[Line]:
    yield _recruiting(hook, client)
    given = [bool(part) for part in (client.config.client_id, client.config.client_secret)]
    if not any(given):
        # Optional; but a connection that holds nothing at all cannot work.
        holds_any = bool(client.config.recruiting_token) or hook.company_id is not None
        yield holds_any, "API client: none; employees and looking up need one."
        return
    if not all(given):
        yield False, "API client: its ID or its secret is missing; enter both or none."
        return
    yield _said("API client, v1 (employees)", lambda: _employees(client))
    yield _said("API client, v2", lambda: _scopes(client))


def _recruiting(hook: PersonioHook, client: PersonioClient) -> Line:
    if not client.config.recruiting_token and hook.company_id is None:
        return True, "Recruiting: no access token and no company ID; applications cannot be created, employees can."

    def probe() -> str:
        client.probe_recruiting()
        return f"access token and company ID {hook.company_id} are accepted."

    return _said("Recruiting", probe)


def _employees(client: PersonioClient) -> str:
    first = next(iter(client.list_employees()), None)
    if first is None:
        return "accepted; there is no employee yet."
    if "email" in first:
        return "accepted; employees and their attribute email are readable."
    return "accepted; employees are readable, but NOT their attribute email: allow it, or nobody is found by address."


def _scopes(client: PersonioClient) -> str:
    scopes = client.scopes()
    return "accepted; scopes: " + (", ".join(sorted(scopes)) if scopes else "none") + "."


def _said(what: str, ask: Callable[[], str]) -> Line:
    try:
        return True, f"{what}: {ask()}"
    except ExactPersonioError as error:
        return False, f"{what}: {error}"

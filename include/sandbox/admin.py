"""The sandbox's own interface under ``/_sandbox``: seed, change, move the clock, break things, look inside.

It needs no login: whoever reaches the port may do everything, so keep it on the loopback.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from include.sandbox.admin_data import (
    add_employee,
    add_job,
    add_rows,
    change_row,
    delete_employee,
    delete_row,
    distort_row,
    exact_tokens,
    move_division,
    personio_tokens,
    seed,
)
from include.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from include.sandbox.state import Sandbox

    Handler = Callable[[Sandbox, dict[str, str], Any], Any]


def show_clock(sandbox: Sandbox, _query: dict[str, str], _body: Any) -> Any:
    """Return time and speed."""
    return {"now": sandbox.clock.now().isoformat(), "scale": sandbox.clock.scale}


def set_clock(sandbox: Sandbox, query: dict[str, str], body: Any) -> Any:
    """Set the time (``now``), jump (``advance_seconds``), change the speed (``scale``)."""
    known = {"now", "advance_seconds", "scale"}
    if not isinstance(body, dict) or not body or set(body) - known:
        raise ValueError(f"Send an object with any of: {', '.join(sorted(known))}.")
    # The speed comes first: a clock that is to stand still stands at exactly the moment that is asked for.
    if "scale" in body:
        sandbox.clock.scale = float(body["scale"])
    if "now" in body:
        sandbox.clock.set(datetime.fromisoformat(str(body["now"])))
    if "advance_seconds" in body:
        sandbox.clock.advance(timedelta(seconds=float(body["advance_seconds"])))
    return show_clock(sandbox, query, body)


def list_faults(sandbox: Sandbox, _query: dict[str, str], _body: Any) -> Any:
    """Return the faults with how often they matched and struck."""
    return [fault.to_json() for fault in sandbox.faults.all()]


def add_faults(sandbox: Sandbox, query: dict[str, str], body: Any) -> Any:
    """Put one fault or several in force."""
    for item in [Fault.from_json(one) for one in (body if isinstance(body, list) else [body])]:
        sandbox.faults.add(item)
    return list_faults(sandbox, query, body)


def clear_faults(sandbox: Sandbox, _query: dict[str, str], _body: Any) -> None:
    """Lift all faults."""
    sandbox.faults.clear()


def show_log(sandbox: Sandbox, query: dict[str, str], _body: Any) -> Any:
    """Return the requests, after a number, of a service or of a kind."""
    after = int(query.get("after", "0"))
    return [
        entry.to_json()
        for entry in sandbox.log.entries()
        if entry.seq > after
        and query.get("service", entry.service) == entry.service
        and query.get("kind", entry.kind) == entry.kind
    ]


def clear_log(sandbox: Sandbox, _query: dict[str, str], _body: Any) -> None:
    """Forget the requests so far."""
    sandbox.log.clear()


def show_summary(sandbox: Sandbox, _query: dict[str, str], _body: Any) -> Any:
    """Return the number of requests by service, kind, method and status."""
    return sandbox.log.summary()


def show_contents(sandbox: Sandbox, query: dict[str, str], _body: Any) -> Any:
    """Return what both services truly hold; ``?service=exact`` or ``personio`` for one of them."""
    made = {"exact": sandbox.exact.contents, "personio": sandbox.personio.contents}
    only = query.get("service")
    if only is not None and only not in made:
        raise ValueError("There are two services: exact and personio.")
    return {name: contents() for name, contents in made.items() if only in (None, name)}


def show_settings(sandbox: Sandbox, _query: dict[str, str], _body: Any) -> Any:
    """Return every switch with its value."""
    return sandbox.settings.to_json()


def change_settings(sandbox: Sandbox, query: dict[str, str], body: Any) -> Any:
    """Change some switches; what is not named stays."""
    if not isinstance(body, dict):
        raise TypeError("Send an object of settings, nested as GET shows them.")
    sandbox.settings.update(body)
    return show_settings(sandbox, query, body)


def reset(sandbox: Sandbox, _query: dict[str, str], _body: Any) -> None:
    """Forget all data, tokens, faults and requests; settings and clock stay."""
    sandbox.reset()


CALLS: list[tuple[str, str, Handler]] = [
    ("POST", "/seed", seed),
    ("POST", "/exact/tokens", exact_tokens),
    ("POST", "/exact/{division:int}/move", move_division),
    ("POST", "/exact/{division:int}/{entity}", add_rows),
    ("PATCH", "/exact/{division:int}/{entity}/{id}", change_row),
    ("DELETE", "/exact/{division:int}/{entity}/{id}", delete_row),
    ("PUT", "/exact/{division:int}/{entity}/{id}/raw", distort_row),
    ("POST", "/personio/tokens", personio_tokens),
    ("POST", "/personio/jobs", add_job),
    ("POST", "/personio/employees", add_employee),
    ("DELETE", "/personio/employees/{id:int}", delete_employee),
    ("GET", "/clock", show_clock),
    ("POST", "/clock", set_clock),
    ("GET", "/faults", list_faults),
    ("POST", "/faults", add_faults),
    ("DELETE", "/faults", clear_faults),
    ("GET", "/log", show_log),
    ("DELETE", "/log", clear_log),
    ("GET", "/log/summary", show_summary),
    ("GET", "/contents", show_contents),
    ("GET", "/settings", show_settings),
    ("PATCH", "/settings", change_settings),
    ("POST", "/reset", reset),
]


def show_overview(_sandbox: Sandbox, _query: dict[str, str], _body: Any) -> Any:
    """Return the list of calls."""
    return [
        {"method": method, "path": f"/_sandbox{path}", "does": (handle.__doc__ or "").strip()}
        for method, path, handle in CALLS
    ]


def admin_routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the admin interface.

    :param sandbox: what they work on.
    """
    overview: list[tuple[str, str, Handler]] = [("GET", "", show_overview)]
    return [
        Route(f"/_sandbox{path}", _endpoint(sandbox, handle), methods=[method])
        for method, path, handle in [*overview, *CALLS]
    ]


def _endpoint(sandbox: Sandbox, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        raw = await request.body()
        named = {**request.query_params, **{key: str(item) for key, item in request.path_params.items()}}
        try:
            body = json.loads(raw) if raw else {}
            with sandbox.lock:
                found = handle(sandbox, named, body)
        except KeyError as missing:
            return JSONResponse({"error": f"There is no {missing.args[0]}."}, 404)
        except (ValueError, TypeError) as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        return Response(status_code=204) if found is None else JSONResponse(found)

    return answer

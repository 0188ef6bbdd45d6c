"""How the Exact Online half judges and answers one API request, in the order in which the service does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import unquote

from include.sandbox import exact_writes
from include.sandbox.exact_endpoints import find, parse_key
from include.sandbox.odata_query import (
    Page,
    Query,
    check_list,
    count_rows,
    fetch,
    next_link,
    parse_query,
)
from include.sandbox.odata_render import JSON_TYPE, Renderer, dump, error_body, page_body, single_body
from include.sandbox.odata_types import ODataError, Row, ValidationError
from include.sandbox.traffic import classify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.sandbox.exact_division import Division
    from include.sandbox.exact_state import ExactState
    from include.sandbox.exact_store import Source
    from include.sandbox.odata_entity import EntitySet

_PATH = re.compile(
    r"^/api/v1/(?:(?P<division>\d+)/)?(?P<name>[^()]+?)(?:\((?P<key>[^)]*)\)(?P<rest>/.*)?)?/?$", re.IGNORECASE
)
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _NOT_ALLOWED = 401, 403, 404, 405
_TOO_LARGE, _URI_TOO_LONG, _TOO_MANY = 413, 414, 429


@dataclass(frozen=True)
class Call:
    """One request, read whole.

    :param host: scheme and authority under which the client reached the sandbox.
    :param headers: by lower-case name.
    """

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def as_json(self) -> bool:
        """Whether the client asks for JSON by name; ``*/*`` does not count and gets Atom."""
        return "application/json" in self.headers.get("accept", "").lower()


@dataclass
class Answer:
    """One response."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Target:
    call: Call
    company: Division | None
    entity: EntitySet
    source: Source
    key: str | None
    rest: str

    @property
    def base(self) -> str:
        inner = f"/{self.company.code}" if self.company is not None else ""
        return f"{self.call.host}/api/v1{inner}"


def answer(state: ExactState, call: Call) -> Answer:
    """Answer an API request.

    :param state: the companies.
    :param call: the request.
    """
    _, endpoint, division = classify(call.path)
    client_id = state.settings.exact.client_id
    if state.errors.blocked(client_id, division, endpoint):
        # The block says nothing about when it ends.
        return Answer(_TOO_MANY)
    result = _judged(state, call, endpoint, division)
    state.errors.record(client_id, division, endpoint, result.status)
    return result


def _judged(state: ExactState, call: Call, endpoint: str, division: int | None) -> Answer:
    exact = state.settings.exact
    if len(call.host) + len(call.path) + len(call.query) + 1 > exact.url_limit:
        return _refusal(call, ODataError("The request URL is too long.", _URI_TOO_LONG))
    if len(call.body) > exact.body_limit:
        return _refusal(call, ODataError("The request body is too large.", _TOO_LARGE))
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    judgement = state.tokens.judge(token.strip()) if scheme.lower() == "bearer" else "unknown"
    if judgement != "good":
        return _unauthorized(expired=judgement == "expired")
    headers: dict[str, str] = {}
    if division is not None:
        allowed, headers = state.limits.take(exact.client_id, division)
        if not allowed:
            return Answer(_TOO_MANY, headers=headers)
    try:
        result = _dispatch(state, call, endpoint, division)
    except ValidationError as error:
        result = _refusal(call, ODataError(error.message, exact.validation_status))
    except ODataError as error:
        result = _refusal(call, error)
    result.headers |= headers
    return result


def _unauthorized(*, expired: bool) -> Answer:
    challenge = "Bearer"
    if expired:
        challenge += ' error="invalid_token", error_description="access%20token%20expired"'
    headers = {"WWW-Authenticate": challenge, "Reason": "Authentication Required"}
    return Answer(_UNAUTHORIZED, headers=headers)


def _refusal(call: Call, error: ODataError) -> Answer:
    body, content_type = error_body(error.message, as_json=call.as_json)
    headers = {"Reason": error.reason} if error.reason else {}
    return Answer(error.status, body, content_type, headers)


def _dispatch(state: ExactState, call: Call, endpoint: str, division: int | None) -> Answer:
    exact = state.settings.exact
    if division is not None and (division not in state.divisions or division in exact.inaccessible_divisions):
        raise ODataError("Forbidden - No access to this division", _FORBIDDEN, "NoDivisionAccess")
    if _out_of_scope(endpoint, exact.missing_scopes):
        verb = "read" if call.method == "GET" else "write"
        raise ODataError(f"Forbidden - Application Scope Violated. Cannot {verb}", _FORBIDDEN)
    target = _target(state, call, division)
    handlers = {"GET": _get, "POST": _post, "PUT": _put, "DELETE": _delete}
    handler = handlers.get(call.method)
    if handler is None or not _takes(target):
        raise ODataError(f"The method {call.method} is not supported for this resource.", _NOT_ALLOWED)
    return handler(state, target)


def _out_of_scope(endpoint: str, missing: list[str]) -> bool:
    """Whether the app lacks an endpoint: by name, with all below it, or by a pattern such as ``*/CRM/*``."""
    name = endpoint.lower()
    patterns = (pattern.lower().rstrip("/") for pattern in missing)
    return any(fnmatchcase(name, pattern) or name.startswith(f"{pattern}/") for pattern in patterns)


def _takes(target: _Target) -> bool:
    if target.call.method == "GET":
        return True
    on_list = target.call.method == "POST"
    return target.call.method in target.entity.methods and not target.rest and on_list is (target.key is None)


def _target(state: ExactState, call: Call, division: int | None) -> _Target:
    found = _PATH.match(call.path)
    if found is None:
        raise _missing(call.path.rpartition("/")[2])
    name, rest = found["name"], found["rest"] or ""
    if name.lower().endswith("/$count"):
        name, rest = name[: -len("/$count")], "/$count"
    endpoint = find(state, name, division, call.query)
    if endpoint is None:
        raise _missing(name.rpartition("/")[2])
    company = state.divisions[division] if division is not None else None
    return _Target(call, company, endpoint[0], endpoint[1], found["key"], rest)


def _missing(segment: str) -> ODataError:
    return ODataError(f"Resource not found for the segment '{segment}'.", _NOT_FOUND)


def _get(state: ExactState, target: _Target) -> Answer:
    entity, call = target.entity, target.call
    # Options of a collection below a row belong to that collection.
    query_text = "" if entity.path.startswith("read/") or target.rest.strip("/") in entity.below else call.query
    query = parse_query(query_text, entity, fold=not state.settings.exact.case_sensitive)
    if target.key is not None:
        return _get_one(state, target, query)
    if target.rest == "/$count":
        count = count_rows(target.source, entity, query)
        return Answer(200, str(count).encode(), "text/plain;charset=utf-8")
    if target.rest:
        raise _missing(target.rest.strip("/"))
    check_list(query, entity)
    page = fetch(target.source, entity, query)
    link = next_link(f"{target.base}/{entity.path}", query, page)
    renderer = Renderer(entity, target.base, query.select, query.expand)
    body, content_type = page_body(renderer, page, link, as_json=call.as_json)
    _touch_some(state, target, page)
    return Answer(200, body, content_type)


def _touch_some(state: ExactState, target: _Target, page: Page) -> None:
    wanted = state.settings.exact.sync_touch_rows
    synced = target.entity.table and target.entity.path.startswith("sync/")
    if not (wanted and page.next_token and target.company and synced):
        return
    for row in islice(page.rows, wanted):
        state.touch(target.company.code, target.entity.table, row["ID"])


def _get_one(state: ExactState, target: _Target, query: Query) -> Answer:
    row = _row(target)
    name = target.rest.strip("/")
    if name in target.entity.below:
        return _get_below(state, target, row, name)
    if name:
        raise _missing(name)
    renderer = Renderer(target.entity, target.base, query.select, query.expand)
    body, content_type = single_body(renderer, row, as_json=target.call.as_json)
    return Answer(200, body, content_type)


def _get_below(state: ExactState, target: _Target, row: Row, name: str) -> Answer:
    """Answer a collection below a row, which takes the query options of its own endpoint."""
    entity, source = target.entity.below[name](row)
    above = Renderer(target.entity, target.base, None, frozenset())
    query = parse_query(target.call.query, entity, fold=not state.settings.exact.case_sensitive)
    page = fetch(source, entity, query)
    link = next_link(f"{above.uri(row)}/{name}", query, page)
    renderer = Renderer(entity, target.base, query.select, query.expand)
    body, content_type = page_body(renderer, page, link, as_json=target.call.as_json)
    return Answer(200, body, content_type)


def _row(target: _Target) -> Row:
    row = target.source.get(parse_key(target.entity, unquote(target.key or "")))
    if row is None:
        raise _missing(target.entity.path.rpartition("/")[2])
    return row


def _subject(target: _Target) -> tuple[Division, str]:
    company = target.company
    if company is None:  # writable endpoints all carry a division
        raise _missing(target.entity.path)
    return company, target.entity.table


def _post(state: ExactState, target: _Target) -> Answer:
    company, table = _subject(target)
    values, brought = exact_writes.read_body(target.call.body, table, target.entity.columns)
    row = exact_writes.create(state, company, table, values, brought)
    full = "return=representation" in target.call.headers.get("prefer", "").lower()
    if not full and target.entity.path in state.settings.exact.bare_posts:
        row = exact_writes.bare_answer(table, row, target.entity.columns)
    renderer = Renderer(target.entity, target.base, None, frozenset())
    body, content_type = single_body(renderer, row, as_json=target.call.as_json)
    return Answer(201, body, content_type, {"Location": renderer.uri(row)})


def _put(state: ExactState, target: _Target) -> Answer:
    company, table = _subject(target)
    row = _row(target)
    values, _ = exact_writes.read_body(target.call.body, table, target.entity.columns)
    exact_writes.change(state, company, table, row["ID"], values)
    return Answer(204)


def _delete(state: ExactState, target: _Target) -> Answer:
    company, table = _subject(target)
    exact_writes.remove(state, company, table, _row(target)["ID"])
    return Answer(204)


def oauth_error(error: str, description: str) -> tuple[bytes, str]:
    """Return body and content type of a refusal by the token endpoint.

    :param error: OAuth error code.
    :param description: text for a person.
    """
    return dump({"error": error, "error_description": description}), JSON_TYPE

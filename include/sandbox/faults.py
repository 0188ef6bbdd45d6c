"""Troubles on demand: what networks, gateways and other users do to a request."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Action = Literal[
    "drop_before",
    "drop_after",
    "hang",
    "delay",
    "status",
    "html",
    "empty",
    "cut_json",
    "wrong_type",
    "repeat_page",
    "duplicate_rows",
    "double_page",
    "reverse_rows",
    "expire_tokens",
    "revoke_tokens",
]
ACTIONS: tuple[str, ...] = get_args(Action)


@dataclass
class Fault:
    """One trouble and the requests it befalls.

    :param action: what happens. ``drop_before`` and ``drop_after`` cut the connection without an answer, before
        or after the work was done; ``hang`` never answers; ``status``, ``html`` and ``empty`` replace the answer;
        ``cut_json`` sends half of it; ``wrong_type`` puts it into a list; ``repeat_page`` links the page to itself;
        ``duplicate_rows`` repeats its last row, ``double_page`` all of them; ``reverse_rows`` turns their order
        round; ``expire_tokens`` and ``revoke_tokens`` do so before the request is judged.
    :param match: shell pattern over method and endpoint, such as ``GET sync/CRM/*`` or ``* v1/recruiting/*``.
    :param times: how many matching requests it befalls; None for all.
    :param after: how many matching requests pass unharmed before.
    :param seconds: how long ``delay`` lasts.
    :param committed: whether the work is done before ``hang``, ``delay``, ``status``, ``html`` or ``empty`` take
        effect.
    :param status: status code of ``status``, ``html`` and ``empty``.
    :param headers: headers of the replaced answer.
    :param body: body of ``status``.
    """

    action: Action
    match: str = "*"
    times: int | None = 1
    after: int = 0
    seconds: float = 0.0
    committed: bool = False
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    seen: int = 0
    hits: int = 0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        """Build a fault from the fields of :meth:`to_json`.

        :param data: fields by name; ``action`` is required.
        :raises ValueError: if a field or the action is unknown, or a value has the wrong type.
        """
        known = {item.name for item in dataclasses.fields(cls)} - {"seen", "hits"}
        unknown = sorted(set(data) - known)
        if unknown:
            raise ValueError(f"Unknown fields of a fault: {', '.join(unknown)}; known: {', '.join(sorted(known))}.")
        if data.get("action") not in ACTIONS:
            raise ValueError(f"A fault needs an action, one of: {', '.join(ACTIONS)}.")
        numbers = [data.get(name, 0) for name in ("after", "seconds", "status")] + [data.get("times") or 0]
        if not isinstance(data.get("match", ""), str) or not all(isinstance(n, int | float) for n in numbers):
            raise ValueError("A fault's match is text; times, after, seconds and status are numbers.")
        return cls(**data)

    def to_json(self) -> dict[str, Any]:
        """Return the fault as plain values, with how often it matched (seen) and struck (hits)."""
        return dataclasses.asdict(self)

    def strikes(self, target: str) -> bool:
        """Count a request and tell whether this fault befalls it.

        :param target: method and endpoint, such as ``GET crm/Contacts``.
        """
        if not fnmatch.fnmatchcase(target.lower(), self.match.lower()):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


class Faults:
    """The faults in force; each request meets every fault that matches it, in the order they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force.

        :param fault: what shall happen.
        """
        with self._lock:
            self._faults.append(fault)
        return fault

    def all(self) -> list[Fault]:
        """Return the faults, spent ones included."""
        with self._lock:
            return list(self._faults)

    def clear(self) -> None:
        """Lift all faults."""
        with self._lock:
            self._faults.clear()

    def striking(self, method: str, kind: str) -> list[Fault]:
        """Count a request and return the faults that befall it.

        :param method: HTTP method.
        :param kind: normalised endpoint.
        """
        with self._lock:
            return [fault for fault in self._faults if fault.strikes(f"{method} {kind}")]


def spoil(action: Action, body: bytes, url: str) -> bytes:
    """Return a JSON answer with the damage that a fault does to it.

    :param action: one that damages answers; any other leaves the body alone.
    :param body: answer as made.
    :param url: absolute URL of the request.
    """
    if action == "cut_json":
        return body[: len(body) // 2]
    if action == "wrong_type":
        return b"[" + body + b"]"
    if action not in _PAGES:
        return body
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if not isinstance(document, dict):
        return body
    if action == "repeat_page":
        _link_to_itself(document, url)
    else:
        rows = _rows(document)
        rows[:] = _PAGES[action](rows)
    return json.dumps(document).encode()


_PAGES: dict[str, Callable[[list[Any]], list[Any]]] = {
    "repeat_page": list,
    "duplicate_rows": lambda rows: rows + rows[-1:],
    "double_page": lambda rows: rows + rows,
    "reverse_rows": lambda rows: rows[::-1],
}


def _rows(document: dict[str, Any]) -> list[Any]:
    found = document.get("d", document.get("_data", document.get("data")))
    if isinstance(found, dict):
        found = found.get("results")
    return found if isinstance(found, list) else []


def _link_to_itself(document: dict[str, Any], url: str) -> None:
    page = document.get("d")
    if isinstance(page, dict) and "results" in page:
        page["__next"] = url
    links = document.get("_meta", {}).get("links") if isinstance(document.get("_meta"), dict) else None
    if isinstance(links, dict):
        links["next"] = {"href": url}

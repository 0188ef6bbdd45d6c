"""Keys of Exact's rows, checked and written the two ways that OData has: in a path and in a filter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from uuid import UUID

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from include.clients.endpoints import EndpointInfo, KeyType

Key = str | int | UUID

_PART: Final = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*('(?:[^']|'')*'|guid'[^']*'|-?\d+L?)\s*(?:,|$)", re.ASCII)
_QUOTED: Final = re.compile(r"'((?:[^']|'')*)'")
_GUID: Final = re.compile(r"(?:guid')?([0-9a-fA-F{}-]{32,38})'?")
_INTEGER: Final = re.compile(r"(-?\d{1,19})[lL]?", re.ASCII)
_MOST_TEXT: Final = 200
_WIDTH: Final = {"int": 31, "int64": 63}


def path_key(info: EndpointInfo, key: Key) -> str:
    """Return the key as it stands behind the endpoint's name, such as ``(guid'...')``.

    :param info: of the endpoint.
    :param key: GUID, number or text; for a composite key OData text such as ``Journal='10',Period=6,Year=2014``.
    :raises ConfigurationError: if the key is none of this endpoint's.
    """
    if info.key_type == "composite":
        return "(" + ",".join(f"{name}={value}" for name, value in _composite(info, key)) + ")"
    return f"({literal(info.key_type, key, info.key)})"


def condition(info: EndpointInfo, key: Key) -> str:
    """Return a ``$filter`` that only the row with this key fulfils.

    :param info: of the endpoint.
    :param key: as for :func:`path_key`.
    :raises ConfigurationError: if the key is none of this endpoint's, or nobody knows the key's name.
    """
    if info.key_type == "unknown":
        raise ConfigurationError(
            f"{info.path}: no public source tells the name of its key.",
            reason_code="exact.key.unknown",
            way_out="Read it as a list with a `filter`.",
        )
    if info.key_type == "composite":
        return " and ".join(f"{name} eq {value}" for name, value in _composite(info, key))
    return f"{info.key} eq {literal(info.key_type, key, info.key)}"


def guid(key: Key, name: str = "ID") -> str:
    """Return a GUID in lower case.

    :param key: in any case, with or without OData's quotes.
    :param name: of the property, for the reason code.
    :raises ConfigurationError: if it is none. Exact would answer 400, and ten of them block the key.
    """
    match = _GUID.fullmatch(str(key).strip()) if isinstance(key, str | UUID) else None
    try:
        return str(UUID(match[1] if match else ""))
    except ValueError:
        raise ConfigurationError(
            f"`{name}` is not a GUID.",
            reason_code=f"exact.{name}.malformed",
            way_out="Give the record's ID as Exact shows it, for example in the API's `ID` field.",
        ) from None


def literal(kind: KeyType, key: Key, name: str) -> str:
    """Return a value as OData writes it: ``guid'...'``, ``5``, ``5L``, ``'GMD'``.

    :param kind: of the property.
    :param key: the value.
    :param name: of the property, for the reason code.
    :raises ConfigurationError: if it is no value of this kind.
    """
    if kind in {"guid", "unknown"}:
        return f"guid'{guid(key, name or 'ID')}'"
    if kind in _WIDTH:
        return _integer(kind, key, name)
    return _text(key, name)


def _integer(kind: str, key: Key, name: str) -> str:
    # A float would be cut silently, True would be 1.
    match = _INTEGER.fullmatch(str(key).strip()) if not isinstance(key, bool | float) else None
    if match is None or abs(int(match[1])) >= 2 ** _WIDTH[kind]:
        raise ConfigurationError(
            f"`{name}` is not a whole number.",
            reason_code=f"exact.{name}.malformed",
            way_out=f"Give `{name}` as a number without a fraction.",
        )
    return f"{int(match[1])}{'L' if kind == 'int64' else ''}"


def _text(key: Key, name: str) -> str:
    text = key if isinstance(key, str) else ""
    quoted = _QUOTED.fullmatch(text)
    text = quoted[1].replace("''", "'") if quoted else text
    if not text or len(text) > _MOST_TEXT or not text.isprintable() or set(text) & set("/\\?#%&"):
        raise ConfigurationError(
            f"`{name}` is no text that can be a key.",
            reason_code=f"exact.{name}.malformed",
            way_out=f"Give `{name}` as Exact shows it.",
        )
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _composite(info: EndpointInfo, key: Key) -> list[tuple[str, str]]:
    text, found = (key if isinstance(key, str) else ""), dict[str, str]()
    position = 0
    while match := _PART.match(text, position):
        found[match[1]] = match[2]
        position = match.end()
    if position != len(text) or set(found) != {name for name, _ in info.key_parts}:
        example = ",".join(f"{name}={_EXAMPLES[kind]}" for name, kind in info.key_parts)
        raise ConfigurationError(
            f"{info.path}: its key has {len(info.key_parts)} parts.",
            reason_code="exact.key.malformed",
            way_out=f"Write it like {example}.",
        )
    return [(name, literal(kind, found[name], name)) for name, kind in info.key_parts]


_EXAMPLES: Final = {"string": "'10'", "int": "6", "int64": "6L", "guid": "guid'...'"}

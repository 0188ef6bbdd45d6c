"""The catalogue of Exact's endpoints: what each offers, so that a wrong call is refused before it is made.

Ten refused calls an hour make Exact block the key, so a typing error must not become a call.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

KeyType = Literal["guid", "int", "int64", "string", "composite", "unknown"]

_DATA: Final = Path(__file__).with_name("endpoints.yaml")
_LETTERS: Final = {"G": "GET", "P": "POST", "U": "PUT", "D": "DELETE"}
_MASS: Final = ("bulk", "sync")
# Not compiled here: the module is imported to show a form, too, and `re` keeps what it has compiled.
_PATH: Final = r"[A-Za-z0-9_]+(?:\([^()/?#%\s]*\))?(?:/[A-Za-z0-9_]+(?:\([^()/?#%\s]*\))?)*"
_KEY: Final = r"\([^()]*\)"


class EndpointInfo(NamedTuple):
    """What is known of one endpoint.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResources.aspx

    :param path: service and name in Exact's own case, such as ``crm/Contacts``.
    :param key: property that identifies a row; several, comma-separated, for a composite key; "" if unknown.
    :param key_type: how the key is written.
    :param key_parts: the properties of the key, each with its type.
    :param methods: the verbs that it offers.
    :param page_size: rows of a full page.
    :param protected: whether its rows are never deleted from here.
    :param mandatory: what a POST must hold; ``A|B`` means that one of them is enough.
    :param listed: False for a path that the catalogue does not have.
    """

    path: str
    key: str
    key_type: KeyType
    key_parts: tuple[tuple[str, KeyType], ...]
    methods: frozenset[str]
    page_size: int
    protected: bool
    mandatory: tuple[str, ...] = ()
    listed: bool = True

    @property
    def needs_select(self) -> bool:
        """Whether Exact refuses a list without ``$select``: bulk and sync endpoints."""
        return self.path.lower().startswith(tuple(f"{kind}/" for kind in _MASS))


@cache
def catalogue() -> Mapping[str, EndpointInfo]:
    """Return all endpoints by their path in lower case; read once per process."""
    import yaml  # noqa: PLC0415 - a Dag file that imports this module must stay quick to parse

    # The C parser takes a tenth of the time, where the wheel has it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data = yaml.load(_DATA.read_text(encoding="utf-8"), loader)  # noqa: S506 - both are safe loaders
    return MappingProxyType({info.path.lower(): info for info in _infos(data)})


def find_endpoint(text: str) -> EndpointInfo:
    """Return what is known of an endpoint.

    :param text: such as ``salesinvoice/SalesInvoices``, in any case.
    :raises ConfigurationError: if there is no such endpoint; it names the three nearest.
    """
    name = _name(text)
    info = catalogue().get(name.lower())
    if info is None:
        raise ConfigurationError(
            f"Exact has no endpoint `{_shown(name)}`.",
            reason_code="exact.endpoint.unknown",
            way_out=f"Did you mean {' or '.join(nearest(name))}?",
        )
    return info


def unlisted_endpoint(text: str) -> EndpointInfo:
    """Return a stand-in for a path that the catalogue lacks: a function, a navigation, a new endpoint.

    :param text: path below the division, such as ``crm/Accounts(guid'...')/BankAccounts``.
    :raises ConfigurationError: if it is no such path, so that no call leaves the division.
    """
    name = _name(text)
    known = catalogue().get(name.lower())
    if known is not None:
        return known
    if not re.fullmatch(_PATH, name):
        raise ConfigurationError(
            f"`{_shown(name)}` is no path of an endpoint.",
            reason_code="exact.endpoint.malformed",
            way_out="Write service and name, such as crm/Accounts; options go into `params`.",
        )
    bare = without_keys(name)
    first = catalogue().get("/".join(bare.lower().split("/")[:2]))
    protected = bare.lower().startswith(_protected()) or (first is not None and first.protected)
    methods = frozenset(_LETTERS.values())
    return EndpointInfo(name, "ID", "guid", (("ID", "guid"),), methods, _page_size(bare), protected, listed=False)


def nearest(text: str) -> list[str]:
    """Return the three names that look most like this one.

    :param text: what was asked for.
    """
    import difflib  # noqa: PLC0415 - lazily, for the Dag parse

    wanted = text.lower()
    names = catalogue()
    found = difflib.get_close_matches(wanted, names, n=3, cutoff=0.6)
    # By the last word too: who types `SalesInvoices` need not know the service; bulk and sync come after.
    plain_last = sorted(names, key=lambda path: not names[path].needs_select)
    tails = {path.rpartition("/")[2]: path for path in plain_last}
    by_tail = [tails[tail] for tail in difflib.get_close_matches(wanted.rpartition("/")[2], tails, n=3)]
    found = found + by_tail if "/" in wanted else by_tail + found
    found += difflib.get_close_matches(wanted, names, n=6, cutoff=0.0)
    return [names[path].path for path in dict.fromkeys(found)][:3]


def without_keys(path: str) -> str:
    """Return a path without the keys in it: the name of the error budget and of counters.

    :param path: such as ``crm/Accounts(guid'...')/BankAccounts``.
    """
    return re.sub(_KEY, "", path)


def _infos(data: Mapping[str, Any]) -> Iterator[EndpointInfo]:
    mandatory, sizes, protected = data["mandatory"], data["page_size"], _below(data["protected"])
    # Nearly all have the same key.
    key_of = cache(_key)
    for service, by_methods in data["methods"].items():
        first = service.partition("/")[0]
        size, usual = int(sizes.get(first, sizes["default"])), data["keys"].get(f"{first}/*", "ID guid")
        for letters, names in by_methods.items():
            methods = frozenset(_LETTERS[letter] for letter in letters)
            for name in names.split():
                path = f"{service}/{name}"
                key, key_type, parts = key_of(data["keys"].get(path, usual))
                yield EndpointInfo(
                    path=path,
                    key=key,
                    key_type=key_type,
                    key_parts=parts,
                    methods=methods,
                    page_size=size,
                    protected=path.lower().startswith(protected),
                    mandatory=tuple(mandatory.get(path, ())),
                )


def _key(text: str) -> tuple[str, KeyType, tuple[tuple[str, KeyType], ...]]:
    if text == "?":
        return "", "unknown", ()
    words = text.split()
    parts = tuple((name, _key_type(kind)) for name, kind in zip(words[::2], words[1::2], strict=True))
    kind: KeyType = parts[0][1] if len(parts) == 1 else "composite"
    return ",".join(name for name, _ in parts), kind, parts


def _key_type(text: str) -> KeyType:
    for kind in get_args(KeyType):
        if kind == text:
            return kind  # type: ignore[no-any-return]
    raise ValueError(text)


@cache
def _protected() -> tuple[str, ...]:
    return _below(dict.fromkeys(info.path.partition("/")[0] for info in catalogue().values() if info.protected))


def _below(names: Iterable[str]) -> tuple[str, ...]:
    """Return what the paths below these services and endpoints begin with, in lower case."""
    return tuple(f"{name.lower()}/" for name in names)


def _page_size(path: str) -> int:
    return 1000 if path.lower().startswith(tuple(f"{kind}/" for kind in _MASS)) else 60


def _name(text: Any) -> str:
    return text.strip().strip("/") if isinstance(text, str) else ""


def _shown(text: str) -> str:
    # What was typed may hold a key or worse; a name is letters, digits, slashes.
    return re.sub(r"[^A-Za-z0-9_/]", "", text)[:80]

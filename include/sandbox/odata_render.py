"""Rows as verbose JSON, or as Atom for whoever does not ask for JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from include.sandbox.odata_query import fetch, next_link, parse_query
from include.sandbox.odata_types import Column, Row, as_xml, plain, write_literal

if TYPE_CHECKING:
    from include.sandbox.odata_entity import EntitySet
    from include.sandbox.odata_query import Page

JSON_TYPE = "application/json;charset=utf-8"
ATOM_TYPE = "application/atom+xml;charset=utf-8"
XML_TYPE = "application/xml;charset=utf-8"
_NAMESPACES = (
    'xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" '
    'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" '
    'xmlns="http://www.w3.org/2005/Atom"'
)
_UNTYPED = {"String"}

RAW = "@raw"
"""Key under which a stored row keeps JSON that stands in place of its values; see ``PUT …/raw``."""


class Renderer:
    """Writes the rows of one request.

    :param entity: the endpoint.
    :param base: absolute URL up to and including the division.
    :param select: chosen properties, or None for all.
    :param expand: navigation properties to write out.
    """

    def __init__(self, entity: EntitySet, base: str, select: frozenset[str] | None, expand: frozenset[str]) -> None:
        self._entity = entity
        self._base = base
        self._expand = expand
        self._key = entity.columns[entity.key]
        before = {where: name for name, where in entity.navigation.items()}
        self._plan: list[tuple[str, Column | None]] = []
        self._raw: list[str] = []
        # Properties come in the entity's order, whatever the order of $select.
        for name, column in entity.columns.items():
            if name in before and (select is None or before[name] in select or before[name] in expand):
                self._plan.append((before[name], None))
            if select is None or name in select:
                self._plan.append((name, column))

    def uri(self, row: Row) -> str:
        """Return the absolute address of a row.

        :param row: stored row.
        """
        key = write_literal(self._key.edm, self._key.value(row))
        return f"{self._base}/{self._entity.path}({key})"

    def row(self, row: Row) -> dict[str, Any]:
        """Return one row as JSON values.

        :param row: stored row.
        """
        uri = self.uri(row)
        result: dict[str, Any] = {"__metadata": {"uri": uri, "type": self._entity.type_name}}
        for name, column in self._plan:
            if column is None:
                deferred = {"__deferred": {"uri": f"{uri}/{name}"}}
                result[name] = self._expanded(row, name) if name in self._expand else deferred
            else:
                result[name] = plain(column.edm, column.value(row))
        return self._distorted(result, row[RAW]) if RAW in row else result

    def _distorted(self, shown: dict[str, Any], raw: Row) -> dict[str, Any]:
        """Leave out, or mark for :meth:`dump`, the values that raw JSON stands for."""
        for name in shown.keys() & raw.keys():
            text = raw[name]
            if text is None:
                del shown[name]
            else:
                shown[name] = f"@raw {id(self)} {len(self._raw)}@"
                self._raw.append(text)
        return shown

    def dump(self, value: Any) -> bytes:
        """Return a value as compact JSON, with the raw texts of its rows in their places.

        :param value: made of what :meth:`row` returned.
        """
        if not self._raw:
            return dump(value)
        # A lone surrogate has no UTF-8; passed on, it is what a careless server would send.
        texts = [text.encode(errors="surrogatepass") for text in self._raw]
        mark = f'"@raw {id(self)} ([0-9]+)@"'.encode()
        return re.sub(mark, lambda found: texts[int(found[1])], dump(value))

    def _expanded(self, row: Row, name: str) -> dict[str, Any]:
        """Return a collection written out: its first page, with a link to the next one."""
        entity, source = self._entity.below[name](row)
        query = parse_query("", entity, fold=True)
        page = fetch(source, entity, query)
        below = Renderer(entity, self._base, None, frozenset())
        link = next_link(f"{self.uri(row)}/{name}", query, page)
        rows = {"results": [below.row(one) for one in page.rows]}
        return {**rows, "__next": link} if link else rows

    def page_json(self, page: Page, link: str) -> bytes:
        """Return a page in its envelope: a bare array or ``results``.

        :param page: rows.
        :param link: link to the next page, or an empty string.
        """
        rows = [self.row(row) for row in page.rows]
        if page.bare:
            return self.dump({"d": rows})
        envelope: dict[str, Any] = {"results": rows}
        if page.count is not None:
            envelope["__count"] = str(page.count)
        if link:
            envelope["__next"] = link
        return self.dump({"d": envelope})

    def entry(self, row: Row, *, root: bool) -> str:
        """Return one row as an Atom entry.

        :param row: stored row.
        :param root: whether it is the whole document.
        """
        uri = self.uri(row)
        links: list[str] = []
        properties: list[str] = []
        for name, column in self._plan:
            if column is None:
                links.append(f'<link rel="related" title="{name}" href={quoteattr(f"{uri}/{name}")} />')
            else:
                properties.append(_property(name, column, column.value(row)))
        head = f"<entry {_NAMESPACES}>" if root else "<entry>"
        return (
            f'{head}<id>{escape(uri)}</id><category term="{self._entity.type_name}" '
            'scheme="http://schemas.microsoft.com/ado/2007/08/dataservices/scheme" />'
            f'{"".join(links)}<content type="application/xml"><m:properties>{"".join(properties)}'
            "</m:properties></content></entry>"
        )

    def page_atom(self, page: Page, link: str) -> bytes:
        """Return a page as an Atom feed.

        :param page: rows.
        :param link: link to the next page, or an empty string.
        """
        entries = "".join(self.entry(row, root=False) for row in page.rows)
        count = "" if page.count is None else f"<m:count>{page.count}</m:count>"
        following = f'<link rel="next" href={quoteattr(link)} />' if link else ""
        address = escape(f"{self._base}/{self._entity.path}")
        title = self._entity.path.rpartition("/")[2]
        return (
            f'<?xml version="1.0" encoding="utf-8"?><feed {_NAMESPACES}>{count}'
            f'<title type="text">{title}</title><id>{address}</id>{entries}{following}</feed>'
        ).encode()


def _property(name: str, column: Column, value: Any) -> str:
    kind = "" if column.edm in _UNTYPED else f' m:type="Edm.{column.edm}"'
    if value is None:
        return f'<d:{name}{kind} m:null="true" />'
    return f"<d:{name}{kind}>{escape(as_xml(column.edm, value))}</d:{name}>"


def dump(value: Any) -> bytes:
    """Return a value as compact JSON.

    :param value: JSON value.
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def page_body(renderer: Renderer, page: Page, link: str, *, as_json: bool) -> tuple[bytes, str]:
    """Return body and content type of a page.

    :param renderer: writes the rows.
    :param page: rows.
    :param link: link to the next page, or an empty string.
    :param as_json: whether the client accepts JSON.
    """
    if as_json:
        return renderer.page_json(page, link), JSON_TYPE
    return renderer.page_atom(page, link), ATOM_TYPE


def single_body(renderer: Renderer, row: Row, *, as_json: bool) -> tuple[bytes, str]:
    """Return body and content type of one entity.

    :param renderer: writes the row.
    :param row: stored row.
    :param as_json: whether the client accepts JSON.
    """
    if as_json:
        return renderer.dump({"d": renderer.row(row)}), JSON_TYPE
    return f'<?xml version="1.0" encoding="utf-8"?>{renderer.entry(row, root=True)}'.encode(), ATOM_TYPE


def error_body(message: str, *, as_json: bool) -> tuple[bytes, str]:
    """Return body and content type of an error; code and language are empty, as the service leaves them.

    :param message: text for a person.
    :param as_json: whether the client accepts JSON.
    """
    if as_json:
        return dump({"error": {"code": "", "message": {"lang": "", "value": message}}}), JSON_TYPE
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        f'<code></code><message xml:lang="">{escape(message)}</message></error>'
    )
    return text.encode(), XML_TYPE

"""What the query engine knows about an endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from include.sandbox.exact_store import Source
    from include.sandbox.odata_types import Column, Row

    Below = Callable[[Row], tuple["EntitySet", Source]]


@dataclass(frozen=True)
class EntitySet:
    """What an endpoint offers and refuses.

    :param path: canonical path behind the division.
    :param model: type name behind ``Exact.Web.Api.Models.``.
    :param key: name of the key property.
    :param select_required: a list needs ``$select`` or ``$top=1``.
    :param star: whether ``$select=*`` is understood.
    :param filterable: the only properties to filter on; None for all.
    :param filter_required: a list needs a ``$filter``.
    :param skippable: whether ``$skip`` is understood.
    :param navigation: navigation properties, with the property each stands before.
    :param below: the rows behind each navigation property.
    :param table: the table whose rows it shows, if any.
    :param methods: what it takes.
    """

    path: str
    model: str
    key: str
    columns: dict[str, Column]
    page_size: int
    select_required: bool = False
    star: bool = True
    filterable: frozenset[str] | None = None
    filter_required: bool = False
    skippable: bool = True
    navigation: dict[str, str] = field(default_factory=dict)
    below: dict[str, Below] = field(default_factory=dict)
    table: str = ""
    methods: frozenset[str] = frozenset({"GET"})

    @property
    def type_name(self) -> str:
        """Full model name, as ``__metadata`` shows it."""
        return f"Exact.Web.Api.Models.{self.model}"

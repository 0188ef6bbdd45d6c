"""Bodies of a destination's records, from their columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.transform.mapping import Leaf

Column = tuple["Leaf", list[Any]]


def payloads(made: Sequence[Column], lines: int) -> list[dict[str, Any]]:
    """Put values where Personio wants them; lists stay lists, and no value is dropped for being 0 or false."""
    bodies: list[dict[str, Any]] = [{} for _ in range(lines)]
    for name in dict.fromkeys(leaf.name for leaf, _ in made):
        columns = [(leaf, values) for leaf, values in made if leaf.name == name]
        if name in {"tags", "files", "attributes"}:
            _put_lists(bodies, name, columns)
        elif name == "custom_attributes":
            for leaf, values in columns:
                for body, value in zip(bodies, values, strict=True):
                    if value is not None:
                        body.setdefault(name, {})[leaf.part] = value
        else:
            for leaf, values in columns:
                _put(bodies, leaf, values)
    return bodies


def _put(bodies: list[dict[str, Any]], leaf: Leaf, values: list[Any]) -> None:
    name = leaf.name
    if name == "phase":
        values = [None if value is None else {"type": leaf.extra[0], "id": value} for value in values]
    for body, value in zip(bodies, values, strict=True):
        if value is not None:
            body[name] = value


def _put_lists(bodies: list[dict[str, Any]], name: str, columns: Sequence[Column]) -> None:
    """Put the entries of each line together."""
    parts = [leaf.part for leaf, _ in columns]
    categories = [leaf.extra[0] for leaf, _ in columns] if name == "files" else []
    lines = zip(*(values for _, values in columns), strict=True)
    for body, line in zip(bodies, lines, strict=True):
        entries: list[Any]
        if name == "attributes":
            # Without `strict`, which costs as much as the entries: all of these come from one list.
            entries = [{"id": part, "value": value} for part, value in zip(parts, line) if value is not None]  # noqa: B905
        elif name == "tags":
            entries = [value for value in dict.fromkeys(line) if value is not None]
        else:
            files = zip(categories, line, strict=True)
            entries = [{"path": path, "category": category} for category, path in files if path is not None]
        if entries:
            body[name] = entries

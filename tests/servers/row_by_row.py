"""The transform in plain Python, row by row and rule by rule: what the columns of pandas have to agree with.

It is slow and plain on purpose: every value is cleaned, picked, shaped, mapped and converted for itself, and every
template is rendered by Jinja.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NoReturn, cast

from include.records import Decision
from include.transform.mapping import CONTACT
from include.transform.values import UnfitError, clean, convert, local_path, to_text

if TYPE_CHECKING:
    import collections.abc
    from collections.abc import Collection, Iterator, Sequence

    from include.records import Outcome, Row, SourceRow
    from include.transform import Mapping
    from include.transform.columns import Edm
    from include.transform.mapping import Leaf, Skip

Window = tuple[datetime | None, datetime | None]


def decide_rows(
    rows: Sequence[SourceRow],
    mapping: Mapping,
    *,
    created_from: datetime | None = None,
    created_to: datetime | None = None,
    main_contacts: collections.abc.Mapping[str, Row] | None = None,
    now: datetime | None = None,
    asked_for: Collection[str] = (),
) -> list[Decision]:
    """Decide on every row; see :func:`include.transform.transform_rows`."""
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    window = (created_from, created_to)
    return [
        _decide(staged, values, mapping, window, today, asked=staged.source_id in asked_for)
        for staged, values in zip(rows, _lines(rows, mapping, main_contacts or {}), strict=True)
    ]


def _lines(
    rows: Sequence[SourceRow], mapping: Mapping, main_contacts: collections.abc.Mapping[str, Row]
) -> Iterator[dict[str, Any]]:
    """Yield the clean columns of each row, an account's with its main contact's beside them."""
    for row in rows:
        values = {name: clean(row.row.get(name), cast("Edm", mapping.edm(name))) for name in mapping.select}
        for name in mapping.contact_select:
            key = values["MainContact"]
            contact = {**main_contacts[key], "ID": key} if key in main_contacts else {}
            values[f"{CONTACT}{name}"] = clean(contact.get(name), cast("Edm", mapping.edm(f"{CONTACT}{name}")))
        yield values


def _decide(
    staged: SourceRow, values: dict[str, Any], mapping: Mapping, window: Window, today: date, *, asked: bool
) -> Decision:
    """Decide on one row: first whether it is meant at all, then whether it can be sent."""
    fill = Fill(mapping, context_of(mapping, values), values, today)
    outcome: Outcome = "ready"
    code = field = ""
    try:
        _in_window(staged.created, window, asked=asked)
        _not_anonymised(values, "IsAnonymised")
        _not_skipped(fill, [skip for skip in mapping.skips if not skip.needs_contact])
        if mapping.needs_contact:
            _has_contact(values)
            _not_anonymised(values, "contact.IsAnonymised")
            _not_skipped(fill, [skip for skip in mapping.skips if skip.needs_contact])
        fill.run()
    except NotReadyError as reason:
        outcome, code, field = reason.outcome, reason.code, reason.field
    ready = outcome == "ready"
    return Decision(
        source_id=staged.source_id,
        row_version=staged.row_version,
        outcome=outcome,
        reason_code=code,
        field=field,
        payload=fill.payload if ready else None,
        email=fill.payload.get("email"),
        trace=fill.trace,
    )


def _skip(column: str, problem: str) -> NoReturn:
    raise NotReadyError("skipped_by_rule", f"rule.{column.rpartition('.')[2]}.{problem}", column)


def _reject(column: str, problem: str) -> NoReturn:
    raise NotReadyError("rejected", f"exact.{column.rpartition('.')[2]}.{problem}", column)


def _in_window(created: datetime | None, window: Window, *, asked: bool) -> None:
    """Keep what was created inside the window or was asked for; a row without a date is shown, not guessed at."""
    start, end = window
    if start is None and end is None:
        return
    if created is None:
        _reject("Created", "missing")
    if asked:
        return
    moment = created if created.tzinfo else created.replace(tzinfo=UTC)
    if (start is not None and moment < start) or (end is not None and moment >= end):
        _skip("Created", "not_new")


def _not_anonymised(values: dict[str, Any], column: str) -> None:
    """Leave out whom Exact anonymised: the row stays there, the person is gone."""
    if values.get(column) not in {None, 0, "0", "false"}:
        _reject(column, "anonymised")


def _has_contact(values: dict[str, Any]) -> None:
    if values["MainContact"] is None:
        _reject("MainContact", "missing")
    if values["contact.ID"] is None:
        _reject("MainContact", "not_found")


def _not_skipped(fill: Fill, skips: Sequence[Skip]) -> None:
    for skip in skips:
        if fill.holds(skip):
            _skip(skip.field, skip.problem)


class NotReadyError(Exception):
    """Raised inside the transform when a record cannot or shall not be sent."""

    def __init__(self, outcome: Outcome, code: str, field: str) -> None:
        self.outcome = outcome
        self.code = code
        self.field = field
        super().__init__(code)


def context_of(mapping: Mapping, values: dict[str, Any]) -> dict[str, Any]:
    """Return what templates see: blank columns are empty text, for None would be printed as a word."""
    shown = {name: "" if value is None else value for name, value in values.items()}
    own = {name: value for name, value in shown.items() if not name.startswith(CONTACT)}
    if mapping.entity == "Contacts":
        return own | {"contact": own}
    theirs = {name.removeprefix(CONTACT): value for name, value in shown.items() if name.startswith(CONTACT)}
    return own | {"account": own, "contact": theirs}


class Fill:
    """The making of one record.

    :param context: what templates see.
    :param values: the row's clean columns.
    :param today: the day that dates of the past are compared with.
    """

    def __init__(self, mapping: Mapping, context: dict[str, Any], values: dict[str, Any], today: date) -> None:
        self._mapping = mapping
        self._context = context
        self._values = values
        self._today = today
        self.payload: dict[str, Any] = {}
        self.trace: dict[str, str] = {}

    def run(self) -> None:
        """Fill every field.

        :raises NotReadyError: at the first value that is missing or does not fit.
        """
        for leaf in self._mapping.leaves:
            value = self._value(leaf)
            if value is not None:
                _put(self.payload, leaf, value)

    def holds(self, skip: Skip) -> bool:
        """Say whether a skip rule's condition is true.

        :raises NotReadyError: if it cannot be evaluated; the record is shown, not sent.
        """
        try:
            return bool(skip.when.run(self._context | {"today": self._today}))
        except Exception:  # noqa: BLE001 - a user's expression over a stranger's data may raise anything
            code = f"rule.{skip.field.rpartition('.')[2]}.failed"
            raise NotReadyError("rejected", code, skip.field) from None

    def _value(self, leaf: Leaf) -> Any:
        """Make one value: pick, shape, map, default, convert."""
        column = ""
        try:
            value, column, how = self._pick(leaf)
            value, settled = self._mapped(leaf, value)
            if value is None and leaf.rule.has_default and not settled:
                value, how = leaf.rule.default, "default"
            made = None if value is None else convert(leaf.field, value, today=self._today)
            if made is not None and leaf.name == "files":
                made = local_path(made, leaf.extra[1])
        except UnfitError as error:
            raise _reason(leaf, column, error.problem) from None
        if made is None and leaf.required:
            raise _reason(leaf, "", "missing")
        if made is not None:
            self.trace[leaf.target] = f"{how} ({leaf.origin})"
        return made

    def _pick(self, leaf: Leaf) -> tuple[Any, str, str]:
        """Return the raw value, the column it came from, and the rule's step for the record's story."""
        if "constant" in leaf.rule.model_fields_set:
            return leaf.rule.constant, "", "constant"
        picked = next((name for name in leaf.rule.source if self._values.get(name) is not None), "")
        if leaf.template is None or (leaf.rule.source and not picked):
            return self._values.get(picked), picked, f"from {picked}"
        shown = self._context | {"value": self._values.get(picked)}
        how = f"template over {', '.join([picked] if picked else leaf.reads)}"
        try:
            return to_text(leaf.template.run(shown)), picked, how
        except Exception:  # noqa: BLE001 - a user's template over a stranger's data may raise anything
            raise UnfitError("template_failed") from None

    def _mapped(self, leaf: Leaf, value: Any) -> tuple[Any, bool]:
        """Return the replaced value, and whether it is settled: then no default stands in for nothing."""
        if leaf.rule.map is None or value is None:
            return value, False
        key = to_text(value)
        if key in leaf.rule.map:
            return leaf.rule.map[key], True
        if leaf.rule.has_default:
            return None, False
        raise UnfitError("not_mapped")


def _reason(leaf: Leaf, column: str, problem: str) -> NotReadyError:
    """Name the problem after Exact's column if there is one, else after the mapping's field."""
    if problem == "template_failed":
        return NotReadyError("rejected", f"mapping.{leaf.name}.{problem}", leaf.target)
    blamed = column or next(iter(leaf.rule.source), leaf.reads[0] if len(leaf.reads) == 1 else "")
    if not blamed:
        return NotReadyError("rejected", f"mapping.{leaf.name}.{problem}", leaf.target)
    return NotReadyError("rejected", f"exact.{blamed.rpartition('.')[2]}.{problem}", blamed)


def _put(payload: dict[str, Any], leaf: Leaf, value: Any) -> None:
    """Put a value where Personio wants it; lists stay lists, and no value is dropped for being 0 or false."""
    if leaf.name == "tags":
        if value not in payload.setdefault("tags", []):
            payload["tags"].append(value)
    elif leaf.name == "files":
        payload.setdefault("files", []).append({"path": value, "category": leaf.extra[0]})
    elif leaf.name == "attributes":
        payload.setdefault("attributes", []).append({"id": leaf.part, "value": value})
    elif leaf.name == "custom_attributes":
        payload.setdefault("custom_attributes", {})[leaf.part] = value
    elif leaf.name == "phase":
        payload["phase"] = {"type": leaf.extra[0], "id": value}
    else:
        payload[leaf.name] = value

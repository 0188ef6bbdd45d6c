"""The rules of a mapping file, as pydantic models: what may be written, and what it means."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from include.transform.fields import SYSTEM_PHASES

Scalar = str | int | float | bool | None


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_rule(value: Any) -> Any:
    """Let a plain value stand for a constant, where a rule is asked for."""
    return {"constant": value} if isinstance(value, (str, int)) else value


def _map_keys(value: Any) -> Any:
    """Refuse keys that YAML turned into something else: an unquoted NO is the word "false" there."""
    if not isinstance(value, dict):
        return value
    if any(isinstance(key, bool) or key is None for key in value):
        raise ValueError("put the key in quotes: YAML reads yes, no, on, off, null as something else")
    return {str(key): entry for key, entry in value.items()}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class Rule(_Strict):
    """How one value is made: pick, shape, map, default; in this order, each step optional.

    ``from`` picks the first column that is not blank, ``constant`` is a fixed value, ``template`` makes text
    (with ``from``, it shapes the picked ``value``); ``map`` replaces values, ``default`` stands in for
    nothing, and ``required`` rejects the record if nothing is left.
    """

    source: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = Field(default=(), alias="from")
    constant: Any = None
    template: str | None = None
    map: Annotated[dict[str, Scalar] | None, BeforeValidator(_map_keys)] = None
    default: Scalar = None
    required: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> Rule:
        if "constant" in self.model_fields_set:
            if len(self.model_fields_set - {"required"}) > 1:
                raise ValueError("constant stands alone: it cannot be combined with other keys than required")
        elif not self.source and self.template is None:
            raise ValueError("a rule needs one of: from, constant, template")
        return self

    @property
    def has_default(self) -> bool:
        """Whether a default was written, even an empty one."""
        return "default" in self.model_fields_set


RuleOrValue = Annotated[Rule, BeforeValidator(_as_rule)]


class PhaseRule(_Strict):
    """The phase an application starts in."""

    type: Literal["system", "custom"]
    id: RuleOrValue

    @model_validator(mode="after")
    def _known_system_phase(self) -> PhaseRule:
        known = self.type != "system" or "constant" not in self.id.model_fields_set
        if not known and self.id.constant not in SYSTEM_PHASES:
            raise ValueError(f"a system phase is one of: {', '.join(SYSTEM_PHASES)}")
        return self


class FileRule(_Strict):
    """One local file that goes with an application."""

    path: RuleOrValue
    category: Literal["cv", "cover-letter", "employment-reference", "certificate", "work-sample", "other"]
    folder: str | None = None

    @model_validator(mode="after")
    def _fenced(self) -> FileRule:
        # Without a fence, a text in Exact could name any file of the worker.
        if self.folder is None and "constant" not in self.path.model_fields_set:
            raise ValueError("a path that is made from Exact's data needs a folder, which it cannot leave")
        return self


class SkipRule(_Strict):
    """Records that are left alone on purpose.

    :param field: the column the reason speaks of; with ``problem`` it makes ``rule.<field>.<problem>``.
    :param when: an expression; the record is skipped if it is true.
    """

    field: str
    problem: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    when: str


class Section(_Strict):
    """One part of a mapping file, such as ``contacts_to_application``."""

    fields: dict[str, Any] = {}
    skip: tuple[SkipRule, ...] | None = None

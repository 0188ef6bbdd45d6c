"""A trial of rules on one record, as the page shows it; nothing of it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exact_console.trial_subjects import asked_at_exact, kept
from include import preview_story as story
from include.errors import ExactPersonioError
from include.ledger import open_ledger
from include.ledger.previews import Preview
from include.mapping_trial import Trial, try_rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from exact_console.trial_subjects import Subject
    from include.mapping_trial import Rules


@dataclass(frozen=True, slots=True)
class Line:
    """One field of a trial.

    :param target: its name at Personio.
    :param value: as text; empty where none is sent.
    :param rule: what made it.
    :param read: (column, value) of what the rule reads.
    """

    target: str
    value: str = field(repr=False)
    rule: str
    read: list[tuple[str, str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tried:
    """What a trial came to.

    :param problem: why there was none, in words; a problem of the rules is the trial's own.
    :param edited: whether other rules were tried than those in force.
    :param text: the rules as they were sent.
    :param record: the ID as it was sent.
    """

    edited: bool = False
    text: str = ""
    record: str = ""
    problem: str = ""
    trial: Trial | None = None
    subject: Subject | None = None

    @property
    def outcome(self) -> str:
        """What would become of the record; empty if nothing was tried."""
        return self.trial.outcome if self.trial else ""

    @property
    def person(self) -> str:
        """Whom the record is about."""
        return story.person(self._preview)

    @property
    def why(self) -> str:
        """Why it would not be sent."""
        return story.why(self._preview)

    @property
    def lacking(self) -> list[str]:
        """Columns that the rules read and that the record was not read with."""
        return self.subject.lacking(self.trial) if self.subject and self.trial else []

    @property
    def lines(self) -> list[Line]:
        """Each field, by which rule it was made and of what; of a record that is not sent, those made till then."""
        if self.trial is None:
            return []
        if self.trial.payload is None:
            return [Line(target, "", rule, self._read(target)) for target, rule in self.trial.trace.items()]
        made = story.lines(self._preview)
        return [Line(line.field, line.value, line.rule, self._read(line.field)) for line in made]

    def _read(self, target: str) -> list[tuple[str, str]]:
        """Return what the columns of a field hold; tags and files have several rules."""
        read: Mapping[str, Mapping[str, str]] = self.trial.read if self.trial else {}
        mine = [columns for name, columns in read.items() if name == target or name.startswith(f"{target}.")]
        return list({name: value for columns in mine for name, value in columns.items()}.items())

    @property
    def _preview(self) -> Preview:
        trial = self.trial or Trial()
        values: dict[str, Any] = {
            "source_id": self.record,
            "outcome": trial.outcome or "rejected",
            "reason_code": trial.reason_code,
            "field": trial.blamed,
            "action": "create" if trial.outcome == "ready" else "nothing",
            "existing": "",
            "payload": None if trial.payload is None else dict(trial.payload),
            "email": trial.email,
            "trace": dict(trial.trace),
        }
        return Preview(**values)


def tried(user: BaseUser, sent: Tried, rules: Rules, dag_ids: Sequence[str], *, fresh: bool) -> Tried:
    """Try rules on a record, and say what came of it, or why nothing did.

    :param user: of this request.
    :param sent: what was sent.
    :param rules: to be tried.
    :param dag_ids: whose reading counts.
    :param fresh: whether Exact is asked for the record.
    """
    try:
        with open_ledger() as ledger:
            found = sent.record or ledger.source_rows.newest(dag_ids, rules.entity)
            if found is None:
                return replace(sent, trial=try_rules(rules))
            subject = kept(user, ledger, rules.entity, dag_ids, found)
        if fresh:
            first = try_rules(rules)
            if first.problem:
                return replace(sent, trial=first)
            subject = asked_at_exact(user, rules.entity, subject, first)
        return replace(sent, trial=try_rules(rules, subject.row, subject.contact), subject=subject)
    except ExactPersonioError as error:
        return replace(sent, problem=str(error))

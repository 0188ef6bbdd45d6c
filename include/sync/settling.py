"""A live run looks at what its lane stored since the last run was through; see `include.ledger.settled`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.ledger.undecided import Question

if TYPE_CHECKING:
    from include.ledger import Ledger
    from include.sync.terms import Terms


class Settling:
    """How far the lane was settled when the run began to decide.

    Nothing is known of any other run than a live one: it decides what a person has asked for.

    :param ledger: the open ledger.
    :param terms: what the run decides by.
    """

    def __init__(self, ledger: Ledger, terms: Terms) -> None:
        self._ledger = ledger
        job, window = terms.job, terms.window
        self._question: Question | None = None
        if window.mode == "live" and not window.preview and not job.stream.is_history:
            self._question = Question(
                *(job.stream, job.destination, job.position, job.company),
                *(terms.fingerprint, terms.window_fingerprint, window.created_from),
            )
            self._before = ledger.settled.of(self._question)

    @property
    def since(self) -> int | None:
        """The batch up to which nothing waits; None: look at all rows."""
        return self._before.upto if self._question else None

    @property
    def is_over(self) -> bool:
        """Whether all that the lane holds has a decision that stands, as far as a live run looks."""
        return self._question is not None and self._before.upto == self._before.newest

    def note(self) -> None:
        """Note how far the lane is settled, once everything that was found is decided."""
        if self._question:
            self._ledger.settled.note(self._question, self._before)

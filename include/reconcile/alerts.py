"""What a person has to be told of a reconciliation: a difference when it comes up, and once more when it is gone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.ledger import Ledger
    from include.ledger.reconciliations import Untold

_FEW: Final = 3


@dataclass(frozen=True, slots=True)
class Alert:
    """One message about one part.

    :param part: name of the stream, destination or feed.
    :param verdict: ``difference``, or ``ok`` where it has ended.
    :param message: for people; ids, no persons.
    :param news: what is told by it.
    """

    part: str
    verdict: str
    message: str
    news: tuple[Untold, ...]


def alerts(ledger: Ledger) -> list[Alert]:
    """Return what nobody was told yet, a message per part; it stays untold until `told` is called."""
    news = ledger.reconciliations.untold()
    return [_alert(part, tuple(some)) for part, some in groupby(news, key=lambda one: one.check.part)]


def told(ledger: Ledger, done: Sequence[Alert]) -> None:
    """Note that messages have arrived.

    To be called after they were sent: whoever dies in between sends them again, and none is lost.
    """
    ledger.reconciliations.told(one for alert in done for one in alert.news)


def _alert(part: str, news: tuple[Untold, ...]) -> Alert:
    began = [one for one in news if one.began]
    sentences = [_difference(one) for one in began]
    sentences += [f"No difference any more: {one.check.kind}{_since(one)}." for one in news if not one.began]
    verdict = "difference" if began else "ok"
    return Alert(part, verdict, f"Reconciliation of {part}: {' '.join(sentences)}", news)


def _difference(one: Untold) -> str:
    some = ", ".join(one.new[:_FEW])
    more = f" and {len(one.new) - _FEW} more" if len(one.new) > _FEW else ""
    named = f" ({'new: ' if len(one.new) < one.check.count else ''}{some}{more})" if some else ""
    # Nothing behind the way out: it ends with a command, which is copied.
    return f"{one.check.count} of {one.check.kind}{named}. {one.check.way_out}"


def _since(one: Untold) -> str:
    return f", which began on {one.since:%Y-%m-%d %H:%M} UTC" if one.since else ""

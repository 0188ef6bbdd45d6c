"""What a gauge is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PREFIX: Final = "exact_personio_"

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure.

    :param labels: name -> value; ids of DAGs, companies and connections, words of the ledger.
    """

    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric with its figures.

    :param name: without ``exact_personio_``.
    :param doc: what it says, in one line.
    :param labels: the names of its labels, in order; each sample has all of them.
    """

    name: str
    doc: str
    labels: tuple[str, ...]
    samples: tuple[Sample, ...]

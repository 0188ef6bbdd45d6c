"""What a check is, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from include.doctor.visit import Visit
    from include.errors import ExactPersonioError

Status = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    :param check: stable id, ``service.thing``; docs/doctor.md lists all of them.
    :param evidence: what was seen, without secrets and personal data.
    :param mend: what to do about it; empty when it passes.
    :param subject: which of several things, such as an endpoint or a section of the mapping.
    """

    check: str
    status: Status
    evidence: str
    mend: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What a check returns: a finding that does not know its id yet."""

    status: Status
    evidence: str
    mend: str = ""
    subject: str = ""


Results = Result | list[Result]


@dataclass(frozen=True, slots=True)
class Check:
    """One question to an installation.

    :param id: stable, ``service.thing``.
    :param ask: answers it; an expected error that it raises is an answer too.
    :param needs: checks that must have passed; otherwise nobody asks.
    :param unless: checks that must not have failed; being unknown does not hinder.
    """

    id: str
    ask: Callable[[Visit], Results]
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


def check(
    check_id: str, *, needs: Sequence[str] = (), unless: Sequence[str] = ()
) -> Callable[[Callable[[Visit], Results]], Check]:
    """Turn a function into a check."""
    return lambda ask: Check(check_id, ask, tuple(needs), tuple(unless))


def passed(evidence: str, subject: str = "") -> Result:
    """Return that it works."""
    return Result("pass", evidence, "", subject)


def failed(evidence: str, mend: str, subject: str = "") -> Result:
    """Return that it does not work."""
    return Result("fail", evidence, mend, subject)


def unknown(evidence: str, mend: str, subject: str = "") -> Result:
    """Return that nobody can tell, or that it depends on what the installation is used for."""
    return Result("unknown", evidence, mend, subject)


def failed_by(error: ExactPersonioError, subject: str = "") -> Result:
    """Return a failure in the error's own words: its texts hold no secrets and no personal data."""
    return failed(f"{error.what} [{error.reason_code}]", error.way_out, subject)


def unknown_by(error: ExactPersonioError, subject: str = "") -> Result:
    """Return in the error's own words that nobody can tell."""
    return unknown(f"{error.what} [{error.reason_code}]", error.way_out, subject)

"""Single settings from the environment, for what reads no more than those: a DAG file is parsed every few seconds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from include.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


def setting(name: str, default: str = "", env: Mapping[str, str] | None = None) -> str:
    """Return a setting as it is written, without blanks around it; empty is unset.

    :param name: of the variable.
    :param default: taken where it is unset.
    :param env: used instead of ``os.environ``.
    """
    return (os.environ if env is None else env).get(name, "").strip() or default


def deadline_minutes(env: Mapping[str, str] | None = None) -> int:
    """Return ``EXACT_PERSONIO_DEADLINE_MINUTES``, which Dag files read without the rest; 0: there is no deadline.

    :param env: used instead of ``os.environ``.
    :raises ConfigurationError: it is no whole number.
    """
    env = os.environ if env is None else env
    return whole(env, "EXACT_PERSONIO_DEADLINE_MINUTES", 0, "number of minutes", least=0)


def whole(env: Mapping[str, str], name: str, default: int, what: str, *, least: int = 1) -> int:
    """Return a setting that is a whole number.

    :param name: of the variable.
    :param default: taken where it is unset.
    :param what: it is, for the error.
    :param least: the lowest that can be meant.
    :raises ConfigurationError: it is none, or lower.
    """
    text = env.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < least:
        way_out = f"Set it to a whole number from {least} on, or unset it for {default}."
        raise unusable(name, f"is not a {what}", way_out)
    return int(text)


def unusable(name: str, problem: str, way_out: str) -> ConfigurationError:
    """Return the error for a setting that cannot be used.

    :param name: of the variable.
    :param problem: goes on behind the name.
    """
    return ConfigurationError(f"{name} {problem}.", reason_code=f"settings.{name}.invalid", way_out=way_out)

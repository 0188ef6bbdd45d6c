"""Checks of what is installed, by the packages' metadata: Airflow itself is not imported."""

from __future__ import annotations

import re
import sys
from datetime import date, timedelta
from importlib import metadata
from typing import TYPE_CHECKING, Final

from include.doctor.finding import Result, check, failed, passed
from include.environment import setting
from include.settings import load_settings
from include.sync.looking_again import look_again_every

if TYPE_CHECKING:
    from include.doctor.visit import Visit

_SERIES: Final = (3, 3)
_PYTHONS: Final = ((3, 11), (3, 14))
"""The first that works and the first that does not."""
_HOUR: Final = timedelta(hours=1)
_CELERY_BREAKS: Final = (5, 7)
_WORDS: Final = frozenset({"now", "beginning"})
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@check("airflow.version")
def version(_visit: Visit) -> Result:
    """Check that the installed Airflow is one that this project was tested with."""
    found = _version("apache-airflow")
    way_out = "Install it in this environment: pip install 'apache-airflow==3.3.2'."
    if not found:
        return failed("Airflow is not installed in the environment that runs this command.", way_out)
    if _numbers(found) != _SERIES:
        return failed(f"Airflow {found} is installed; this project runs on 3.3.", way_out)
    return passed(f"Airflow {found}")


@check("airflow.python")
def python(_visit: Visit) -> Result:
    """Check that the Python version is one that Airflow and this project support."""
    found = ".".join(map(str, sys.version_info[:3]))
    first, beyond = _PYTHONS
    if not first <= sys.version_info[:2] < beyond:
        return failed(f"Python {found}", "Use Python 3.11, 3.12 or 3.13.")
    return passed(f"Python {found}")


@check("airflow.celery")
def celery(_visit: Visit) -> Result:
    """Check that Celery, where it is used, is older than 5.7."""
    found, provider = _version("celery"), _version("apache-airflow-providers-celery")
    if not found or not provider:
        return passed("Celery is not used.")
    if _numbers(found) >= _CELERY_BREAKS:
        return failed(
            f"Celery {found} removed what Airflow's provider {provider} imports: scheduler and worker die at start.",
            "Install an older one on every machine: pip install 'celery<5.7'.",
        )
    return passed(f"Celery {found}")


@check("airflow.provider")
def provider(_visit: Visit) -> Result:
    """Check that Airflow knows the two connection types, because the package is installed as a provider."""
    points = metadata.entry_points(group="apache_airflow_provider")
    if not any(point.value.startswith("include.provider_info:") for point in points):
        return failed(
            "The package is not installed, it only lies on the path: its connection types are unknown to Airflow.",
            "Install it: pip install -e . in the project's folder, or the wheel.",
        )
    return passed("The connection types exact_online and personio are registered.")


@check("settings.retention")
def retention(_visit: Visit) -> Result:
    """Check that EXACT_PERSONIO_RETENTION_DAYS is a number of days."""
    return passed(f"Personal data of finished records is kept for {load_settings().retention_days} days.")


@check("settings.start_from")
def start_from(_visit: Visit) -> Result:
    """Check that EXACT_PERSONIO_START_FROM is one of the values that the form allows."""
    value = setting("EXACT_PERSONIO_START_FROM", "now")
    # A DAG whose default is invalid is not even imported; a date that does not exist fails the first run.
    if not (value in _WORDS or _is_date(value)):
        return failed(
            "EXACT_PERSONIO_START_FROM is none of the allowed values: the DAGs cannot be used.",
            "Set it to now, beginning or a date like 2026-01-31, or unset it.",
        )
    return passed(f"The first run starts from: {value}.")


@check("settings.retry_seconds")
def retry_seconds(_visit: Visit) -> Result:
    """Check that EXACT_PERSONIO_RETRY_SECONDS is a number."""
    value = setting("EXACT_PERSONIO_RETRY_SECONDS", "60")
    try:
        # As the DAGs make it; "inf" is a number, but no length of time.
        fits = timedelta(seconds=float(value)) > timedelta(0)
    except (ValueError, OverflowError):
        fits = False
    if not fits:
        return failed(
            "EXACT_PERSONIO_RETRY_SECONDS is not a number of seconds; the DAGs cannot be imported.",
            "Set it to a number above 0, or unset it for 60.",
        )
    return passed(f"A failed task is tried again after {float(value):g} s.")


@check("settings.look_again")
def look_again(_visit: Visit) -> Result:
    """Check that EXACT_PERSONIO_LOOK_AGAIN_HOURS is a number of hours."""
    every = look_again_every()
    if every is None:
        return passed("Accounts rejected for their main contact wait until the account itself changes.")
    return passed(f"Accounts rejected for their main contact are looked at again every {every / _HOUR:g} h.")


CHECKS: Final = (version, python, celery, provider, retention, start_from, retry_seconds, look_again)


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    """Return the first two numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])

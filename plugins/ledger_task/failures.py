"""How this project's errors end a task: failed for good, or tried again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowException, AirflowFailException

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def as_airflow_failures() -> Iterator[None]:
    """Let Airflow retry what may get better, and nothing else.

    A retry of what cannot get better would burn Exact's budget of ten errors an hour.

    :raises AirflowFailException: until a person acts, trying again changes nothing.
    :raises AirflowException: the service is limited or away; Airflow tries again after its delay.
    """
    # Lazily, for the Dag parse.
    from include.errors import AbortError, ExactPersonioError, RecordRejectedError  # noqa: PLC0415

    try:
        yield
    except (AbortError, RecordRejectedError) as error:
        raise AirflowFailException(str(error)) from None
    except ExactPersonioError as error:
        raise AirflowException(str(error)) from None

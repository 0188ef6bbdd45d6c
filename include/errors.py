"""What can go wrong, and what the caller is to do about it.

The tree answers one question: abort, retry or skip::

    ExactPersonioError
    ├── AbortError              stop the run; trying again changes nothing until a person acts
    │   ├── CredentialsError    the login is wrong, revoked, expired, or the token chain is dead
    │   ├── PermissionDeniedError   the login is right, but lacks a right, a scope or a licence
    │   ├── ConfigurationError  a setting, a mapping, a division or a watermark is wrong
    │   └── ProtocolError       the service answered in a way that cannot be right (page loop, foreign link)
    ├── RetryLaterError         nothing was changed; the same step may be tried again later
    │   ├── RateLimitedError    the service's limit, or our own pacing, says when
    │   ├── ErrorBudgetSpentError   Exact would block the key: nothing is sent until the hour is over
    │   └── ServiceUnavailableError no connection, 5xx, HTML or an empty body on a read
    ├── RecordRejectedError     this record only; the others go on
    │   └── AlreadyExistsError  Personio knows this e-mail address for this position, or as an employee
    └── OutcomeUnknownError     a write was sent and no clear answer came back: it may have been done

Texts name the cause and the way out. They never hold a response body, a secret or personal data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class ExactPersonioError(Exception):
    """Raised as the root of everything this project raises on purpose.

    :param what: one sentence: what happened, to which record or endpoint.
    :param reason_code: ``service.field.problem``, stable, for ledger and alerts.
    :param way_out: what the reader does next, as a command where there is one.
    :param status: HTTP status code that the service answered, if any.
    """

    def __init__(self, what: str, *, reason_code: str, way_out: str = "", status: int | None = None) -> None:
        self.what = what
        self.reason_code = reason_code
        self.way_out = way_out
        self.status = status
        super().__init__(f"{what} [{reason_code}]" + (f" {way_out}" if way_out else ""))


class AbortError(ExactPersonioError):
    """Raised when trying again changes nothing until a person acts."""


class CredentialsError(AbortError):
    """Raised when a login is wrong, revoked or expired, or the token chain is dead."""


class PermissionDeniedError(AbortError):
    """Raised when the login works but lacks a right, a scope or a licence."""


class ConfigurationError(AbortError, ValueError):
    """Raised when a setting, a mapping, a division or a watermark is wrong."""


class ProtocolError(AbortError):
    """Raised when a service answers in a way that cannot be right: a page loop, a foreign link."""


class RetryLaterError(ExactPersonioError):
    """Raised when nothing was changed and the same step may be tried again.

    :param retry_at: aware time before which trying is useless; None if nobody knows.
    """

    def __init__(
        self,
        what: str,
        *,
        reason_code: str,
        way_out: str = "",
        status: int | None = None,
        retry_at: datetime | None = None,
    ) -> None:
        self.retry_at = retry_at
        super().__init__(what, reason_code=reason_code, way_out=way_out, status=status)


class RateLimitedError(RetryLaterError):
    """Raised when the service's limit, or our own pacing, forbids the call for now."""


class ErrorBudgetSpentError(RetryLaterError):
    """Raised before a call that could make Exact block the key for its errors of the last hour."""


class ServiceUnavailableError(RetryLaterError):
    """Raised when a read found no connection, a 5xx, HTML or an empty body."""


class RecordRejectedError(ExactPersonioError):
    """Raised when the service refuses this one record for good; the others go on.

    :param field: the service's name of the field that was refused, or an empty string.
    """

    def __init__(
        self,
        what: str,
        *,
        reason_code: str,
        field: str = "",
        way_out: str = "",
        status: int | None = None,
    ) -> None:
        self.field = field
        super().__init__(what, reason_code=reason_code, way_out=way_out, status=status)


class AlreadyExistsError(RecordRejectedError):
    """Raised when Personio already has this e-mail address for this position, or as an employee.

    :param remote_id: Personio's id of what is there, where it can be told.
    """

    def __init__(
        self,
        what: str,
        *,
        reason_code: str,
        field: str = "",
        way_out: str = "",
        status: int | None = None,
        remote_id: str | None = None,
    ) -> None:
        self.remote_id = remote_id
        super().__init__(what, reason_code=reason_code, field=field, way_out=way_out, status=status)


class OutcomeUnknownError(ExactPersonioError):
    """Raised when a write was sent and no clear answer came back: it may have been done."""

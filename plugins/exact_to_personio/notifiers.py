"""Who is told that a login ends, a stream stops, or both sides differ: the log, and the installation's notifiers."""

from __future__ import annotations

import json
import logging
from copy import copy
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from include.environment import setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

log = logging.getLogger(__name__)

VARIABLE = "EXACT_PERSONIO_NOTIFIERS"


class LoginExpiryNotifier(BaseNotifier):
    """Write a warning to the task's log that a login at Exact needs a person.

    Others are named in ``EXACT_PERSONIO_NOTIFIERS``; in their templates ``{{ login_message }}``,
    ``{{ login_connection }}`` and ``{{ login_dies_at }}`` are filled in, and, as for every message, the names of
    `alert`. (A notifier's own fields hide names of the context, so these are no names that a notifier has.)

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/howto/notifications.html

    :param text: what is written (templated).
    """

    template_fields: Sequence[str] = ("text",)

    def __init__(self, text: str = "{{ login_message }}") -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Context) -> None:
        """Write the warning."""
        del context
        self.log.warning("%s", self.text)


class DifferenceNotifier(LoginExpiryNotifier):
    """Write a warning to the task's log that Exact, the ledger and Personio differ, or do not any more.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/howto/notifications.html

    :param text: what is written (templated).
    """

    def __init__(self, text: str = "{{ alert_message }}") -> None:
        super().__init__(text)


class StreamNotifier(LoginExpiryNotifier):
    """Write a warning to the task's log that a stream does not go on, or goes on again.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/howto/notifications.html

    :param text: what is written (templated).
    """

    def __init__(self, text: str = "{{ alert_message }}") -> None:
        super().__init__(text)


def alert(kind: str, subject: str, message: str) -> dict[str, str]:
    """Return the names that every message fills in, whatever it is about.

    :param kind: ``login``, ``difference``, ``agreement``, ``trouble`` or ``recovery``.
    :param subject: the connection, the part of the reconciliation, or the DAG.
    :param message: for people; no personal data.
    """
    # Whoever only knows the names of the logins' messages is told in their templates.
    known = {"login_message": message, "login_connection": subject, "login_dies_at": ""}
    return {"alert_kind": kind, "alert_subject": subject, "alert_message": message, **known}


def configured_notifiers(log: BaseNotifier | None = None) -> list[Any]:
    """Return the log's notifier and those that ``EXACT_PERSONIO_NOTIFIERS`` names.

    It is a JSON list such as ``[{"class": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
    "kwargs": {"to": "ops@example.org", "subject": "Exact", "html_content": "{{ alert_message }}"}}]``.

    :param log: writes to the log; None: that a login ends.
    :raises ConfigurationError: it is no such list, or a class in it cannot be made.
    """
    from include.errors import ConfigurationError  # noqa: PLC0415 - lazily, for the Dag parse

    made: list[Any] = [log or LoginExpiryNotifier()]
    text = setting(VARIABLE)
    try:
        made += [_made(entry) for entry in (json.loads(text) if text else [])]
    except (ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        # `from None`: the text may hold the password of a mail server.
        raise ConfigurationError(
            f"{VARIABLE} does not name notifiers that can be made ({type(error).__name__}).",
            reason_code=f"settings.{VARIABLE}.invalid",
            way_out='Write it like [{"class": "package.module.Name", "kwargs": {}}]; docs/connections.md shows more.',
        ) from None
    return made


def tell(notifier: Any, context: dict[str, Any]) -> None:
    """Let a notifier fill in its templates and send.

    The same as calling it, except that Airflow's call writes the error's text to the log: an answer of a mail server
    names the people it was for.

    :param notifier: one of `configured_notifiers`.
    :param context: of the task, with what there is to tell.
    """
    if not isinstance(notifier, BaseNotifier):
        notifier(context)
        return
    # Filled in for good: the next message needs the templates again.
    once = copy(notifier)
    own: Any = {**context, **{name: getattr(once, name) for name in once.template_fields}}
    once.render_template_fields(own)
    once.notify(own)


def tell_everybody(notifiers: list[Any], context: dict[str, Any], *, about: str, code: str) -> None:
    """Tell every notifier; one that fails keeps no other from being told.

    :param notifiers: of `configured_notifiers`: the log's, then the installation's.
    :param context: of the task, with what there is to tell.
    :param about: whom the message is about, for the error.
    :param code: reason code of the error.
    :raises RetryLaterError: the installation has notifiers, and all of them failed.
    """
    from include.errors import RetryLaterError  # noqa: PLC0415

    told = [_told(notifier, context) for notifier in notifiers][1:]
    if told and not any(told):
        raise RetryLaterError(
            f"None of the {len(told)} notifiers could tell of {about}.",
            reason_code=code,
            way_out="Look at EXACT_PERSONIO_NOTIFIERS and at this task's log; it is told again.",
        )


def place_of(error: BaseException) -> str:
    """Return file and line where an error was raised, without a word of its text."""
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


def _told(notifier: Any, context: dict[str, Any]) -> bool:
    try:
        tell(notifier, context)
    except Exception as error:  # noqa: BLE001
        # Its text stays out of the log: it may hold addresses and the whole dialogue with a mail server.
        log.error("Notifier %s failed: %s in %s", type(notifier).__name__, type(error).__name__, place_of(error))  # noqa: TRY400
        return False
    return True


def _made(entry: dict[str, Any]) -> Any:
    module, _, name = str(entry["class"]).rpartition(".")
    return getattr(import_module(module), name)(**entry.get("kwargs", {}))

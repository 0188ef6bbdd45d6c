"""Who is told that a login is about to end, or that both sides differ: the log, and the installation's notifiers."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

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


def alert(kind: str, subject: str, message: str) -> dict[str, str]:
    """Return the names that every message fills in, whatever it is about.

    :param kind: ``login``, ``difference`` or ``agreement``.
    :param subject: the connection, or the part of the reconciliation.
    :param message: for people; no personal data.
    """
    return {"alert_kind": kind, "alert_subject": subject, "alert_message": message}


def configured_notifiers(log: BaseNotifier | None = None) -> list[Any]:
    """Return the log's notifier and those that ``EXACT_PERSONIO_NOTIFIERS`` names.

    It is a JSON list such as ``[{"class": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
    "kwargs": {"to": "ops@example.org", "subject": "Exact", "html_content": "{{ alert_message }}"}}]``.

    :param log: writes to the log; None: that a login ends.
    :raises ConfigurationError: it is no such list, or a class in it cannot be made.
    """
    from include.errors import ConfigurationError  # noqa: PLC0415 - lazily, for the Dag parse

    made: list[Any] = [log or LoginExpiryNotifier()]
    text = os.environ.get(VARIABLE, "").strip()
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
    own: Any = {**context, **{name: getattr(notifier, name) for name in notifier.template_fields}}
    notifier.render_template_fields(own)
    notifier.notify(own)


def place_of(error: BaseException) -> str:
    """Return file and line where an error was raised, without a word of its text."""
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


def _made(entry: dict[str, Any]) -> Any:
    module, _, name = str(entry["class"]).rpartition(".")
    return getattr(import_module(module), name)(**entry.get("kwargs", {}))

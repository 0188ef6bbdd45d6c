"""Somebody is told when a live stream stops going on, and once more when it goes on again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ledger_task.operator import LedgerOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

    from include.ledger import Ledger
    from include.ledger.alarms import Alarm, Trouble

log = logging.getLogger(__name__)


class WatchStreamsOperator(LedgerOperator):
    """Look whether each stream goes on, and tell everybody in ``EXACT_PERSONIO_NOTIFIERS`` when that has changed.

    A stream does not go on if it committed no watermark, or has records waiting, for ``EXACT_PERSONIO_STALE_HOURS``
    (24; 0: never mind). Runs that fail are told of at once, by `stream_failed`; here, if that did not succeed.

    Returns how many messages were sent.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/howto/notifications.html

    :raises AirflowFailException: a setting is wrong.
    :raises AirflowException: no notifier could send it; it is told by the retry.
    """

    def work(self, ledger: Ledger, context: Context) -> int:
        """Look and tell; return how many messages that were."""
        from exact_to_personio.notifiers import StreamNotifier, configured_notifiers  # noqa: PLC0415 - lazily,
        from include.metrics.streams import look_at_all  # noqa: PLC0415 - for the Dag parse
        from include.settings import load_settings  # noqa: PLC0415

        # Made first: a mistake in their setting is found on a quiet day.
        configured_notifiers(StreamNotifier())
        look_at_all(ledger, load_settings().stale_hours)
        return tell_news(ledger, dict(context))


def stream_failed(context: Context) -> None:
    """Tell that a live run ended for good before it was through; the ``on_failure_callback`` of its tasks.

    A run of history, and one that a person filled in a form for, is that person's affair.
    """
    if _is_live(context):
        _quietly(lambda ledger: _note_failure(ledger, context), context)


def stream_committed(context: Context) -> None:
    """Tell that a stream goes on again, if anybody was told that it does not; the callback of ``commit``."""
    _quietly(lambda ledger: _look_again(ledger, str(context["task"].dag_id)), context)


def tell_news(ledger: Ledger, context: dict[str, Any]) -> int:
    """Tell everybody of each stream that has got into trouble or out of it; return how many messages that were.

    :param ledger: the open ledger.
    :param context: of the task, for the notifiers' templates.
    :raises ConfigurationError: the setting of the notifiers is wrong.
    :raises RetryLaterError: none of them could send it.
    """
    from exact_to_personio.notifiers import StreamNotifier, configured_notifiers, tell_everybody  # noqa: PLC0415

    notifiers = configured_notifiers(StreamNotifier())
    with ledger.alarms.telling() as news:
        for alarm in news:
            tell_everybody(notifiers, {**context, **_said(alarm)}, about=alarm.dag_id, code="stream.notifier.failed")
            ledger.alarms.told(alarm)
    return len(news)


def _said(alarm: Alarm) -> dict[str, str]:
    from exact_to_personio.notifiers import alert  # noqa: PLC0415

    since = f"{alarm.since:%Y-%m-%d %H:%M} UTC"
    if alarm.ended_at is None:
        kind, message = (
            "trouble",
            f"{alarm.dag_id} does not go on. {alarm.trouble.what} {alarm.trouble.way_out}".strip(),
        )
    else:
        kind, message = "recovery", f"{alarm.dag_id} goes on again; it did not since {since}."
    return alert(kind, alarm.dag_id, message)


def _note_failure(ledger: Ledger, context: Context) -> None:
    ledger.alarms.note(str(context["task"].dag_id), _cause(ledger, context))


def _cause(ledger: Ledger, context: Context) -> Trouble:
    """Return why the task failed: what it left in the ledger, else where to read it."""
    from include.ledger.alarms import Trouble  # noqa: PLC0415

    task, run_id = context["task"], str(context["run_id"])
    left = [one for one in ledger.failures.of_run(f"{task.dag_id}/{run_id}") if one.stage == task.task_id]
    if left:
        return Trouble(left[-1].reason_code, f"{task.task_id}: {left[-1].what}", left[-1].way_out)
    what = f"{task.task_id} of run {run_id} failed."
    return Trouble("stream.run.failed", what, "Its log in Airflow's UI says why; clearing the task is always safe.")


def _look_again(ledger: Ledger, dag_id: str) -> None:
    from include.metrics.streams import look_at  # noqa: PLC0415
    from include.settings import load_settings  # noqa: PLC0415

    # Nearly always there is nothing to see, and nothing is asked but this.
    if any(alarm.dag_id == dag_id for alarm in ledger.alarms.standing()):
        look_at(ledger, dag_id, load_settings().stale_hours)


def _quietly(note: Callable[[Ledger], None], context: Context) -> None:
    tell_quietly(note, dict(context), f"how {context['task'].dag_id} stands")


def tell_quietly(note: Callable[[Ledger], None], context: dict[str, Any], about: str) -> None:
    """Note something and tell it; what goes wrong is logged without its text, and told by the next housekeeping.

    :param note: is given the open ledger.
    :param context: for the notifiers' templates.
    :param about: what nobody could be told if it goes wrong, for the log.
    """
    from exact_to_personio.notifiers import place_of  # noqa: PLC0415
    from include.errors import ExactPersonioError  # noqa: PLC0415
    from include.ledger import open_ledger  # noqa: PLC0415

    try:
        with open_ledger() as ledger:
            note(ledger)
            tell_news(ledger, context)
    except ExactPersonioError as error:
        log.warning("Nobody could be told %s: %s", about, error)
    except Exception as error:  # noqa: BLE001
        # A callback must not hide the task's own failure, and this text may hold an address.
        log.error("Nobody could be told %s: %s in %s", about, type(error).__name__, place_of(error))  # noqa: TRY400


def _is_live(context: Context) -> bool:
    """Say whether the run is one that moves the watermark."""
    from exact_to_personio.stage import run_type_of  # noqa: PLC0415

    task: Any = context["task"]
    try:
        return not task.is_of_history(context)
    except Exception:  # noqa: BLE001
        # A form or a connection is wrong, which is why the task failed: then only the schedule is nobody's affair.
        return run_type_of(context) == "scheduled"

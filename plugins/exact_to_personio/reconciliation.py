"""The operators of the daily reconciliation: both sides are compared, and somebody is told what does not agree."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from exact_online.hooks import ExactOnlineHook
from exact_to_personio.notifiers import DifferenceNotifier, alert, configured_notifiers, tell_everybody
from ledger_task.operator import LedgerOperator
from personio.hooks import PersonioHook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from include.clients.personio import PersonioClient
    from include.ledger import Ledger
    from include.reconcile.alerts import Alert
    from include.reconcile.exact_side import Site


class ReconcileOperator(LedgerOperator):
    """Prove that Exact, the ledger and Personio agree, and keep what does not.

    A difference does not fail the task: `TellDifferencesOperator` tells of it once, and not every day.

    Returns ``verdict`` (``ok``, ``difference`` or ``unproven``), ``depth``, ``differences`` by code, ``not_proven``
    and ``calls``; the report is in the ledger and on the console's page.

    .. seealso:: https://developer.personio.de/reference/get_v2-recruiting-applications

    :param depth: ``ledger`` (no calls), ``personio`` or ``exact``, each with those before it (templated).
    :param channel: recruiting channel that only this project applies through; empty: there is none (templated).
    :param exact_conn_ids: connections of Exact Online, comma separated (templated).
    :param personio_conn_ids: connections of Personio, comma separated, one per company (templated).
    :raises AirflowFailException: a setting is wrong, or a login is dead.
    :raises AirflowException: a service is limited or away; nothing was concluded.
    """

    template_fields: Sequence[str] = ("depth", "channel", "exact_conn_ids", "personio_conn_ids")

    def __init__(
        self,
        *,
        depth: str = "personio",
        channel: str = "",
        exact_conn_ids: str = ExactOnlineHook.default_conn_name,
        personio_conn_ids: str = PersonioHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.depth = depth
        self.channel = channel
        self.exact_conn_ids = exact_conn_ids
        self.personio_conn_ids = personio_conn_ids

    def work(self, ledger: Ledger, context: Context) -> dict[str, Any]:
        """Compare; return the verdict and counts."""
        from include.reconcile.reconciling import (  # noqa: PLC0415 - lazily, for the Dag parse
            Asked,
            checked_channel,
            checked_depth,
            reconcile,
        )

        asked = Asked(self.run_key(context), checked_depth(self.depth), channel=checked_channel(self.channel))
        with HookServices(ledger, asked.run, _names(self.exact_conn_ids), _names(self.personio_conn_ids)) as services:
            report = reconcile(ledger, services, asked, lambda line: self.log.info("It costs: %s", line))
        told: dict[str, Any] = {"verdict": report["verdict"], "depth": report["depth"], "calls": report["calls"]}
        told["differences"] = _counted(report)
        told["not_proven"] = sorted({one["reason_code"] for part in report["parts"] for one in part["not_proven"]})
        for part in report["parts"]:
            for one in (*part["findings"], *part["not_proven"]):
                code = one.get("kind") or one["reason_code"]
                self.log.info("%s: %s [%s] %s", part["name"], one["what"], code, one["way_out"])
        return told


class TellDifferencesOperator(LedgerOperator):
    """Tell everybody in ``EXACT_PERSONIO_NOTIFIERS`` of each difference when it comes up, and of its end.

    What was told is noted after it was sent. A worker that dies in between tells it again when the task is retried:
    at least once, and never not at all. It is noted as well when some of several notifiers fail, or the others would
    be told daily; when all of them fail, it is not, and the task fails.

    Returns how many messages were sent.

    .. seealso:: https://airflow.apache.org/docs/apache-airflow/stable/howto/notifications.html

    :raises AirflowFailException: the setting of the notifiers is wrong.
    :raises AirflowException: no notifier could send it; it is told by the retry.
    """

    def work(self, ledger: Ledger, context: Context) -> int:
        """Tell what is news; return how many messages that were."""
        from include.reconcile.alerts import alerts, told  # noqa: PLC0415

        # Made first: a mistake in their setting is found on a quiet day.
        notifiers = configured_notifiers(DifferenceNotifier())
        news = alerts(ledger)
        for one in news:
            self._send(one, notifiers, context)
            told(ledger, [one])
        return len(news)

    def _send(self, one: Alert, notifiers: list[Any], context: Context) -> None:
        said = alert("difference" if one.verdict == "difference" else "agreement", one.part, one.message)
        said |= {"reconciliation_part": one.part, "reconciliation_verdict": one.verdict}
        tell_everybody(notifiers, {**context, **said}, about=one.part, code="reconcile.notifier.failed")


class HookServices:
    """Both services by their Airflow connections, opened when they are first needed.

    :param ledger: the open ledger.
    :param run: under which calls are counted.
    :param exact_conn_ids: connections of Exact Online.
    :param personio_conn_ids: connections of Personio.
    """

    def __init__(
        self, ledger: Ledger, run: str, exact_conn_ids: Sequence[str], personio_conn_ids: Sequence[str]
    ) -> None:
        self._ledger = ledger
        self._run = run
        self._exact = exact_conn_ids
        self._personio = personio_conn_ids
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def personio(self, company: int) -> PersonioClient | None:
        """Return the client of the connection that names this company; None: none does.

        :raises ConfigurationError: a field of a connection is malformed.
        """
        for conn_id in self._personio:
            hook = PersonioHook(conn_id)
            if (hook.company_id or 0) == company:
                return self._stack.enter_context(hook.client(self._ledger, self._run, lane="history"))
        return None

    def exact(self, division: int) -> Site | None:
        """Return the division by the connection that names it; a single connection serves all divisions.

        :raises ConfigurationError: a field of a connection is malformed.
        """
        from include.reconcile.exact_side import Site  # noqa: PLC0415

        for conn_id in self._exact:
            hook = ExactOnlineHook(conn_id, division)
            if len(self._exact) == 1 or division in hook.divisions:
                client = self._stack.enter_context(hook.client(self._ledger, self._run, lane="history"))
                return Site(client, hook.zone)
        return None


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _counted(report: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in report["parts"]:
        for finding in part["findings"]:
            if finding["level"] == "difference":
                found[finding["kind"]] = found.get(finding["kind"], 0) + finding["count"]
    return found

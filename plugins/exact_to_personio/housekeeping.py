"""The operators of the daily housekeeping: logins stay alive, finished personal data is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from exact_online.hooks import ExactOnlineHook
from exact_to_personio.notifiers import alert, configured_notifiers, place_of, tell
from ledger_task.operator import LedgerOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from include.errors import ExactPersonioError
    from include.ledger import Ledger

WARN_WITHIN = timedelta(days=7)
OLDER_THAN = timedelta(days=1)


class KeepLoginsAliveOperator(LedgerOperator):
    """Renew the tokens of connections that nobody used lately, and warn while there is time to log in again.

    A login at Exact dies after 30 days without use. Whoever is named in ``EXACT_PERSONIO_NOTIFIERS`` is told when
    it cannot be renewed and has less than seven days left, or is dead.

    Returns by connection: ``login`` (``in use``, ``renewed``, ``dead`` or ``not renewed``) and ``dies_at``.

    .. seealso:: https://support.exactonline.com/community/s/knowledge-base#All-All-DNO-Content-restapi

    :param exact_conn_ids: Airflow connections of Exact Online, comma separated (templated). All others that have
        logged in are looked after too, unless their login is dead or Airflow no longer knows them.
    :param older_than: what was used within this time is left alone.
    :raises AirflowFailException: a login is missing or dead; the others were looked after first.
    :raises AirflowException: Exact is limited or away.
    """

    template_fields: Sequence[str] = ("exact_conn_ids",)

    def __init__(
        self,
        *,
        exact_conn_ids: str = ExactOnlineHook.default_conn_name,
        older_than: timedelta = OLDER_THAN,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.exact_conn_ids = exact_conn_ids
        self.older_than = older_than

    def work(self, ledger: Ledger, context: Context) -> dict[str, dict[str, str]]:
        """Look after each connection; return what was found."""
        # Made first: a mistake in their setting is found on a quiet day.
        notifiers = configured_notifiers()
        found: dict[str, dict[str, str]] = {}
        problems: list[ExactPersonioError] = []
        named = list(dict.fromkeys(part.strip() for part in self.exact_conn_ids.split(",") if part.strip()))
        for hook in [*map(ExactOnlineHook, named), *self._also_logged_in(ledger, named)]:
            problem = self._renew(hook, ledger, self.run_key(context), found)
            if problem is not None:
                problems.append(problem)
                self._warn(hook, ledger, problem, notifiers, context)
        for conn_id, state in found.items():
            self.log.info("%s: %s, without use until %s", conn_id, state["login"], state["dies_at"] or "-")
        if problems:
            raise _worst(problems)
        return found

    def _also_logged_in(self, ledger: Ledger, named: Sequence[str]) -> Iterator[ExactOnlineHook]:
        """Yield the connections with a living login that nobody named; a removed one is no mistake."""
        from airflow.sdk.exceptions import AirflowNotFoundException  # noqa: PLC0415

        for conn_id in ledger.logins():
            if conn_id in named or _is_dead(conn_id, ledger):
                continue
            try:
                connection = ExactOnlineHook.get_connection(conn_id)
            except AirflowNotFoundException:
                connection = None
            # Another type under the same id: its host must not be sent Exact's tokens.
            if connection is None or connection.conn_type != ExactOnlineHook.conn_type:
                self.log.info("%s: has a login, but Airflow no longer knows such a connection; left alone", conn_id)
                continue
            yield ExactOnlineHook(conn_id, connection=connection)

    def _renew(
        self, hook: ExactOnlineHook, ledger: Ledger, run_key: str, found: dict[str, dict[str, str]]
    ) -> ExactPersonioError | None:
        from airflow.sdk.exceptions import AirflowNotFoundException  # noqa: PLC0415

        from include.errors import AbortError, ConfigurationError, ExactPersonioError  # noqa: PLC0415

        state, problem = "", None
        try:
            with hook.tokens(ledger, run_key) as tokens:
                state = "renewed" if tokens.keep_alive(self.older_than) else "in use"
        except AirflowNotFoundException:
            return ConfigurationError(
                f"Airflow knows no connection {hook.exact_conn_id}.",
                reason_code="exact.connection.missing",
                way_out="Add it, or name those to look after in EXACT_PERSONIO_CONNECTIONS, comma separated.",
            )
        except ExactPersonioError as error:
            state, problem = "dead" if isinstance(error, AbortError) else "not renewed", error
        ends = _dies_at(hook, ledger)
        found[hook.exact_conn_id] = {"login": state, "dies_at": ends.isoformat(timespec="seconds") if ends else ""}
        return problem

    def _warn(
        self,
        hook: ExactOnlineHook,
        ledger: Ledger,
        problem: ExactPersonioError,
        notifiers: list[Any],
        context: Context,
    ) -> None:
        """Tell everybody, once a day, if only a person can help or soon only one will."""
        from datetime import UTC, datetime  # noqa: PLC0415

        from include.errors import AbortError  # noqa: PLC0415

        dead = isinstance(problem, AbortError)
        ends = None if dead else _dies_at(hook, ledger)
        soon = ends is not None and ends - datetime.now(UTC) < WARN_WITHIN
        if not dead and not (soon and context["ti"].try_number == 1):
            return
        message = f"Connection {hook.exact_conn_id}: {problem}"
        if ends is not None:
            lasts = f"The login of connection {hook.exact_conn_id} dies on {ends:%Y-%m-%d} unless it is renewed."
            message = f"{lasts} {problem}"
        told = alert("login", hook.exact_conn_id, message)
        told["login_dies_at"] = str(ends or "")
        for notifier in notifiers:
            try:
                tell(notifier, {**context, **told})
            except Exception as error:  # noqa: BLE001
                # The task's own failure must not be hidden behind that of a mail server. Its text stays out of the
                # log: it may hold addresses and the whole dialogue.
                kinds = type(notifier).__name__, type(error).__name__
                self.log.error("Notifier %s failed: %s in %s", *kinds, place_of(error))  # noqa: TRY400


class ForgetOperator(LedgerOperator):
    """Remove personal data whose time, ``EXACT_PERSONIO_RETENTION_DAYS``, is over.

    In the ledger: of records that Personio has, and of those that were rejected or skipped and did not change since;
    what keeps a record from being sent twice, and why it was rejected, stays. Below ``$AIRFLOW_HOME/exports`` of the
    machine that runs the task: the files that operators wrote there.

    Returns how much was removed, by kind: ``deliveries``, ``staged``, ``failures``, ``calls``, ``extracts``,
    ``windows`` and ``exports``.

    :raises AirflowFailException: a setting is wrong, or the ledger cannot be used.
    :raises AirflowException: the ledger is too busy.
    """

    def work(self, ledger: Ledger, context: Context) -> dict[str, int]:
        """Remove it; return counts."""
        from datetime import UTC, datetime  # noqa: PLC0415

        from include.old_exports import exports_folder, remove_old_exports  # noqa: PLC0415
        from include.settings import load_settings  # noqa: PLC0415

        del context
        days = load_settings().retention_days
        older_than = datetime.now(UTC) - timedelta(days=days)
        purged = dict(ledger.retention.purge(older_than))
        exports = remove_old_exports(older_than)
        purged["exports"] = exports["removed"]
        self.log.info("Older than %d days and removed: %s", days, purged)
        if exports["kept"]:
            self.log.warning(
                "%d files or folders below %s could not be looked at or removed: look at their owner and rights.",
                exports["kept"],
                exports_folder(),
            )
        return purged


def _is_dead(conn_id: str, ledger: Ledger) -> bool:
    """Say whether a login is known to be dead; what cannot be read is not."""
    from include.clients.token_chain import death_of  # noqa: PLC0415
    from include.errors import ExactPersonioError  # noqa: PLC0415

    try:
        stored = ledger.vault(conn_id).read()
    except ExactPersonioError:
        return False
    return stored is not None and bool(death_of(stored))


def _dies_at(hook: ExactOnlineHook, ledger: Ledger) -> Any:
    """Return when the connection's chain ends, None if there is none or it is dead."""
    from include.clients.token_chain import death_of, dies_at  # noqa: PLC0415
    from include.errors import ExactPersonioError  # noqa: PLC0415

    try:
        stored = ledger.vault(hook.exact_conn_id, hook.app).read()
    except ExactPersonioError:
        return None
    return dies_at(stored.obtained_at) if stored is not None and not death_of(stored) else None


def _worst(problems: list[ExactPersonioError]) -> ExactPersonioError:
    """Return the one that a person has to see to, else the first."""
    from include.errors import AbortError  # noqa: PLC0415

    return next((problem for problem in problems if isinstance(problem, AbortError)), problems[0])

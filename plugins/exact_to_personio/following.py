"""The operator that follows up what Exact deleted or anonymised, once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exact_online import DEFAULT_CONNECTION
from ledger_task.operator import LedgerOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from exact_online.hooks import ExactOnlineHook
    from include.ledger import Ledger


class FollowDeletionsOperator(LedgerOperator):
    """Erase whom Exact has deleted or anonymised, if ``EXACT_PERSONIO_FOLLOW_DELETIONS`` is ``erase``.

    With ``keep``, the default, no call is made and nothing changes. What Personio has of these persons is named in
    the log, by id: erasing it there is the company's own act. In either case bytes of erased persons that were left
    in the database's files are removed.

    Returns by division: ``deleted``, ``erased`` and ``at_personio``; ``anonymised`` holds the latter two for those
    that Exact has anonymised.

    .. seealso:: https://start.exactonline.nl/docs/HlpRestAPIResourcesDetails.aspx?name=SyncDeleted

    :param exact_conn_ids: Airflow connections of Exact Online, comma separated (templated); each of their divisions
        is asked for its log of deletions.
    :raises AirflowFailException: a connection or a setting is wrong, or the login may not see deletions.
    :raises AirflowException: Exact is limited or away; the next attempt goes on with what is left.
    """

    template_fields: Sequence[str] = ("exact_conn_ids",)

    def __init__(self, *, exact_conn_ids: str = DEFAULT_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.exact_conn_ids = exact_conn_ids

    def work(self, ledger: Ledger, context: Context) -> dict[str, dict[str, int]]:
        """Follow up each division, then what was anonymised; return counts."""
        from include.privacy.following import ERASE, follow_anonymised, follow_deletions  # noqa: PLC0415 - lazily
        from include.privacy.resuming import resume  # noqa: PLC0415
        from include.settings import load_settings  # noqa: PLC0415

        # First: a dead login must not keep an erasure open.
        resume(ledger)
        found: dict[str, dict[str, int]] = {}
        run_key = self.run_key(context)
        if load_settings().follow_deletions == ERASE:
            # Before the deletions, as it needs no call.
            found["anonymised"] = follow_anonymised(ledger, asked_by=run_key)
            for hook in self._hooks():
                with hook.client(ledger, run_key, lane="history") as client:
                    told = follow_deletions(ledger, client, asked_by=run_key)
                found[str(hook.division)] = told
                self.log.info("Division %s: %s", hook.division, told)
        else:
            self.log.info(
                "EXACT_PERSONIO_FOLLOW_DELETIONS is keep: what Exact deleted or anonymised is left as it is."
            )
        if ledger.erasures.unfinished() and not ledger.erasures.finish():
            self.log.warning(
                "Old bytes of erased persons are still in the ledger's files; tomorrow they are tried again."
            )
        return found

    def _hooks(self) -> list[ExactOnlineHook]:
        """Return a hook for each division, once each."""
        from exact_online.hooks import ExactOnlineHook  # noqa: PLC0415

        named = dict.fromkeys(part.strip() for part in self.exact_conn_ids.split(",") if part.strip())
        hooks: dict[int, ExactOnlineHook] = {}
        for conn_id in named:
            plain = ExactOnlineHook(conn_id)
            for division in plain.divisions or (plain.division,):
                hooks.setdefault(division, ExactOnlineHook(conn_id, division))
        return list(hooks.values())

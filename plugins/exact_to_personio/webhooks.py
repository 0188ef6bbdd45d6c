"""A notifier for whatever takes a message as JSON: Slack, Teams, Mattermost, or a service of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow.sdk import BaseHook, BaseNotifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Connection, Context

    from include.errors import ConfigurationError, RetryLaterError

TIMEOUT: Final = 20.0
_SHORTEST_SECRET: Final = 8
_REDIRECTION: Final = 300
_SERVER_ERROR: Final = 500
_BODY: Final = {"text": "{{ alert_message }}"}


class WebhookNotifier(BaseNotifier):
    """Post one message as JSON.

    .. seealso:: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks

    :param conn_id: Airflow connection whose password is the whole URL, as for Slack, where the URL is the secret. Or
        its host is the URL, and its password, if there is one, is sent as a bearer token.
    :param body: what is posted (templated); by default ``{"text": "{{ alert_message }}"}``, which Slack, Teams and
        Mattermost understand.
    """

    template_fields: Sequence[str] = ("body",)

    def __init__(self, *, conn_id: str, body: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.conn_id = conn_id
        self.body: dict[str, Any] = dict(body or _BODY)

    def notify(self, context: Context) -> None:
        """Post it.

        :raises ConfigurationError: the connection names no URL, or the service refuses the message.
        :raises RetryLaterError: the service is away.
        """
        from include.transport import build_http  # noqa: PLC0415 - lazily, for the Dag parse

        del context
        url, token = _target(BaseHook.get_connection(self.conn_id))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with build_http(base_url=url, timeout=TIMEOUT) as http:
            try:
                status = http.post(url, json=self.body, headers=headers).status_code
            except Exception as error:  # noqa: BLE001
                # `from None`: its text may quote the URL.
                raise _away(self.conn_id, type(error).__name__) from None
        if status >= _SERVER_ERROR:
            raise _away(self.conn_id, str(status))
        if status >= _REDIRECTION:
            raise _refused(self.conn_id, status)


def _target(connection: Connection) -> tuple[str, str]:
    """Return the URL and the bearer token, which is empty where there is none."""
    from airflow.sdk.log import mask_secret  # noqa: PLC0415

    host, password = connection.host or "", connection.password or ""
    url, token = (host, password) if host else (password, "")
    path = urlsplit(url).path
    # Whoever has the path may write into the channel; httpx logs the URLs that it asks.
    if len(path) > _SHORTEST_SECRET:
        mask_secret(path)
    return url, token


def _away(conn_id: str, why: str) -> RetryLaterError:
    from include.errors import RetryLaterError  # noqa: PLC0415

    return RetryLaterError(
        f"Connection {conn_id}: the message got no answer ({why}).",
        reason_code="webhook.answer.missing",
        way_out="It is told again; if it stays, check the URL in the connection, proxy and firewall.",
    )


def _refused(conn_id: str, status: int) -> ConfigurationError:
    from include.errors import ConfigurationError  # noqa: PLC0415

    return ConfigurationError(
        f"Connection {conn_id}: the message was refused with {status}.",
        reason_code="webhook.message.refused",
        way_out="Check the URL and the token in the connection, and the notifier's body in EXACT_PERSONIO_NOTIFIERS.",
        status=status,
    )

"""HTTP: the client factory, what may be logged of a URL, and one table from answers to errors.

Every other module of ``include`` asks through here. :func:`send` makes one request and sorts its answer by
status, kind of body, and whether the request could have changed something. What is left to the caller are the
refusals (4xx), because their meaning differs from service to service.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx
import tenacity

from include.bodies import BodyKind, read_body
from include.errors import (
    ConfigurationError,
    ExactPersonioError,
    OutcomeUnknownError,
    ProtocolError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)
T = TypeVar("T")

Action = Literal["done", "refused", "limited", "moved", "unavailable", "unknown"]

SAFE_QUERY: Final = frozenset({"$select", "$top", "$orderby", "$inlinecount", "limit", "offset"})
"""Query options whose values name columns and counts; every other value may hold personal data."""

_ANY: Final = frozenset[BodyKind]({"json", "empty", "html", "other"})
_NOT_HTML: Final = _ANY - {"html"}
_JSON: Final = frozenset[BodyKind]({"json"})

TABLE: Final[tuple[tuple[range | tuple[int, ...], frozenset[BodyKind], bool | None, Action], ...]] = (
    # statuses          body        write  action; the first row that fits wins
    ((201, 204),        _NOT_HTML,  True,  "done"),  # an application's 201 has no documented body
    (range(200, 300),   _JSON,      None,  "done"),
    (range(200, 300),   _ANY,       False, "unavailable"),  # a gateway's page, an empty or cut answer
    (range(200, 300),   _ANY,       True,  "unknown"),
    (range(300, 400),   _ANY,       None,  "moved"),
    ((429,),            _ANY,       None,  "limited"),  # refused before it was processed
    ((408,),            _ANY,       False, "unavailable"),
    ((408,),            _ANY,       True,  "unknown"),
    ((401, 403, 404),   _ANY,       None,  "refused"),  # with or without a body
    (range(400, 500),   _NOT_HTML,  None,  "refused"),
    (range(400, 600),   _ANY,       False, "unavailable"),
    (range(400, 600),   _ANY,       True,  "unknown"),
)  # fmt: skip

_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_UNUSABLE: Final = (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, already sorted.

    :param json: the parsed body, None unless ``kind`` is ``json``.
    :param headers: case-insensitive.
    """

    status: int
    kind: BodyKind
    action: Action
    json: Any = field(repr=False)
    headers: httpx.Headers = field(repr=False)


def build_http(
    *,
    base_url: str,
    timeout: float = 60.0,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """Build the HTTP client that the service clients are given; the caller closes it.

    :param base_url: scheme and host of the service, for example ``https://api.personio.de``.
    :param timeout: seconds for an answer.
    :param transport: what carries the requests instead of the network; for tests.
    :raises ConfigurationError: if the URL is none.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            "The base URL has no scheme or no host.",
            reason_code="transport.base_url.invalid",
            way_out="Write it like https://start.exactonline.nl in the connection.",
        )
    keep_urls_out_of_foreign_logs()
    http = httpx.Client(
        base_url=base_url,
        timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
        transport=transport,
        verify=_trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        # A redirect could carry the bearer token to another host.
        follow_redirects=False,
        headers={"User-Agent": "exact-personio-airflow"},
    )
    # Every call names what it accepts: Exact answers `*/*` with XML, and `$count` wants no header at all.
    del http.headers["accept"]
    return http


@functools.cache
def _trusted(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Return whom to trust; the certificates take 20 ms to read, so they are read once per process.

    The arguments are the variables that httpx reads them from.
    """
    return httpx.create_ssl_context()


def redact_url(url: object) -> str:
    """Return the URL without user info and without query values that may hold personal data.

    :param url: anything whose ``str()`` is a URL.
    """
    parts = urlsplit(str(url))
    host = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
    pairs = [
        f"{name}={value if name in SAFE_QUERY else '***'}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    origin = f"{parts.scheme}://{host}" if parts.scheme else ""
    return f"{origin}{parts.path}" + ("?" + "&".join(pairs) if pairs else "")


class _RedactUrls(logging.Filter):
    """Rewrites the URLs in httpx's own request lines: queries hold e-mail addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(redact_url(a) if isinstance(a, httpx.URL) else a for a in record.args)
        return True


class _DropDebug(logging.Filter):
    """Drops httpcore's traces: they print response headers, and Personio returns a token in one."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


_REDACT: Final = _RedactUrls()
_DROP: Final = _DropDebug()


def keep_urls_out_of_foreign_logs() -> None:
    """Make httpx and httpcore log nothing that is secret or personal, whoever configured logging."""
    logging.getLogger("httpx").addFilter(_REDACT)
    for name in ("connection", "http11", "http2", "proxy", "socks"):
        logging.getLogger(f"httpcore.{name}").addFilter(_DROP)


def send(
    http: httpx.Client,
    method: str,
    url: str,
    *,
    service: str,
    endpoint: str,
    write: bool,
    headers: Mapping[str, str],
    on_status: Callable[[int], None] | None = None,
    timeout: float | None = None,
    **content: Any,
) -> Reply:
    """Make one request and sort its answer by :data:`TABLE`.

    :param service: ``exact`` or ``personio``, the first part of reason codes.
    :param endpoint: normalised, without ids; it appears in logs and error texts.
    :param write: whether the request may have changed something if no clear answer comes.
    :param headers: of this request only; nothing is kept for the next one.
    :param on_status: called once with the status, or 0 if no answer came, before anything is raised.
    :param timeout: seconds, instead of the client's.
    :param content: ``json``, ``data`` or ``files`` of httpx.
    :raises ServiceUnavailableError: if nothing was changed and no usable answer came.
    :raises OutcomeUnknownError: if a write was sent and no clear answer came.
    :raises ProtocolError: if the service sends us elsewhere.
    """
    told = on_status or (lambda _status: None)
    patience = httpx.Timeout(timeout, connect=10.0) if timeout else httpx.USE_CLIENT_DEFAULT
    started = time.monotonic()
    try:
        answer = http.request(method, url, headers=dict(headers), timeout=patience, **content)
    except (httpx.RequestError, httpx.InvalidURL) as error:
        told(0)
        log.warning("%s %s: %s", method, redact_url(url), type(error).__name__)
        # `from None`: httpx's text may quote the URL, and with it an e-mail address.
        raise _network_error(error, service=service, endpoint=endpoint, write=write) from None
    told(answer.status_code)
    kind, parsed = read_body(answer.content)
    action = action_for(answer.status_code, kind, write=write)
    reply = Reply(answer.status_code, kind, action, parsed, answer.headers)
    log.log(
        logging.DEBUG if reply.action == "done" else logging.WARNING,
        "%s %s: %d %s in %.0f ms",
        method,
        redact_url(url),
        reply.status,
        reply.kind,
        (time.monotonic() - started) * 1000,
    )
    problem = _error_for(reply, service=service, endpoint=endpoint)
    if problem is not None:
        raise problem
    return reply


def retried(call: Callable[[], T], *, sleep: Callable[[float], None], attempts: int = 3) -> T:
    """Call again while nothing was changed and the service was not there, with growing, uneven pauses.

    :param call: paced by itself, so that a repetition takes its own slot.
    :param sleep: how to wait.
    :param attempts: calls in total.
    """
    policy = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ServiceUnavailableError),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_random_exponential(multiplier=1, max=10),
        sleep=sleep,
        reraise=True,
    )
    answers: list[T] = []
    # Not returned through tenacity: its record of a call is a cycle, and keeps what it holds until somebody looks.
    policy(lambda: answers.append(call()))
    return answers.pop()


def action_for(status: int, kind: BodyKind, *, write: bool) -> Action:
    """Look the answer up in :data:`TABLE`.

    :param status: HTTP status.
    :param kind: what the body turned out to be.
    :param write: whether the request may have changed something.
    """
    for statuses, kinds, only_write, action in TABLE:
        if status in statuses and kind in kinds and only_write in (None, write):
            return action
    return "unknown" if write else "unavailable"


def _network_error(error: Exception, *, service: str, endpoint: str, write: bool) -> ExactPersonioError:
    name = type(error).__name__
    if isinstance(error, _UNUSABLE):
        return ConfigurationError(
            f"{endpoint}: the request could not be made ({name}).",
            reason_code=f"{service}.request.unusable",
            way_out="Check the base URL of the connection.",
        )
    if write and not isinstance(error, _NEVER_SENT):
        return OutcomeUnknownError(
            f"{endpoint}: the request was sent, then the connection failed ({name}).",
            reason_code=f"{service}.answer.lost",
            way_out="It may have been done: the next run looks it up before anything is sent again.",
        )
    return ServiceUnavailableError(
        f"{endpoint}: no connection or no answer ({name}); nothing was changed.",
        reason_code=f"{service}.connection.failed",
        way_out="Try again later; if it lasts, check the base URL, proxy and firewall.",
    )


def _error_for(reply: Reply, *, service: str, endpoint: str) -> ExactPersonioError | None:
    said = f"{endpoint}: answer {reply.status} with body kind '{reply.kind}'"
    if reply.action == "unavailable":
        return ServiceUnavailableError(
            f"{said} instead of data.",
            reason_code=f"{service}.answer.unavailable",
            way_out="Try again later; the service or a gateway before it has trouble.",
            status=reply.status,
        )
    if reply.action == "unknown":
        return OutcomeUnknownError(
            f"{said} to a write.",
            reason_code=f"{service}.answer.unclear",
            way_out="It may have been done: the next run looks it up before anything is sent again.",
            status=reply.status,
        )
    if reply.action == "moved":
        return ProtocolError(
            f"{said}: a redirect, which is not followed.",
            reason_code=f"{service}.answer.redirect",
            way_out="Check the base URL of the connection, and whether the login page was sent instead.",
            status=reply.status,
        )
    return None

"""What all of this package's operators are: one call to Exact, with a client that shares tokens and limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from exact_online import DEFAULT_CONNECTION
from exact_online.links import ExactOnlineRecordLink
from ledger_task.private import PrivateOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Context

    from exact_online.hooks import ExactOnlineHook
    from include.clients.exact import ExactClient
    from include.errors import ConfigurationError
    from include.ledger import Ledger
    from include.records import Row
    from include.sync.exact_action import Action, ExactAction
    from include.sync.exact_request import ExactRequest
    from ledger_task.exports import RowsFile


class ExactOnlineCallOperator(PrivateOperator):
    """Ask one thing of Exact Online.

    :param exact_conn_id: id of the Airflow connection. (templated)
    :param division: company to work in; None: the connection's. (templated)
    """

    template_fields: Sequence[str] = ("exact_conn_id", "division")
    operator_extra_links = (ExactOnlineRecordLink(),)
    ui_color = "#e8f1fa"
    record_url: str = ""

    def __init__(
        self,
        *,
        exact_conn_id: str = DEFAULT_CONNECTION,
        division: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.exact_conn_id = exact_conn_id
        self.division = division

    @contextmanager
    def client(self, ledger: Ledger, context: Context) -> Iterator[ExactClient]:
        """Yield a client for this task's connection and company."""
        with self.hook().client(ledger, self.run_key(context)) as client:
            yield client

    def hook(self) -> ExactOnlineHook:
        """Return the hook of this task's connection and company.

        :raises ConfigurationError: ``division`` is no number.
        """
        from exact_online.hooks import ExactOnlineHook  # noqa: PLC0415 - lazily, for the Dag parse

        return ExactOnlineHook(self.exact_conn_id, number_of(self.division, "division"))

    def action(self, action: str, **fields: Any) -> ExactAction:
        """Return what is asked, after everything that can be wrong without asking Exact was looked at.

        :raises ConfigurationError: one sentence that names the field.
        """
        from include.sync.exact_action import ExactAction  # noqa: PLC0415 - lazily, for the Dag parse

        if "body" in fields:
            fields["body"] = object_of(fields["body"], "body")
        for name in {"key", "confirm_id"} & set(fields):
            fields[name] = key_of(fields[name])
        given = {name: value for name, value in fields.items() if value is not None}
        asked = ExactAction(action=action_of(action), zone=self.hook().zone, **given)
        asked.checked()
        return asked

    def rows(self, ledger: Ledger, context: Context, asked: ExactAction, file: RowsFile) -> dict[str, Any]:
        """List into the file; return where it is and how many rows it has."""
        from include.sync.exact_action import listed  # noqa: PLC0415

        with self.client(ledger, context) as client:
            return file.save(listed(client, asked), columns=plain(asked.select))

    def row(self, ledger: Ledger, context: Context, asked: ExactAction, file: RowsFile) -> tuple[dict[str, Any], Row]:
        """Get into the file; return where it is, and the row."""
        from include.sync.exact_action import found  # noqa: PLC0415

        with self.client(ledger, context) as client:
            row = found(client, asked)
        self.show(asked, asked.key)
        return file.save([row], columns=plain(asked.select)), row

    def write(self, ledger: Ledger, context: Context, asked: ExactAction) -> dict[str, Any]:
        """Create, update or delete; return the id and what became of it."""
        from include.sync.exact_action import created, deleted, updated  # noqa: PLC0415

        path = asked.checked().path
        with self.client(ledger, context) as client:
            if asked.action == "create":
                made = created(client, ledger, self.write_key(context), asked)
                self.show(asked, made.remote_id)
                return {"id": made.remote_id, "state": made.state, "endpoint": path}
            if asked.action == "delete":
                return {"id": asked.key, "deleted": deleted(client, asked), "endpoint": path}
            updated(client, asked)
        self.show(asked, asked.key)
        return {"id": asked.key, "endpoint": path}

    def requested(
        self, ledger: Ledger, context: Context, request: ExactRequest, *, path: str | None, fmt: str
    ) -> dict[str, Any]:
        """Make any other call; return where its rows are, or the id of what was written."""
        from include.sync.exact_request import requested_rows, requested_write  # noqa: PLC0415
        from ledger_task.exports import RowsFile  # noqa: PLC0415

        endpoint = request.checked().path
        file = RowsFile(self, context, path=path, fmt=fmt) if request.method == "GET" else None
        with self.client(ledger, context) as client:
            if file is not None:
                return file.save(requested_rows(client, request))
            made = requested_write(client, ledger, self.write_key(context), request)
        if made.remote_id:
            self.record_url = self.hook().record_url(endpoint, made.remote_id)
        state = "updated" if request.method == "PUT" else made.state
        return {"id": made.remote_id, "state": state, "endpoint": endpoint}

    def show(self, asked: ExactAction, key: str) -> None:
        """Keep the address of the record for the button on the task."""
        if key:
            self.record_url = self.hook().record_url(asked.checked().path, key)


def action_of(text: str) -> Action:
    """Return an action, which a template may have named.

    :raises ConfigurationError: there is no such action.
    """
    from include.sync.exact_action import METHODS  # noqa: PLC0415

    if text not in METHODS:
        raise malformed("action", f"is none of {', '.join(METHODS)}")
    return cast("Action", text)


def object_of(value: Any, name: str) -> dict[str, Any]:
    """Return an object, which a template may have made text of.

    :raises ConfigurationError: it is none.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError:
            value = None
    elif value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise malformed(name, "is no JSON object with properties and values")
    return dict(value)


def key_of(key: object) -> str:
    """Return a key, which an author may give as a number, as text; empty for None."""
    return "" if key is None else str(key)


def columns_of(select: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns of a list or of a text with commas."""
    names = select.split(",") if isinstance(select, str) else list(select or ())
    return tuple(name.strip() for name in names if str(name).strip())


def plain(columns: Sequence[str]) -> list[str]:
    """Return the columns that will be there under their own names: neither ``*`` nor what is expanded."""
    return [name for name in columns if name.isidentifier()]


def number_of(text: int | str | None, name: str) -> int | None:
    """Return a number that a template may have made text of.

    :raises ConfigurationError: it is none.
    """
    if text in (None, "", "None"):
        return None
    try:
        return int(str(text))
    except ValueError:
        raise malformed(name, "is no whole number") from None


def malformed(name: str, what: str) -> ConfigurationError:
    """Return the error for an argument of the wrong form; its value may be personal and is left out."""
    from include.errors import ConfigurationError  # noqa: PLC0415

    return ConfigurationError(f"`{name}` {what}.", reason_code=f"exact.{name}.malformed", way_out="Correct it.")

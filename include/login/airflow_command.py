"""Asks the airflow command for a connection: it alone may read its database and secrets backends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any, Final

_ASK_SECONDS: Final = 120
_LIST: Final = re.compile(r"\[")


def connection_from_airflow(conn_id: str) -> dict[str, Any] | None:
    """Return a connection as the airflow command of this interpreter shows it; None if it shows none.

    :param conn_id: id of the connection.
    """
    command = [sys.executable, "-m", "airflow", "connections", "get", conn_id, "--output", "json"]
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed command; the id is one argument of it
            command, capture_output=True, text=True, check=False, timeout=_ASK_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    return printed_connection(answer.stdout, conn_id) if answer.returncode == 0 else None


def printed_connection(text: str, conn_id: str) -> dict[str, Any] | None:
    """Return the connection in what the command printed; log lines may stand before and after it.

    :param text: what was printed.
    :param conn_id: of the connection; other lists, such as one inside an Extra, do not have it.
    """
    decoder = json.JSONDecoder()
    end = 0
    for start in (match.start() for match in _LIST.finditer(text)):
        if start < end:
            # Inside of a list that was read already.
            continue
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        for row in value:
            if isinstance(row, dict) and row.get("conn_id") == conn_id:
                return row
    return None

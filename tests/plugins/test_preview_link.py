"""The button on a task leads to the page that the console serves, wherever Airflow lies."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from exact_console.app import create_app
from exact_console.plugin import URL_PREFIX, URL_ROUTE
from exact_to_personio.preview_link import PreviewLink, preview_url

RUN = "some_dag/manual__2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize("path", ["", "/sub"])
def test_address_is_the_framed_page(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"https://airflow.example.org{path}")
    parts = urlsplit(preview_url(RUN))
    assert (parts.scheme, parts.netloc) == ("", "")
    frame = f"{path}/plugin/{URL_ROUTE}{path}{URL_PREFIX}"
    assert parts.path.startswith(frame)
    assert parts.path.removeprefix(frame) in {getattr(route, "path", "") for route in create_app().routes}
    assert parse_qs(parts.query) == {"run": [RUN]}


def test_only_a_preview_has_a_button() -> None:
    class Task:
        preview_url = ""

    task: Any = Task()
    other: Any = object()
    key: Any = None
    assert PreviewLink().get_link(task, ti_key=key) == ""
    assert PreviewLink().get_link(other, ti_key=key) == ""
    task.preview_url = preview_url(RUN)
    assert PreviewLink().get_link(task, ti_key=key) == preview_url(RUN)

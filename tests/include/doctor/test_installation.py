"""Reading the connections as Airflow reads them."""

from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from include.doctor.installation import Installation, ask_airflow, read_fields, read_installation
from include.errors import ConfigurationError
from include.login import read_connection

if TYPE_CHECKING:
    from collections.abc import Callable

EXPECTED = {
    "conn_type": "exact_online",
    "host": "https://start.exactonline.nl",
    "login": "{id}",
    "password": "p@ss",
    "extra": {"divisions": "124132"},
}
JSON = json.dumps({**EXPECTED, "extra": json.dumps({**EXPECTED["extra"], "region": None, "redirect_uri": ""})})  # type: ignore[dict-item]
JSON_OBJECT = json.dumps(EXPECTED)
URI = "exact-online://%7Bid%7D:p%40ss@https%3A%2F%2Fstart.exactonline.nl/?divisions=124132"
URI_WITH_EXTRA = "exact-online://%7Bid%7D:p%40ss@https%3A%2F%2Fstart.exactonline.nl/?__extra__=%7B%22divisions%22%3A+%22124132%22%7D"
URI_WITH_PROTOCOL = "exact-online://https://%7Bid%7D:p%40ss@start.exactonline.nl/?divisions=124132"


@pytest.mark.parametrize(
    "raw",
    [JSON, JSON_OBJECT, URI, URI_WITH_EXTRA, URI_WITH_PROTOCOL],
    ids=["json", "json-extra-object", "uri", "uri-extra", "uri-protocol"],
)
def test_every_form_of_the_variable_gives_the_same_fields(raw: str) -> None:
    assert read_fields("an_id", env={"AIRFLOW_CONN_AN_ID": raw}) == EXPECTED


@pytest.mark.parametrize("raw", [JSON, JSON_OBJECT, URI, URI_WITH_EXTRA, URI_WITH_PROTOCOL])
def test_airflow_reads_the_same(raw: str) -> None:
    """Airflow itself is the oracle."""
    from airflow.models.connection import Connection  # noqa: PLC0415 - two seconds

    connection = Connection.from_json(raw) if raw.startswith("{") else Connection(uri=raw)
    found = read_fields("an_id", env={"AIRFLOW_CONN_AN_ID": raw})
    own = {name: getattr(connection, name) for name in ("conn_type", "host", "login", "password")}
    assert {name: found[name] for name in own} == own
    assert {k: str(v) for k, v in connection.extra_dejson.items() if v} == found["extra"]


@pytest.mark.parametrize("raw", ["{not json", '{"extra": "no json"}', '{"extra": 5}'])
def test_an_unreadable_variable_is_said_without_quoting_it(raw: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_fields("an_id", env={"AIRFLOW_CONN_AN_ID": raw})
    assert caught.value.reason_code == "airflow.connection.unreadable"
    assert raw not in str(caught.value)


def answering(returncode: int, stdout: str) -> Callable[..., Any]:
    return lambda *_args, **_kwargs: SimpleNamespace(returncode=returncode, stdout=stdout)


HOOKS = [{"url": "x"}]
ROW = {**EXPECTED, "extra": json.dumps(EXPECTED["extra"]), "id": "1", "conn_id": "an_id", "description": None}
LISTING = {**ROW, "extra": json.dumps({"divisions": "124132", "hooks": HOOKS})}
DEJSON = {**ROW, "extra": None, "extra_dejson": {"divisions": "124132", "hooks": HOOKS}}


@pytest.mark.parametrize(
    ("printed", "hooks"),
    [
        (f"a warning [x]\n[{json.dumps(ROW)}]\n", None),
        (f'[{json.dumps(ROW)}]\n[2026-11-21] a warning [{{"a": 1}}]', None),
        (f'[{{"half": a list [{json.dumps(ROW, indent=1)}]', None),
        (f'[{{"conn_id": "another"}}] [{json.dumps(ROW)}]', None),
        (json.dumps([LISTING], indent=2), HOOKS),
        (json.dumps([DEJSON]) + " [{", HOOKS),
    ],
    ids=["text-before", "text-after", "broken-list-before", "other-row-before", "list-in-extra", "list-in-object"],
)
def test_the_airflow_command_is_asked_for_what_is_not_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, printed: str, hooks: Any
) -> None:
    """Whatever it prints around its answer, and whatever lists the answer holds."""
    monkeypatch.setattr(subprocess, "run", answering(0, printed))
    extra = EXPECTED["extra"] | ({"hooks": hooks} if hooks else {})  # type: ignore[operator]
    assert read_fields("an_id", env={}) == EXPECTED | {"extra": extra}


@pytest.mark.parametrize("printed", ["", "[{", "no connection [{}]", '[{"conn_id": "another"}]', "[" * 5_000])
def test_what_is_no_connection_is_one_sentence_in_both_commands(
    monkeypatch: pytest.MonkeyPatch, printed: str
) -> None:
    monkeypatch.setattr(subprocess, "run", answering(0, printed))
    for ask in (ask_airflow, read_connection):
        with pytest.raises(ConfigurationError, match="Airflow knows no connection an_id"):
            ask("an_id")


@pytest.mark.parametrize("extra", ["[1]", "{", "5", [1], 5])
def test_extra_that_is_no_object_is_said_without_quoting_it(monkeypatch: pytest.MonkeyPatch, extra: Any) -> None:
    monkeypatch.setattr(subprocess, "run", answering(0, json.dumps([{**ROW, "extra": extra}])))
    for ask in (lambda: read_fields("an_id", env={}), lambda: read_connection("an_id")):
        with pytest.raises(ConfigurationError) as caught:
            ask()
        assert "p@ss" not in str(caught.value)


def test_a_connection_that_airflow_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", answering(1, ""))
    with pytest.raises(ConfigurationError) as caught:
        ask_airflow("an_id")
    assert caught.value.reason_code == "airflow.connection.missing"
    assert "airflow connections get an_id" in caught.value.way_out


def test_a_command_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*args: Any, **_kwargs: Any) -> None:
        raise subprocess.TimeoutExpired(args[0], 1)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(ConfigurationError):
        ask_airflow("an_id")


def test_one_missing_connection_does_not_hide_the_other() -> None:
    def nobody(conn_id: str) -> dict[str, Any]:
        raise ConfigurationError(conn_id, reason_code="airflow.connection.missing")

    found = read_installation("a", "b", env={"AIRFLOW_CONN_B": JSON}, ask=nobody)
    assert isinstance(found.exact, ConfigurationError)
    assert found.personio == EXPECTED
    assert "p@ss" not in repr(found)
    assert isinstance(found, Installation)

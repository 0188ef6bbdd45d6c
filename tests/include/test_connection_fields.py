"""What the fields of a connection mean, whichever way they were stored."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from include.clients.personio_limits import PersonioConfig
from include.connection_fields import exact_divisions, exact_site, exact_time_zone, personio_config
from include.errors import ConfigurationError
from include.provider_info import CONNECTION_TYPES


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"divisions": "124132, 124133"}, (124132, 124133)),
        ({"divisions": "124133;124132,124133"}, (124133, 124132)),
        ({"divisions": 124132}, (124132,)),
        ({"divisions": [2, 1]}, (2, 1)),
        ({"division": 124132}, (124132,)),
        ({"division": "124132", "divisions": ""}, (124132,)),
        ({}, ()),
    ],
    ids=["text", "semicolon", "number", "list", "old-name", "old-text", "none"],
)
def test_divisions(extra: dict[str, Any], expected: tuple[int, ...]) -> None:
    assert exact_divisions(extra) == expected


@pytest.mark.parametrize(
    ("host", "extra", "expected"),
    [
        (None, {}, "https://start.exactonline.nl"),
        ("", {"region": "co.uk"}, "https://start.exactonline.co.uk"),
        (None, {"region": " .BE "}, "https://start.exactonline.be"),
        ("http://127.0.0.1:8700/", {"region": "de"}, "http://127.0.0.1:8700"),
        ("start.exactonline.fr", {}, "https://start.exactonline.fr"),
    ],
)
def test_site(host: str | None, extra: dict[str, Any], expected: str) -> None:
    assert exact_site(host, extra) == expected


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, "Europe/Amsterdam"),
        ({"region": "de"}, "Europe/Amsterdam"),
        ({"region": "co.uk"}, "Europe/London"),
        ({"region": "CO.UK"}, "Europe/London"),
        ({"region": " .co.uk "}, "Europe/London"),
        ({"region": "co.uk", "time_zone": "Europe/Paris"}, "Europe/Paris"),
    ],
)
def test_time_zone_is_that_of_the_site(extra: dict[str, Any], expected: str) -> None:
    """However the region was typed: a site that is found has its own clock."""
    assert exact_site(None, extra)
    assert exact_time_zone(extra) == expected


@pytest.mark.parametrize(("kind", "heading"), [("exact_online", "to Exact Online"), ("personio", "to Personio")])
def test_every_field_is_in_the_manual(kind: str, heading: str) -> None:
    """By the name it is stored under and, if it stands alone in its line, by the label of the form."""
    manual = (Path(__file__).parents[2] / "docs" / "connections.md").read_text("utf-8")
    section = manual.partition(f"## The connection {heading}\n")[2].partition("\n## ")[0]
    rows = [row.split("|")[1:3] for row in section.splitlines() if row.startswith("| ")]
    labels = {name: label.strip() for label, names in rows for name in re.findall(r"`(\w+)`", names)}
    described = next(entry for entry in CONNECTION_TYPES if entry["connection-type"] == kind)
    fields = {name: field["label"] for name, field in described["conn-fields"].items()}
    fields["host"] = described["ui-field-behaviour"]["relabeling"]["host"]
    assert set(labels) == {*fields, "login", "password"}
    assert {name: label for name, label in labels.items() if name in fields and "," not in label} == {
        name: label for name, label in fields.items() if "," not in labels[name]
    }


def personio(**extra: Any) -> PersonioConfig:
    fields = {"host": None, "login": "client", "password": "secret"}
    return personio_config({**fields, "extra": extra})


def test_personio_connection_with_nothing_in_it_has_the_published_limits() -> None:
    config = personio()
    assert config == PersonioConfig(client_id="client", client_secret="secret")
    assert (config.base_url, config.recruiting_limit) == ("https://api.personio.de", 20)


def test_numbers_that_a_form_or_a_secrets_backend_keeps_as_text_are_numbers() -> None:
    config = personio(
        company_id=" 4242 ", recruiting_limit="7", recruiting_window_seconds="1.5", partner_id=12, app_id=""
    )
    assert (config.company_id, config.recruiting_limit, config.recruiting_window_seconds) == (4242, 7, 1.5)
    assert (config.partner_id, config.app_id) == ("12", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("company_id", "42a"),
        ("recruiting_limit", 0),
        ("recruiting_limit", "many"),
        ("recruiting_window_seconds", "nan"),
        ("recruiting_window_seconds", -1),
        ("max_wait_seconds", "inf"),
        ("max_wait_seconds", [1]),
    ],
)
def test_field_of_personio_that_is_malformed_is_named(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        personio(**{name: value})
    assert caught.value.reason_code == f"personio.{name}.malformed"
    assert name in str(caught.value)

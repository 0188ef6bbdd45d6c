"""Where in a mapping file a problem is: the line that a person has to mend."""

from __future__ import annotations

import pytest

from include.errors import ConfigurationError
from include.transform import load_mapping
from include.transform.lines import line_of

SECTION = "contacts_to_application"

WRONG = {
    "unknown column": (4, "version: 1\ncontacts_to_application:\n  fields:\n    message: {from: Cty}\n"),
    "below other fields": (
        6,
        "contacts_to_application:\n  fields:\n    # a comment\n    message: {from: City}\n\n    tags: Netherlands\n",
    ),
    "unknown field": (3, "contacts_to_application:\n  fields:\n    mesage: {from: City}\n"),
    "broken template": (3, "contacts_to_application:\n  fields:\n    message: {template: '{{ City }'}\n"),
    "skip rule": (
        3,
        f"{SECTION}: {{skip: [\n{{field: Phone, problem: a, when: Phone}},\n{{field: City, problem: b, when: C}}]}}",
    ),
    "twice": (4, "contacts_to_application:\n  fields:\n    message: {from: City}\n    message: {from: Country}\n"),
    "no YAML": (2, "contacts_to_application:\n  fields: ]\n"),
    "another version": (1, "version: 2\ncontacts_to_application: {}\n"),
    "section's shape": (3, "version: 1\n\ncontacts_to_application: {feilds: {}}\n"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_problem_is_in_its_line(name: str) -> None:
    line, text = WRONG[name]
    with pytest.raises(ConfigurationError) as raised:
        load_mapping("Contacts", "application", path="own.yaml", text=text, defaults={"job_position_id": 1})
    assert line_of(text, SECTION, raised.value) == line


def test_what_no_line_is_to_blame_for_has_none() -> None:
    """Nobody named the position; the file may well be right."""
    with pytest.raises(ConfigurationError) as raised:
        load_mapping("Contacts", "application", path="own.yaml", text="version: 1\n")
    assert raised.value.reason_code == "mapping.job_position_id.missing"
    assert line_of("version: 1\n", SECTION, raised.value) is None

"""Loading: what may be written, what is refused, and what stands over what."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
import yaml

from include.errors import ConfigurationError
from include.records import Destination, Entity
from include.transform import load_mapping
from include.transform.fields import DESTINATIONS
from include.transform.loading import BUILT_IN, SECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

JOB = {"job_position_id": 1001}
Write = Any


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def _write(text: str) -> str:
        file = tmp_path / "mapping.yaml"
        file.write_text(text)
        return str(file)

    return _write


@pytest.mark.parametrize("entity", get_args(Entity))
@pytest.mark.parametrize("destination", get_args(Destination))
def test_built_in_mappings_load(entity: Entity, destination: Destination) -> None:
    """Every pair works without a file, and asks Exact for identity, order and age."""
    mapping = load_mapping(entity, destination, overrides=JOB if destination == "application" else None)
    assert mapping.select[:4] == ("ID", "Timestamp", "Created", "Modified")
    assert len(set(mapping.select)) == len(mapping.select)
    assert bool(mapping.contact_select) == (entity == "Accounts")
    assert ("MainContact" in mapping.select) == (entity == "Accounts")


def test_a_main_contact_is_not_asked_for_its_timestamp() -> None:
    """``crm/Contacts`` has no such column: asking for it would be an error, and errors are counted."""
    selected = load_mapping("Accounts", "application", overrides=JOB).contact_select
    assert selected[0] == "ID"
    assert "Timestamp" not in selected
    assert "FirstName" in selected


def test_files_hold_the_sections_they_are_named_after() -> None:
    """The built-in files are what a user copies from, so they have the same shape."""
    assert {file.stem for file in BUILT_IN.glob("*.yaml")} == set(SECTIONS)


def test_an_application_needs_its_position() -> None:
    """Without a position every record would be refused: it is said once, before anything is read."""
    with pytest.raises(ConfigurationError, match="job_position_id") as caught:
        load_mapping("Contacts", "application")
    assert caught.value.reason_code == "mapping.job_position_id.missing"


def test_params_stand_over_the_file_and_the_file_over_the_built_in(write: Write) -> None:
    """Each layer replaces single fields and leaves the others; None is no value."""
    path = write(
        "contacts_to_application:\n  fields:\n"
        "    message: {constant: from file}\n    first_name: {from: Initials}\n    job_position_id: {constant: 7}\n"
    )
    mapping = load_mapping(
        "Contacts", "application", path=path, overrides={"message": "from run", "job_position_id": None}
    )
    by_name = {leaf.name: leaf for leaf in mapping.leaves}
    assert (by_name["message"].rule.constant, by_name["message"].origin) == ("from run", "param")
    assert (by_name["first_name"].rule.source, by_name["first_name"].origin) == (("Initials",), "file")
    assert (by_name["job_position_id"].rule.constant, by_name["last_name"].origin) == (7, "built-in")


def test_attributes_are_laid_over_one_by_one(write: Write) -> None:
    """One attribute can be changed or dropped without repeating the others."""
    path = write("contacts_to_application: {fields: {attributes: {gender: null, phone: {from: Mobile}}}}")
    overrides = {**JOB, "attributes": [{"id": "custom_attribute_12", "value": "yes"}]}
    mapping = load_mapping("Contacts", "application", path=path, overrides=overrides)
    targets = {leaf.target for leaf in mapping.leaves}
    assert "attributes.gender" not in targets
    assert {"attributes.phone", "attributes.birthday", "attributes.custom_attribute_12"} <= targets


def test_null_sends_a_field_no_more(write: Write) -> None:
    """A field can be switched off."""
    path = write("contacts_to_application: {fields: {attributes: null, application_date: null}}")
    mapping = load_mapping("Contacts", "application", path=path, overrides=JOB)
    assert {leaf.name for leaf in mapping.leaves} == {"email", "first_name", "last_name", "job_position_id"}


def test_the_fingerprint_follows_what_decides(write: Write) -> None:
    """The same mapping has the same fingerprint wherever it is written; a changed one another."""
    base = load_mapping("Contacts", "application", overrides=JOB).fingerprint
    assert base == load_mapping("Contacts", "application", overrides={"job_position_id": "1001"}).fingerprint
    assert base != load_mapping("Contacts", "application", overrides={"job_position_id": 1002}).fingerprint
    path = write("contacts_to_application: {fields: {job_position_id: {constant: 1001}}}")
    assert base == load_mapping("Contacts", "application", path=path).fingerprint
    path = write("contacts_to_application: {fields: {job_position_id: {constant: 1001}}, skip: []}")
    assert base != load_mapping("Contacts", "application", path=path).fingerprint


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param("{surname: {from: LastName}}", "surname.*allowed: first_name", id="unknown-field"),
        pytest.param("{email: {from: Emial}}", "Emial.*did you mean Email", id="unknown-column"),
        pytest.param("{email: {from: account.Email}}", "Contacts know no account", id="unknown-scope"),
        pytest.param("{message: {from: Picture}}", "Picture", id="unreadable-column"),
        pytest.param("{message: {template: '{{ Cty }}'}}", "Cty.*did you mean City", id="template-column"),
        pytest.param("{message: {template: '{{ City'}}", "message.*line 1", id="template-syntax"),
        pytest.param("{message: {template: '{{ value }}'}}", "value", id="value-without-from"),
        pytest.param("{message: {form: City}}", "message.*form", id="unknown-key"),
        pytest.param("{message: {}}", "one of: from, constant, template", id="no-origin"),
        pytest.param("{message: {constant: a, from: City}}", "constant stands alone", id="two-origins"),
        pytest.param("{recruiting_channel_id: {constant: abc}}", "not an integer", id="constant-type"),
        pytest.param("{attributes: {gender: {constant: man}}}", "allowed: male", id="constant-choice"),
        pytest.param("{attributes: {gender: {from: Gender, map: {M: man}}}}", "allowed: male", id="map-choice"),
        pytest.param("{attributes: {shoe_size: {from: City}}}", "custom_attribute_<number>", id="attribute"),
        pytest.param("{message: {from: Country, map: {NO: Norway}}}", "quotes", id="yaml-no-is-false"),
        pytest.param("{phase: {type: system, id: hired}}", "unassigned, rejected", id="system-phase"),
        pytest.param("{phase: {type: other, id: 1}}", "phase", id="phase-type"),
        pytest.param("{tags: a}", "tags: must be a list", id="tags-not-a-list"),
        pytest.param("{files: [{path: /x.pdf, category: resume}]}", "category.*cover-letter", id="category"),
        pytest.param("{files: [{path: /x.exe, category: cv}]}", "type not allowed", id="file-type"),
        pytest.param("{files: [{path: {from: Notes}, category: cv}]}", "needs a folder", id="no-fence"),
        pytest.param("{email: null}", "needs email", id="required-field-off"),
        pytest.param("{email: {from: Email}, email: {from: BusinessEmail}}", "written twice", id="twice"),
    ],
)
def test_mistakes_are_named(write: Write, fields: str, says: str) -> None:
    """A mistake is found at load, with the field and what is allowed."""
    path = write(f"contacts_to_application: {{fields: {fields}}}")
    with pytest.raises(ConfigurationError, match=f"(?s){says}"):
        load_mapping("Contacts", "application", path=path, overrides=JOB)


@pytest.mark.parametrize("text", ["- a", "contact_to_application: {}", "version: 2", "a: [", "a: \x00"])
def test_files_that_are_no_mapping(write: Write, text: str) -> None:
    """The file is named."""
    with pytest.raises(ConfigurationError, match=r"mapping\.yaml"):
        load_mapping("Contacts", "application", path=write(text), overrides=JOB)


def test_a_missing_file_is_an_error() -> None:
    """A path that leads nowhere is not silently the built-in mapping."""
    with pytest.raises(ConfigurationError, match="No such file"):
        load_mapping("Contacts", "application", path="/nowhere/mapping.yaml", overrides=JOB)


def test_unknown_params_are_refused() -> None:
    """The company id belongs to the connection, not to a record."""
    with pytest.raises(ConfigurationError, match="company_id"):
        load_mapping("Contacts", "application", overrides={**JOB, "company_id": 1})


def test_a_file_may_hold_every_section(write: Write) -> None:
    """One file serves all mappings; each reads its own section and ignores the others' rules."""
    text = yaml.safe_dump(
        {
            section: {"fields": {"position": {"constant": "x"}}}
            for section in SECTIONS
            if section.endswith("_employee")
        }
    )
    assert load_mapping("Contacts", "application", path=write(text), overrides=JOB).leaves
    employee = load_mapping("Accounts", "employee", path=write(text))
    assert [leaf.origin for leaf in employee.leaves if leaf.name == "position"] == ["file"]


def test_loading_does_not_import_pandas() -> None:
    """Whoever only asks which columns to read does not wait for pandas."""
    code = "import sys, include.transform; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_the_guide_names_every_field_and_section() -> None:
    """The documentation is complete: each destination field, each attribute kind and section is there."""
    guide = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text("utf-8")
    for name in [name for fields in DESTINATIONS.values() for name in fields] + list(SECTIONS):
        assert f"`{name}`" in guide
    for block in guide.split("```yaml\n")[1:]:
        assert yaml.safe_load(block.split("```")[0])

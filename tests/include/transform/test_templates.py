"""Templates: sandboxed, strict, readable before they run."""

from __future__ import annotations

import pytest
from jinja2.exceptions import SecurityError

from include.transform.templates import compile_condition, compile_text


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("{{ City }} {{ Name }}", ("City", "Name")),
        ("{{ contact.City }}{{ account['Name'] }}", ("contact.City", "account.Name")),
        ("{% for x in [City] %}{{ x | upper }}{{ loop.index }}{% endfor %}", ("City",)),
        ("{% set y = City %}{{ y }}{% for i in range(2) %}{{ i }}{% endfor %}", ("City",)),
        ("no column", ()),
    ],
)
def test_reads_are_found_without_running(source: str, reads: tuple[str, ...]) -> None:
    """A template's columns are known when it is loaded; its own variables are none."""
    assert set(compile_text(source).reads) == set(reads)


@pytest.mark.parametrize("source", ["{{ contact }}", "{{ contact[City] }}", "{{ City", "{% if %}"])
def test_what_is_refused_at_load(source: str) -> None:
    """Whole records, computed columns and broken syntax are found at load."""
    with pytest.raises(ValueError, match=r"."):
        compile_text(source)


@pytest.mark.parametrize("source", ["{{ ''.__class__.__mro__ }}", "{{ ().__class__.__base__.__subclasses__() }}"])
def test_no_way_out_of_the_sandbox(source: str) -> None:
    """Python's inside stays out of reach."""
    with pytest.raises(SecurityError):
        compile_text(source).run({})


def test_data_is_never_a_template() -> None:
    """Braces in somebody's name do nothing."""
    assert compile_text("{{ City }}").run({"City": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"


def test_no_escaping() -> None:
    """Names are sent as they are written: the result is no HTML."""
    assert compile_text("{{ Name }}").run({"Name": "O'Neill & Söhne <b>"}) == "O'Neill & Söhne <b>"


def test_conditions_have_a_truth() -> None:
    """A condition is an expression over the columns."""
    condition = compile_condition("Blocked or Type == 'D'")
    assert condition.reads == ("Blocked", "Type")
    assert condition.run({"Blocked": "", "Type": "D"})
    assert not condition.run({"Blocked": False, "Type": "A"})

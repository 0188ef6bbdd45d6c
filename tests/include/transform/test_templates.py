"""Templates: sandboxed, strict, readable before they run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
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


PLAIN = (
    "", "no column", "{{ City }}\n", "{{ City }} x {{ contact.Name }}!", "{{ 1 }}{{ none }}{{ 'a' ~ City ~ 2 }}",
    "{{ [City, contact.Name, 'x'] | select | join(' ') }}", "{{ [City, value] | join }}", "{{ [] | join('-') }}",
    "{{ Name if City else contact.Name }}{{ ' (' ~ Name ~ ')' if Name else '' }}", "{{ [City, 0] | join(1) }}",
    "{{ City | trim }}{{ value | upper }}{{ (City ~ Name) | lower }}",
    "{{ ['', City] | select | join(', ') | upper }}",
)  # fmt: skip
LEFT_TO_JINJA = (
    "{{ City.x }}", "{{ City if Name }}", "{{ [City] | join('-', 'x') }}", "{% if City %}x{% endif %}",
    "{{ City[0] }}",
    "{{ City | trim('x') }}", "{{ City + 'x' }}", "{{ [City] | select('string') | join }}", "{{ range(2) | join }}",
    "{{ City | join('-') }}", "{{ [City] | join(Name) }}", "{{ City | default('x') }}", "{{ dict }}", "{{ [City] }}",
)  # fmt: skip
SHOWN = st.one_of(
    st.text(max_size=3), st.integers(), st.floats(), st.booleans(), st.datetimes(), st.just(""), st.just("<b>")
)


@given(st.lists(st.fixed_dictionaries({"City": SHOWN, "Name": SHOWN, "contact.Name": SHOWN, "value": SHOWN})))
def test_a_plain_template_makes_what_jinja_makes(lines: list[dict[str, Any]]) -> None:
    """A column at a time or a line at a time: the same texts."""
    columns = {name: [line[name] for line in lines] for name in ("City", "Name", "contact.Name", "value")}
    for template in map(compile_text, PLAIN):
        assert template.plain is not None
        rendered = [template.run({**line, "contact": {"Name": line["contact.Name"]}}) for line in lines]
        assert template.plain(columns, len(lines)) == rendered


@pytest.mark.parametrize("source", LEFT_TO_JINJA)
def test_what_is_not_plain_is_left_to_jinja(source: str) -> None:
    """What is not understood exactly is not guessed at."""
    assert compile_text(source).plain is None

"""Every code that a record may be rejected with has words of its own; the codes are found in the code."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import include
from include.reasons import ADVICE, advice_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(include.__file__).parent
FOLDERS = ("transform", "sync", "clients", "ledger")
REJECTING = {"RecordRejectedError"}
FIELD = "AnyField"
OPEN = "personio.AnyField.AnyProblem"
"""Whatever Personio may call it."""
ONLY = {"anonymised": "IsAnonymised", "not_found": "MainContact"}
"""Problems that one column alone can have."""
Bound = dict[str, set[str]]


@cache
def modules() -> list[ast.Module]:
    return [ast.parse(file.read_text()) for name in FOLDERS for file in sorted((ROOT / name).rglob("*.py"))]


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield all calls with the name of what is called."""
    for module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                called = node.func
                yield (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")), node


def pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    """Yield name and text of what is bound: ``a, b = x, "missing"``."""
    if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield target.id, value.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from pairs(one, other)


@cache
def texts() -> Bound:
    """Return name -> the texts that any module binds to it."""
    found: Bound = {}
    for module in modules():
        for node in ast.walk(module):
            bound: Iterable[tuple[str, str]] = ()
            if isinstance(node, ast.Assign):
                bound = [pair for target in node.targets for pair in pairs(target, node.value)]
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                bound = pairs(node.target, node.value)
            elif isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
                bound = [pair for value in node.iter.elts for pair in pairs(node.target, value)]
            for name, text in bound:
                found.setdefault(name, set()).add(text)
    return found


def unfit() -> set[str]:
    """Return the problems of values that do not fit."""
    found = [node.args[0] for name, node in calls() if name == "UnfitError"]
    return {text.value for text in found if isinstance(text, ast.Constant) and isinstance(text.value, str)}


def values(node: ast.expr) -> set[str]:
    """Return what an expression may be, as far as the code says it."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.IfExp):
        return values(node.body) | values(node.orelse)
    if isinstance(node, ast.JoinedStr):
        made = {""}
        for part in node.values:
            inner = values(part.value) if isinstance(part, ast.FormattedValue) else values(part)
            made = {before + after for before in made for after in inner}
        return made
    if isinstance(node, ast.Name) and node.id == "problem":
        return texts()["problem"] | unfit()
    if isinstance(node, ast.Name) and node.id.isupper():
        return texts()[node.id]
    return {FIELD}


def rejecting() -> set[str]:
    """Return all codes that reject a record."""
    found: set[str] = set()
    for name, node in calls():
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        if name == "rejected":
            found |= {
                f"exact.{field}.{problem}" for field in values(node.args[0]) for problem in values(node.args[1])
            }
        elif name == "Fate" and values(node.args[0]) == {"rejected"}:
            found |= values(node.args[1])
        elif name in REJECTING or (
            name in {"_settle", "settle"} and len(node.args) > 1 and values(node.args[1]) == {"rejected"}
        ):
            found |= values(named["reason_code"])
    # An error's own code is found where the error is made.
    return found - {FIELD}


def test_the_walk_finds_the_codes() -> None:
    """Else nothing would be tested below: these are told in the documents."""
    assert rejecting() >= {
        "exact.AnyField.missing",
        "exact.AnyField.malformed",
        "exact.AnyField.not_an_integer",
        "exact.AnyField.outside_folder",
        "exact.Created.missing",
        "exact.MainContact.not_found",
        "exact.AnyField.anonymised",
        "mapping.AnyField.template_failed",
        "rule.AnyField.failed",
        "ledger.attempts.spent",
        "ledger.job_position_id.changed",
        "personio.files.not_readable",
        "personio.file.file-too-big",
        "personio.employee.refused",
    }


def test_every_code_that_rejects_has_words() -> None:
    codes = rejecting()
    for problem, field in ONLY.items():
        codes -= {f"exact.{FIELD}.{problem}"}
        codes |= {f"exact.{field}.{problem}"}
    # A template is the mapping's own, whichever column it reads.
    codes -= {f"exact.{field}.template_failed" for field in (FIELD, *ONLY.values())}
    assert not [code for code in sorted(codes) if advice_on(code) is None]


def test_every_problem_of_exacts_data_has_words_of_its_own() -> None:
    """A pattern for all would hide a new one."""
    assert "exact.*.*" not in ADVICE
    problems = unfit() - {"template_failed"}
    assert not [problem for problem in sorted(problems) if f"exact.*.{problem}" not in ADVICE]


@pytest.mark.parametrize("name", ["mapping.md", "replay.md"])
def test_every_reason_of_the_documents_has_words(name: str) -> None:
    written = (ROOT.parent / "docs" / name).read_text()
    codes = re.findall(r"`((?:exact|mapping|rule|personio|ledger|approval)\.[A-Za-z_<>.-]+)`", written)
    codes = [re.sub(r"<\w+>", FIELD, code) for code in codes]
    assert codes
    # One at Personio's side that is no rejection: it waits until a person has mended the login.
    waits = {"personio.email.unreadable"}
    assert not [code for code in codes if code.count(".") == 2 and code not in waits and advice_on(code) is None]


@pytest.mark.parametrize(
    ("code", "begins"),
    [
        ("exact.Email.missing", "The field is required"),
        ("exact.MainContact.missing", "The account has no main contact"),
        ("personio.attributes[0].id.required", "Personio wants this field"),
        (OPEN, "Personio refused this field"),
        ("rule.Country.abroad", "A skip rule"),
        ("rule.Created.not_new", "The record was created before"),
    ],
)
def test_the_closest_words_are_told(code: str, begins: str) -> None:
    found = advice_on(code)
    assert found
    assert found.meaning.startswith(begins)


@pytest.mark.parametrize("code", ["", "invented", "invented.by.nobody", "exact.Email.invented"])
def test_nothing_is_made_up(code: str) -> None:
    assert advice_on(code) is None


def test_the_words_hold_no_sign_that_a_translation_would_read() -> None:
    for advice in ADVICE.values():
        assert "%" not in advice.meaning + advice.way_out
        assert advice.meaning.endswith(".")
        assert advice.way_out.endswith(".")

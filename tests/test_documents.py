"""What README and docs name exists: commands, options, paths, DAGs, classes, settings, reason codes."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from include.reasons import advice_on
from reference.commands import commands, option_names
from reference.form import form_page
from reference.gauges import gauges_page
from reference.import_graph import PICTURE, draw
from reference.pages import AT_THE_ROOT, MADE
from reference.reason_codes import reason_codes_page
from reference.schema import schema_page
from reference.settings import PREFIX, SETTINGS

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").glob("*.md")])
SOURCES = [path for folder in ("include", "plugins", "dags") for path in (ROOT / folder).rglob("*.py")]
DAGS = {path.stem for path in (ROOT / "dags").glob("*.py")}
RECIPE = "exact_contacts_nightly"
"""The DAG that CONTRIBUTING adds."""

_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}\S.*\n)+")
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HOMES = ("include", "plugins", "dags", "tests", "docs", "docker", "config", "benchmarks", "reference")

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@cache
def spans(path: Path) -> tuple[str, ...]:
    """Return what stands between backticks in the running text."""
    return tuple(_SPAN.findall(_FENCE.sub("", path.read_text(encoding="utf-8"))))


@cache
def code(path: Path) -> tuple[str, ...]:
    """Return all code, line by line."""
    text = path.read_text(encoding="utf-8")
    blocks = "\n".join([*_FENCE.findall(text), *_INDENTED.findall(_FENCE.sub("", text))])
    return (*spans(path), *blocks.splitlines())


@each_document
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for line in code(path) for name in re.findall(r"(?:^|[ &;])make ((?:[a-z-]+ ?)+)", line)}
    assert {word for names in named for word in names.split()} <= targets


@each_document
def test_commands_and_their_options_exist(path: Path) -> None:
    known = {words: {name for one in params for name in option_names(one)} for words, params in commands().items()}
    groups = {words.split()[0] for words in known if " " in words}
    for line in code(path):
        for said in re.findall(r"(?<!generic )exact-personio ((?:[a-z<\[-][^#|;)]*)?)", line):
            words = said.replace("=", " ").split()
            name = " ".join(words[:2]) if words and words[0] in groups else " ".join(words[:1])
            if not name or name in groups:
                continue
            assert name in known, line
            assert {word.strip(",`") for word in words if word.startswith("--")} <= known[name] | {"--help"}, line


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    made = {ROOT / "docs" / page for page in (*MADE, *AT_THE_ROOT)}
    lost = []
    for target in _LINK.findall(_FENCE.sub("", path.read_text(encoding="utf-8"))):
        name = target.partition("#")[0]
        if name and "://" not in name:
            meant = (path.parent / name).resolve()
            if not meant.exists() and meant not in made:
                lost.append(target)
    assert lost == []


@each_document
def test_paths_exist(path: Path) -> None:
    named = [span for span in spans(path) if span.startswith(tuple(f"{home}/" for home in _HOMES))]
    plain = [span for span in named if re.fullmatch(r"[\w./-]+", span) and RECIPE not in span]
    assert [span for span in plain if not (ROOT / span).exists()] == []


@cache
def switches() -> set[str]:
    """Return the names of the sandbox's switches, some of which look like a DAG's."""
    tree = ast.parse((ROOT / "include" / "sandbox" / "settings.py").read_text(encoding="utf-8"))
    return {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


@each_document
def test_dags_exist(path: Path) -> None:
    shape = r"(?:exact_(?:accounts|contacts|new|endpoint|time)|sync|personio_new)(?:_[a-z]+)*"
    # Assets and tasks of tests have such names, too: a DAG is what stands alone between backticks.
    named = {span for span in spans(path) if re.fullmatch(shape, span)} - {RECIPE, "sync", *switches()}
    assert named <= DAGS


def test_the_readme_names_every_dag() -> None:
    assert set(spans(ROOT / "README.md")) >= DAGS


@cache
def defined() -> set[str]:
    """Return the names of all classes and functions of the plugins."""
    found = (ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for path in (ROOT / "plugins").rglob("*.py"))
    return {node.name for nodes in found for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}


@each_document
def test_operators_sensors_hooks_exist(path: Path) -> None:
    classes = r"(?:ExactOnline|Personio)\w+(?:Operator|Sensor|Hook|Trigger)"
    assets = r"(?:watched_)?new_(?:accounts|contacts|employees)"
    assert set(re.findall(rf"\b({classes}|{assets})\b", path.read_text(encoding="utf-8"))) <= defined()


@each_document
def test_settings_exist(path: Path) -> None:
    in_tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    named = set(re.findall(PREFIX + r"([A-Z][A-Z_]+)", path.read_text(encoding="utf-8")))
    assert {name for name in named - set(SETTINGS) if PREFIX + name not in in_tests} == set()


def test_every_setting_is_documented() -> None:
    read = {name for path in SOURCES for name in re.findall(PREFIX + r"([A-Z][A-Z_]+)", path.read_text("utf-8"))}
    assert set(SETTINGS) == read


@cache
def texts() -> tuple[set[str], re.Pattern[str]]:
    """Return the texts of the code, and what its texts with gaps may become."""
    plain: set[str] = set()
    gaps: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                plain.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                words = (one.value if isinstance(one, ast.Constant) else None for one in node.values)
                gaps.add("".join(r"[\w.-]+" if word is None else re.escape(str(word)) for word in words))
    dotted = [one for one in gaps if one.count(r"\.") and re.search("[a-z]{3}", one)]
    return plain, re.compile("|".join(dotted))


@each_document
def test_reason_codes_exist(path: Path) -> None:
    plain, gaps = texts()
    shape = re.compile(r"(?:exact|personio|mapping|rule|settings|approval|skipped|privacy|params|demo)\.[\w.-]+")
    named = {span for span in spans(path) if shape.fullmatch(span)}
    modules = {
        span for span in named if (ROOT / "plugins" / "/".join(span.split(".")[:2])).with_suffix(".py").exists()
    }
    files = {span for span in named if span.endswith((".yaml", ".md", ".db", ".key", ".py"))}
    of_the_sandbox = {span for span in named if span.partition(".")[2] in switches()}
    unknown = [
        one
        for one in named - modules - files - of_the_sandbox
        if one not in plain and not gaps.fullmatch(one) and not advice_on(one)
    ]
    assert unknown == []


def test_the_picture_shows_the_imports_as_they_are() -> None:
    """`.venv/bin/python -m reference.import_graph` draws it anew."""
    assert PICTURE.read_text(encoding="utf-8") == draw()


@pytest.mark.parametrize("page", [form_page, gauges_page, reason_codes_page, schema_page])
def test_a_page_made_from_the_code_has_rows(page: object) -> None:
    assert callable(page)
    rows = [line for line in str(page()).splitlines() if line.startswith("| `")]
    assert len(rows) > 10
    assert len({line.count("|") - line.count("\\|") for line in rows}) == 1

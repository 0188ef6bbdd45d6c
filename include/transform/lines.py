"""In which line of a mapping file a problem is, for whoever has to mend it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from include.errors import ConfigurationError

_LINE: Final = re.compile(r"line (\d+), column")
_CODE: Final = re.compile(r"mapping\.(.+)\.(?:invalid|missing)", re.ASCII)
_SKIP: Final = "skip rule"


def line_of(text: str, section: str, error: ConfigurationError) -> int | None:
    """Return the line that an error of `load_mapping` speaks of, from 1; None if it speaks of none in this file.

    :param text: of the file.
    :param section: that was loaded, such as ``contacts_to_application``.
    :param error: why it was not.
    """
    if found := _LINE.findall(error.what):
        # Of a key that is written twice, the second; of broken YAML, where it is noticed.
        return int(found[-1])
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    code = _CODE.fullmatch(error.reason_code)
    name = code[1] if code else ""
    if name in {"version", section}:
        return _line(_key(root, name))
    own = _value(root, section)
    if _SKIP in error.what:
        rules = _value(own, "skip")
        entries = rules.value if isinstance(rules, yaml.SequenceNode) else []
        return next((_line(entry) for entry in entries if _scalar(_value(entry, "field")) == name), None)
    return _line(_key(_value(own, "fields"), name))


def _key(node: yaml.Node | None, name: str) -> yaml.Node | None:
    return next((key for key, _ in _pairs(node) if _scalar(key) == name), None)


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    return next((value for key, value in _pairs(node) if _scalar(key) == name), None)


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return node.value if isinstance(node, yaml.MappingNode) else []


def _scalar(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _line(node: yaml.Node | None) -> int | None:
    return None if node is None else int(node.start_mark.line) + 1

"""What a study's file says and YAML does not tell: keys written twice, numbers read otherwise.

YAML keeps the last of two equal keys and drops the first, so that another study is run than was
written. Hence files are read once more, as written.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from dynsparse.errors import DynsparseError

INTEGER = "tag:yaml.org,2002:int"
# What YAML 1.1 reads in base eight, or in base sixty.
_OTHER_BASE = re.compile(r"[+-]?(0[0-7_]*[0-7][0-7_]*|[0-9_]+(:[0-5]?[0-9])+)")


def check_written(path: Path) -> None:
    """Refuse a study's file that says something else than what YAML reads from it.

    Args:
        path: a file in YAML or JSON.

    Raises:
        DynsparseError: it cannot be read, a key is written twice, or a number has a leading zero
            or colons. The message names the file, the line and the key.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DynsparseError(f"config: {path}: {' '.join(str(error).split())}") from error
    for key, node in _walk(root, "", set()):
        if isinstance(node, MappingNode):
            _check_keys(node, str(path), key)
        elif node.tag == INTEGER and _OTHER_BASE.fullmatch(node.value):
            raise DynsparseError(
                f"config: {path}, line {node.start_mark.line + 1}: {key}: YAML reads {node.value}"
                f" as {yaml.safe_load(node.value)}; write the number that is meant"
            )


def _check_keys(node: MappingNode, path: str, key: str) -> None:
    """Refuse two equal keys in one mapping."""
    first: dict[tuple[str, str], int] = {}
    for name, _ in node.value:
        line, written = name.start_mark.line + 1, (name.tag, str(name.value))
        if isinstance(name, ScalarNode) and written in first:
            raise DynsparseError(
                f"config: {path}, line {line}: {f'{key}.' if key else ''}{name.value} is written"
                f" twice, first in line {first[written]}; keep one"
            )
        first[written] = line


def _walk(node: Node | None, key: str, seen: set[int]) -> Iterator[tuple[str, Node]]:
    """Every node under its key, once each, whatever aliases say."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    yield key, node
    if isinstance(node, MappingNode):
        for name, value in node.value:
            below = str(name.value) if isinstance(name, ScalarNode) else "?"
            yield from _walk(value, f"{key}.{below}" if key else below, seen)
    elif isinstance(node, SequenceNode):
        for number, value in enumerate(node.value):
            yield from _walk(value, f"{key}.{number}" if key else str(number), seen)

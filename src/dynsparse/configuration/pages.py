"""What is written from the schema: the default study with comments, and the page on all keys.

    python -m dynsparse.configuration.pages [--fix]

In the project's folder: says which of the two files differ from the schema, or writes them anew.
"""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from dynsparse.configuration.resolving import properties, referred
from dynsparse.errors import DynsparseError
from dynsparse.storage.files import whole_file

SCHEMA = Path("workflow/schemas/config.schema.yaml")
STUDY = Path("config/config.yaml")
PAGE = Path("docs/configuration.md")
# The page is written by hand but for what stands between these.
BEGIN, END = "<!-- written from the schema: begin -->\n", "<!-- written from the schema: end -->\n"
WIDTH = 100
# An editor that knows this comment completes keys and shows their descriptions.
EDITOR = "# yaml-language-server: $schema=../workflow/schemas/config.schema.yaml\n"
HEAD = """\
# The default study: the paper's eight environments, small enough for two CPU cores, and real.
# Every key is here with its default. A study of your own says only what differs from it.
# Written from the schema by `python -m dynsparse.configuration.pages --fix`: change it there.
"""


def written(schema: Mapping[str, Any], page: str) -> dict[Path, str]:
    """The two files as the schema has them.

    Args:
        schema: the whole schema.
        page: docs/configuration.md as it is.

    Raises:
        DynsparseError: the page lacks the marks between which keys stand.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise DynsparseError(f"{PAGE}: the lines {BEGIN.strip()} and {END.strip()} are missing")
    keys = f"{before}{BEGIN}\n{''.join(_tables(schema, schema))}{END}{after}"
    return {STUDY: default_study(schema), PAGE: keys}


def default_study(schema: Mapping[str, Any]) -> str:
    """The default study in YAML, with each description as a comment above its key."""
    return EDITOR + HEAD + "".join(_lines(schema, schema, ""))


def _lines(section: Mapping[str, Any], root: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, written_part in section["properties"].items():
        part = referred(written_part, root)
        space = WIDTH - len(indent) - 2
        if not indent:
            yield "\n"
        for text in textwrap.wrap(part["description"], space, break_on_hyphens=False):
            yield f"{indent}# {text}\n"
        if _is_section(part):
            yield f"{indent}{name}:\n"
            yield from _lines(part, root, indent + "  ")
        else:
            default = part["default"] if "default" in part else part["examples"][0]
            yield from _assignment(name, default, indent)


def _assignment(name: str, value: Any, indent: str) -> Iterator[str]:
    """A key and its value in one line; where that is too long, a mapping's keys each in a line."""
    line = f"{indent}{name}: {_flow(value)}\n"
    if len(line) <= WIDTH or not isinstance(value, Mapping):
        yield line
    else:
        yield f"{indent}{name}:\n"
        for below, part in value.items():
            yield from _assignment(below, part, indent + "  ")


def _tables(schema: Mapping[str, Any], root: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A table of a section's keys, then those of the sections in it, and of what users name."""
    kinds = [rule for rule in schema.get("allOf", ()) if "$ref" in rule["then"]]
    shared = {**schema, "allOf": [rule for rule in schema.get("allOf", ()) if rule not in kinds]}
    parts = {name: referred(part, root) for name, part in properties(shared, root).items()}
    keys = {name: part for name, part in parts.items() if not _is_section(part)}
    if keys:
        yield "| key | default | may be | says |\n|---|---|---|---|\n"
    for name, part in keys.items():
        cells = (
            f"`{prefix}{name}`",
            _default(name, part, schema, root),
            _allowed(part, root),
            _text(part),
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
    yield "\n" if keys else ""
    for name, part in parts.items():
        if _is_section(part):
            yield f"{'#' * (2 + prefix.count('.') + 1)} {prefix}{name}\n\n{_text(part)}\n\n"
            yield from _tables(part, root, f"{prefix}{name}.")
        named = referred(part.get("additionalProperties") or {}, root)
        if "allOf" in named:
            key = f"{prefix}{name}.<name>"
            yield f"{'#' * (2 + key.count('.'))} {key.replace('<', '&lt;')}\n\n"
            yield from _tables(named, root, f"{key}.")
    for rule in kinds:
        part = referred(rule["then"], root)
        ((key, said),) = rule["if"]["properties"].items()
        own = {name: said for name, said in part["properties"].items() if said}
        yield f"With `{key}: {said['const']}`:\n\n"
        yield from _tables({**part, "properties": own}, root, prefix)


def _default(
    name: str, part: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]
) -> str:
    """What a key is where nothing is said."""
    if "default" in part:
        return f"`{_flow(part['default'])}`"
    if name in schema.get("required", ()):
        return "none: it must be said"
    learning = root["properties"]["learning"]["properties"]
    for shared in ("model", "training"):
        if name in learning[shared]["properties"]:
            return f"as learning.{shared}"
    return "no limit"


def _is_section(part: Mapping[str, Any]) -> bool:
    """Whether keys are filled in one by one, and not replaced as a whole."""
    return part.get("default") == {} and "properties" in part


def _text(part: Mapping[str, Any]) -> str:
    """A description, in which Markdown sees no tags."""
    return str(part["description"]).replace("<", "&lt;")


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("...\n").strip()


def _allowed(part: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """In words, what a value may be."""
    part = referred(part, root)
    if "enum" in part:
        return " or ".join(f"`{name}`" for name in part["enum"])
    if "items" in part:
        empty = "" if part.get("minItems") else " or `[]`"
        return f"a list{empty}, each {_allowed(part['items'], root)}"
    if part.get("type") in ("integer", "number"):
        limits = {
            "minimum": "at least",
            "exclusiveMinimum": "more than",
            "maximum": "at most",
            "exclusiveMaximum": "less than",
        }
        bounds = [f"{words} {part[name]}" for name, words in limits.items() if name in part]
        return ", ".join(["a whole number" if part["type"] == "integer" else "a number", *bounds])
    words = {"object": "a mapping", "boolean": "`true` or `false`"}
    return words.get(part.get("type", ""), "text")


def main(fix: bool) -> int:
    """Compare the files with the schema, or write them; the number of files that differ."""
    schema = yaml.safe_load(SCHEMA.read_text())
    files = written(schema, PAGE.read_text())
    differing = [path for path, text in files.items() if path.read_text() != text]
    for path in differing:
        print(f"{path}: {'written anew' if fix else 'differs from the schema; use --fix'}")
        if fix:
            with whole_file(path) as temporary:
                temporary.write_text(files[path])
    return 0 if fix else len(differing)


if __name__ == "__main__":
    sys.exit(main("--fix" in sys.argv[1:]))

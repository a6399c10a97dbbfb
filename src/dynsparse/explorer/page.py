"""The page as text: markup, style, scripts and data in one file, which loads nothing else.

A stranger's names get into it as JSON alone, and the scripts write them as text alone. What could
run is named by its digest in the page's policy, so that nothing else would.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from dynsparse.explorer.episode import compressed
from dynsparse.project import project_folder

# Each uses what stands before it.
SCRIPTS = ("data", "geometry", "drawing", "scene", "matrix", "timeline", "element", "main")
THREE = "resources/explorer/three.min.js"
# Of a page; an episode more than this has room for is left out.
MOST_BYTES = 2_000_000


def page(about: Mapping[str, Any], episodes: Sequence[Mapping[str, Any]]) -> str:
    """The page of a case.

    Args:
        about: what ``dynsparse.explorer.case`` says of it; ``title`` is one of its keys.
        episodes: as ``dynsparse.explorer.episode.packed`` gives them.
    """
    style = _source("style.css")
    # One scope for all of them, and nothing left outside.
    inner = "\n".join(_source(f"{name}.js") for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{inner}}})();\n'
    three = (project_folder() / THREE).read_bytes()
    heads = [{key: each[key] for key in each if key != "data"} for each in episodes]
    parts = {
        "policy": escape(_policy(style, script, three)),
        "title": escape(about["title"]),
        "style": style,
        "about": _json({**about, "episodes": heads}),
        "data": "\n".join(
            f'<script type="text/plain" id="episode-{number}">{each["data"]}</script>'
            for number, each in enumerate(episodes)
        ),
        "three": base64.b64encode(compressed(three)).decode(),
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _source("page.html"))


def _source(name: str) -> str:
    return files("dynsparse.explorer").joinpath("web", name).read_text(encoding="utf-8")


def _policy(style: str, script: str, three: bytes) -> str:
    """What the browser may do for this page: run these scripts, use this style, load nothing."""
    scripts = " ".join(_digest(each) for each in (script.encode(), three))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_digest(style.encode())};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(content: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"


def _json(value: Any) -> str:
    """JSON of letters that end no element of a page and no line of a script."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

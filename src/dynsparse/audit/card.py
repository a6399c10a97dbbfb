"""The card of a study's datasets: what they are, for somebody who finds them."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from tabulate import tabulate

from dynsparse.audit.manifest import Manifest
from dynsparse.dataset import open_dataset

HEADINGS = (
    "environment",
    "behaviour",
    "seeds",
    "episodes",
    "steps per episode",
    "state dim",
    "action dim",
    "MB",
)
# The methods of Jacobians that are not by automatic differentiation, and what they are by.
OTHERWISE = {"mujoco_c": "central differences on MuJoCo's C engine"}


def card(folder: Path, manifest: Manifest, citation: Mapping[str, Any]) -> str:
    """The card, in Markdown with the front matter that data hubs read.

    Args:
        folder: of the study.
        manifest: of the study.
        citation: the project's CITATION.cff.

    Raises:
        DynsparseError: a dataset cannot be read.
    """
    method = manifest.config["jacobian"]["method"]
    cases: dict[str, list[str]] = {}
    for path in manifest.datasets:
        cases.setdefault(path.rpartition("/")[0], []).append(path)
    rows = [_row(folder, manifest, paths) for paths in cases.values()]
    (paper,) = citation["references"][:1]
    names = (f"{author['given-names']} {author['family-names']}" for author in paper["authors"])
    template = Template(files("dynsparse.audit").joinpath("card.md").read_text(encoding="utf-8"))
    return template.substitute(
        study=manifest.study,
        licence=citation["license"],
        keywords=json.dumps(citation["keywords"]),
        table=tabulate(rows, HEADINGS, tablefmt="github"),
        dtype=manifest.config["simulator"]["dtype"],
        solver=manifest.config["simulator"]["solver"],
        derivation=OTHERWISE.get(method, "automatic differentiation of MJX"),
        method=method,
        commit=manifest.code["commit"],
        devices=_devices(manifest),
        authors=", ".join(names),
        title=paper["title"],
        venue=paper["conference"]["name"],
    )


def _row(folder: Path, manifest: Manifest, paths: list[str]) -> list[Any]:
    with open_dataset(folder / paths[0]) as dataset:
        info = dataset.info
    size = sum(manifest.artefacts[path].bytes for path in paths)
    return [
        info.environment,
        info.behaviour,
        len(paths),
        info.episodes,
        info.steps,
        len(info.state_names),
        len(info.action_names),
        f"{size / 1e6:.1f}",
    ]


def _devices(manifest: Manifest) -> str:
    """Such as ``cpu: cpu (x86_64)``."""
    devices = {f"{entry['device']} ({entry['machine']})" for entry in manifest.datasets.values()}
    return ", ".join(sorted(devices))

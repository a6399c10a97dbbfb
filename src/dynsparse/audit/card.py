"""The card of a study's datasets: what they are, for somebody who finds them."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import yaml
from pyarrow import parquet
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
        front=yaml.safe_dump(_front(folder, manifest, citation), sort_keys=False).rstrip(),
        study=manifest.study,
        licence=citation["license"],
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


def _front(folder: Path, manifest: Manifest, citation: Mapping[str, Any]) -> dict[str, Any]:
    """What data hubs read: a configuration for each kind of table.

    All are Parquet: a reader takes one format for all configurations of a card.
    """
    kinds: dict[str, list[str]] = {}
    for path in manifest.artefacts:
        top, _, name = path.partition("/")
        if name.endswith(".parquet") and top in ("merged", "tables", "learning"):
            kinds.setdefault(f"{top}-{Path(name).stem}", []).append(path)
    files = {kind: _patterns(folder, paths) for kind, paths in sorted(kinds.items())}
    collection = manifest.config["collection"]
    samples = len(manifest.datasets) * collection["episodes"] * collection["steps"]
    return {
        "license": citation["license"].lower(),
        "pretty_name": f"dynsparse: {manifest.study}",
        "tags": list(citation["keywords"]),
        "task_categories": ["reinforcement-learning"],
        "size_categories": [_size(samples)],
        "configs": [{"config_name": n, "data_files": p} for n, p in files.items() if p],
    }


def _patterns(folder: Path, paths: list[str]) -> str | list[str]:
    """One pattern of all paths; the paths one by one where some have no row.

    The library ``datasets`` fails at a Parquet file without any.
    """
    some = [path for path in paths if parquet.read_metadata(folder / path).num_rows]
    if len(some) < len(paths):
        return some
    top, *middle, name = paths[0].split("/")
    return "/".join([top, *("*" for _ in middle), name])


def _size(samples: int) -> str:
    """The category of a number of rows, as data hubs name it."""
    steps = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
    return next((name for most, name in steps if samples < most), "n>1M")


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

"""Traceable: does every artefact say where it came from, back to the data, the code, the policy?"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dynsparse.audit.findings import Check, Failure, examine
from dynsparse.audit.manifest import NAME, UP_TO_DATE, Manifest, data_files
from dynsparse.dataset import DatasetInfo, open_dataset
from dynsparse.precision import settings_in_force
from dynsparse.provenance import environment_package
from dynsparse.storage.files import read_json
from dynsparse.storage.tables import METADATA_KEY

LOCK = re.compile(r"^envs/.*\.txt$")
DATASET = re.compile(r"/seed-\d+$")
CLEAN = re.compile(r"^[0-9a-f]{40}$")


def traceability(folder: Path, manifest: Manifest) -> list[Check]:
    """Whether every artefact of a study is known by where it came from."""
    return [
        _lineage(manifest),
        _identities(folder, manifest),
        _sources_of_tables(folder, manifest),
        _policies(manifest),
        _code(manifest),
        _packages(manifest),
    ]


def _lineage(manifest: Manifest) -> Check:
    """From each item back to data, each link by name, each end by digest."""

    def look(path: str) -> str | None:
        artefact = manifest.artefacts.get(path)
        if artefact is None:
            return "was used, and is not in the manifest"
        if artefact.state != UP_TO_DATE:
            return f"was out of date when the manifest was written: {artefact.state}"
        unknown = set(artefact.sources) - set(manifest.sources)
        return f"was made from {min(unknown)}, whose digest is not recorded" if unknown else None

    used = {path for item in manifest.items for path in (item, *manifest.ancestors(item))}
    count, failures = examine(sorted({*used, *manifest.artefacts}), look)
    remarks = [_ends(manifest, item) for item in manifest.items]
    return Check(
        "traceable", "From every item back to its sources", count, failures, tuple(remarks)
    )


def _ends(manifest: Manifest, item: str) -> str:
    data = len(manifest.data_of(item))
    files = {
        name for path in (item, *manifest.ancestors(item)) for name in _sources(manifest, path)
    }
    return f"{item}: from {data} HDF5 files and {len(files)} files of the project"


def _sources(manifest: Manifest, path: str) -> Iterable[str]:
    return manifest.artefacts[path].sources if path in manifest.artefacts else ()


def _identities(folder: Path, manifest: Manifest) -> Check:
    """What a file says of itself against the name it goes by, and the configuration."""
    config = manifest.config

    def look(path: str) -> str | None:
        with open_dataset(folder / path) as dataset:
            info = dataset.info
        named = f"data/{info.environment}/{info.behaviour}/seed-{info.seed}.h5"
        if named != path:
            return f"says of itself that it is {named}"
        recorded, wanted = _settings(info), {**config["collection"], **config["simulator"]}
        wanted |= config["jacobian"]
        if info.by_element:
            # The C engine has no batches, and one method.
            wanted = {name: wanted[name] for name in ("episodes", "steps", "solver", "dtype")}
        differs = [name for name in wanted if recorded.get(name) != wanted[name]]
        if differs:
            name = differs[0]
            return f"was made with {name} {recorded.get(name)}, the study has {wanted[name]}"
        return changed_settings(info) or changed_package(info)

    count, failures = examine((p for p in data_files(manifest) if p in manifest.datasets), look)
    return Check("traceable", "Identity and settings inside HDF5", count, failures)


def changed_settings(info: DatasetInfo) -> str | None:
    """Which setting of JAX the data were made with that is not the one in force, if any."""
    made_with, here = json.loads(info.provenance).get("settings"), settings_in_force()
    if made_with is None:
        return "does not say with which settings of JAX it was made"
    for name in sorted({*made_with, *here}):
        if made_with.get(name) != here.get(name):
            return f"was made with JAX's {name} {made_with.get(name)}, here it is {here.get(name)}"
    return None


def changed_package(info: DatasetInfo) -> str | None:
    """How the package of an environment of one's own differs from that of the data, if it does."""
    made_with = json.loads(info.provenance).get("environment_package")
    if made_with is None or made_with == (installed := environment_package(info.environment)):
        return None
    texts = [
        f"{package.get('package', package['class'])} {package.get('version', '')}".strip()
        + f" (files {package['files_sha256'][:12]})"
        for package in (made_with, installed)
    ]
    return f"was made with {texts[0]}, installed is {texts[1]}"


def _settings(info: DatasetInfo) -> dict[str, Any]:
    return dict(json.loads(info.provenance)["config"])


def _sources_of_tables(folder: Path, manifest: Manifest) -> Check:
    """Parquet files that name their datasets must name those they were made from."""
    named = {_dataset_name(path): path for path in manifest.datasets}

    def look(path: str) -> str | None:
        says = {named.get(source, source) for source in facts[path]}
        made_from = set(manifest.data_of(path))
        if says == made_from:
            return None
        wrong = min(says ^ made_from)
        return (
            f"says that it comes from {wrong}, which it was not made from"
            if wrong in says
            else f"does not say that it comes from {wrong}, which it was made from"
        )

    tables = [path for path in manifest.artefacts if path.endswith(".parquet")]
    facts = {path: sources for path in tables if (sources := _named_sources(folder / path))}
    return Check("traceable", "Datasets named inside Parquet", *examine(facts, look))


def _dataset_name(path: str) -> str:
    return path.removeprefix("data/").removesuffix(".h5")


def _named_sources(path: Path) -> list[str]:
    """The datasets that a Parquet file names; none if it cannot be read, which others report."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        named = read_json(metadata.get(METADATA_KEY, b"{}")).get("sources", [])
    except (OSError, ValueError, pa.ArrowException):
        return []
    # Others are models, from which what is structural is told.
    return [name for name in named if DATASET.search(name)]


def _policies(manifest: Manifest) -> Check:
    """The policy that a dataset names against the policy's file that it was made from."""

    def look(path: str) -> str | None:
        artefact, named = manifest.artefacts[path], manifest.datasets[path]["policy"]
        files = {
            **{name: manifest.sources.get(name) for name in artefact.sources},
            **{name: manifest.artefacts[name].sha256 for name in artefact.inputs},
        }
        policies = [str(files[name]) for name in files if name.endswith(".safetensors")]
        # A behaviour without a policy goes by its name.
        expected = policies or [path.split("/")[-2]]
        if named in expected:
            return None
        return f"was made by the policy {named[:12]}, the study has {expected[0][:12]}"

    datasets = [path for path in manifest.datasets if path in manifest.artefacts]
    return Check("traceable", "Policies of the datasets", *examine(datasets, look))


def _code(manifest: Manifest) -> Check:
    """A commit that is known, and a tree without uncommitted changes."""

    def look(path: str) -> str | None:
        return _unclean(str(manifest.datasets[path]["commit"]))

    count, failures = examine(manifest.datasets, look)
    changed = manifest.code["changed"]
    own = _unclean(manifest.code["commit"])
    if own or changed:
        failures += (Failure(NAME, own or f"uncommitted changes: {', '.join(changed[:5])}"),)
    commits = {str(entry["commit"])[:12] for entry in manifest.datasets.values()}
    remarks = (
        f"manifest of commit {manifest.code['commit'][:12]}",
        f"datasets of commits {', '.join(sorted(commits))}",
    )
    return Check("traceable", "Commit, and a clean tree", count + 1, failures, remarks)


def _unclean(commit: str) -> str | None:
    if CLEAN.match(commit):
        return None
    known = commit.removesuffix("+")
    if CLEAN.match(known):
        return f"was made by code with uncommitted changes on top of commit {known[:12]}"
    return "was made by code of unknown commit"


def _packages(manifest: Manifest) -> Check:
    """One set of package versions, and locks with digests."""
    versions = manifest.code["packages"]

    def look(path: str) -> str | None:
        own = manifest.datasets[path]["packages"] or {}
        differs = sorted(name for name in versions if own.get(name) != versions[name])
        if not differs:
            return None
        name = differs[0]
        return f"was made with {name} {own.get(name)}, the study has {versions[name]}"

    count, failures = examine(manifest.datasets, look)
    locks = sorted(name for name in manifest.sources if LOCK.match(name))
    if not locks:
        failures += (Failure(NAME, "records no lock file (envs/*.txt)"),)
    devices = sorted({f"{e['device']}, {e['machine']}" for e in manifest.datasets.values()})
    remarks = [f"lock {name}: {manifest.sources[name]}" for name in locks]
    remarks += [f"device: {device}" for device in devices]
    return Check("traceable", "Packages, locks, device", count + 1, failures, tuple(remarks))

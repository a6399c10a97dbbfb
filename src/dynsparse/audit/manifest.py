"""The manifest of a study: every artefact with its digest, and what it was made from."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from dynsparse.errors import DynsparseError
from dynsparse.storage.files import read_json, sha256, whole_file
from dynsparse.suite import dataset_name

NAME = "manifest.json"
FORMAT, SCHEMA_VERSION = "dynsparse manifest", 1
UP_TO_DATE = "ok"


@dataclass(frozen=True)
class Artefact:
    """One file of a study.

    Attributes:
        sha256: digest of its bytes, hexadecimal.
        bytes: its size.
        rule: the rule of the DAG that made it.
        log: of the job that made it; files with the same log were made together.
        inputs: artefacts that it was made from, relative to the study's folder.
        sources: files of the project that it was made from, relative to the project's folder.
        state: ``ok``, or why Snakemake would have made it again when the manifest was written.
    """

    sha256: str
    bytes: int
    rule: str
    log: str
    inputs: tuple[str, ...]
    sources: tuple[str, ...]
    state: str


@dataclass(frozen=True)
class Manifest:
    """What a study consists of.

    Attributes:
        study: its name.
        config: its configuration, resolved.
        code: what ``provenance.code_state`` said when the manifest was written.
        items: the artefacts that the study was made for.
        artefacts: all artefacts by their path in the study's folder.
        sources: digests of the project's files that were used: code, locks, policies, published
            numbers.
        datasets: for each HDF5 file its seed, and what it says of its origin.
    """

    study: str
    config: dict[str, Any]
    code: dict[str, Any]
    items: tuple[str, ...]
    artefacts: dict[str, Artefact]
    sources: dict[str, str]
    datasets: dict[str, dict[str, Any]]

    def ancestors(self, path: str) -> set[str]:
        """All artefacts that ``path`` was made from, directly or not; those unknown included."""
        found: set[str] = set()
        queue = [path]
        while queue:
            artefact = self.artefacts.get(queue.pop())
            new = set(artefact.inputs) - found if artefact else set()
            found |= new
            queue += new
        return found

    def data_of(self, path: str) -> list[str]:
        """The HDF5 files that ``path`` was made from."""
        return sorted(name for name in self.ancestors(path) if name in self.datasets)


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest as JSON (``schemas/manifest.schema.json``), whole or not at all.

    What all artefacts of a rule share, its code above all, is written once.
    """
    plain = asdict(manifest)
    rules: dict[str, set[str]] = {}
    for artefact in manifest.artefacts.values():
        sources = set(artefact.sources)
        rules[artefact.rule] = rules.get(artefact.rule, sources) & sources
    for entry in plain["artefacts"].values():
        entry["sources"] = [name for name in entry["sources"] if name not in rules[entry["rule"]]]
    shared = {rule: sorted(sources) for rule, sources in sorted(rules.items())}
    head = {"format": FORMAT, "schema_version": SCHEMA_VERSION}
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps({**head, **plain, "rules": shared}, indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a study.

    Raises:
        DynsparseError: there is none, or it is not one.
    """
    path = folder / NAME
    try:
        plain = read_json(path.read_text())
    except FileNotFoundError:
        raise DynsparseError(
            f"{path}: no such file: either {folder} is not the folder of a study, or the study was"
            " never finished (`snakemake` finishes it and writes the manifest)"
        ) from None
    except (OSError, ValueError) as error:
        raise DynsparseError(f"{path}: not a manifest: {error}") from error
    wrong = best_match(Draft202012Validator(schema("manifest")).iter_errors(plain))
    if wrong is not None:
        raise DynsparseError(f"{path}: not a manifest: {wrong.json_path}: {wrong.message}")
    if "losses" in plain["config"].get("learning", {}):
        raise DynsparseError(
            f"{path}: the study was made by code that had no learners; read it with that code"
        )
    rules = plain["rules"]
    artefacts = {
        name: Artefact(
            **{
                **entry,
                "inputs": tuple(entry["inputs"]),
                "sources": tuple(sorted({*entry["sources"], *rules.get(entry["rule"], ())})),
            }
        )
        for name, entry in plain["artefacts"].items()
    }
    kept = {name: plain[name] for name in ("study", "config", "code", "sources", "datasets")}
    return Manifest(**kept, items=tuple(plain["items"]), artefacts=artefacts)


def data_files(manifest: Manifest) -> Iterator[str]:
    """The HDF5 file of each environment, behaviour and seed of the configuration."""
    for environment, choices in manifest.config["environments"].items():
        for behaviour in choices["behaviours"]:
            for seed in manifest.config["seeds"]:
                yield f"data/{dataset_name(environment)}/{behaviour}/seed-{seed}.h5"


def digests_of(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files in a folder, several at a time; empty for one that cannot be read."""
    names = list(paths)
    with ThreadPoolExecutor() as pool:
        found = pool.map(_digest, (folder / name for name in names))
    return dict(zip(names, found, strict=True))


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return ""


def schema(name: str) -> dict[str, Any]:
    """The JSON schema of ``manifest`` or ``audit``."""
    text = package_files("dynsparse.audit").joinpath(f"schemas/{name}.schema.json").read_text()
    return dict(json.loads(text))

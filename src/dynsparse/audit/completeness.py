"""Complete: is every artefact that the configuration promises there, and unchanged?"""

from collections.abc import Iterable
from pathlib import Path

import yaml

from dynsparse.audit.findings import Check, Failure, examine
from dynsparse.audit.manifest import NAME, Manifest, data_files, digests_of
from dynsparse.dataset import open_dataset

# What a study's folder holds beside its artefacts.
ASIDE = {"logs", "benchmarks", "audit", "explorer", "published", ".training"}
ASIDE_FILES = {
    NAME,
    "report.zip",
    "ro-crate-metadata.json",
    "card.md",
    "README.md",
    "croissant.json",
}


def completeness(folder: Path, manifest: Manifest, promised: Iterable[str]) -> list[Check]:
    """Whether a study is whole.

    Args:
        folder: of the study.
        manifest: of the study.
        promised: items that the present DAG promises; none for an audit without a DAG.
    """
    return [
        _digests(folder, manifest),
        _promises(folder, manifest, promised),
        _episodes(folder, manifest),
    ]


def _digests(folder: Path, manifest: Manifest) -> Check:
    found = digests_of(folder, manifest.artefacts)

    def look(path: str) -> str | None:
        recorded = manifest.artefacts[path].sha256
        if not found[path]:
            return "is missing"
        if found[path] != recorded:
            return f"was changed: SHA-256 {found[path][:12]}..., recorded {recorded[:12]}..."
        return None

    more = sorted(_files(folder) - set(manifest.artefacts))
    remarks = [f"not part of the study: {path}" for path in more]
    return Check(
        "complete", "Digests of all artefacts", *examine(found, look), remarks=tuple(remarks)
    )


def _files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        str(path) for path in found if not ASIDE & set(path.parts) and str(path) not in ASIDE_FILES
    }


def _promises(folder: Path, manifest: Manifest, promised: Iterable[str]) -> Check:
    """The manifest itself may lack something, so it is held against the configuration."""
    expected = sorted({*manifest.items, *promised, *data_files(manifest)})
    absent = [
        Failure(path, "is promised by the configuration, and not in the manifest")
        for path in expected
        if path not in manifest.artefacts
    ]
    try:
        written = yaml.safe_load((folder / "config.yaml").read_text())
    except (OSError, yaml.YAMLError):
        written = None
    if written != manifest.config:
        absent.append(Failure("config.yaml", "is not the configuration in the manifest"))
    return Check("complete", "What the configuration promises", len(expected) + 1, tuple(absent))


def _episodes(folder: Path, manifest: Manifest) -> Check:
    """Digests inside the files, written as the episodes were, whatever the manifest says."""

    def look(path: str) -> str | None:
        with open_dataset(folder / path) as dataset:
            damaged = dataset.damaged_episodes()
        return f"episodes {damaged} do not match the digests inside the file" if damaged else None

    return Check("complete", "Digests of episodes inside HDF5", *examine(manifest.datasets, look))

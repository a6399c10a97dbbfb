"""Repeatable: does doing it again, from scratch and elsewhere, give the same?"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dynsparse.audit.elsewhere import draw_jobs
from dynsparse.audit.findings import Check, examine
from dynsparse.audit.manifest import Manifest, digests_of
from dynsparse.audit.recipes import RECIPES, Workshop, items_of, jobs_of, project_file
from dynsparse.dataset import Dataset, Episode, open_dataset
from dynsparse.figures.style import counted
from dynsparse.storage.files import sha256

# On another machine only the beginning of an episode can be compared: rounding grows along a
# trajectory. Relative to the largest value of the array.
FIRST_STEPS, TOLERANCE = 5, 1e-6
COMPARED = ("state", "action", "next_state", "reward", "state_jacobian", "action_jacobian")


def repeatability(
    folder: Path,
    manifest: Manifest,
    workshop: Workshop,
    collections: int,
    seed: int,
    again: Path | None = None,
) -> list[Check]:
    """Jobs run again in another folder, without a cache.

    Args:
        folder: of the study.
        manifest: of the study.
        workshop: where to run jobs again.
        collections: how many datasets to collect again, each its first block of episodes.
        seed: of the sample.
        again: where ``draw_jobs`` of this seed were run again by the DAG itself, if they were.
    """
    rng = np.random.default_rng(seed)
    checks = [_jobs(manifest, workshop, rng), _collections(folder, manifest, collections, rng)]
    return checks if again is None else [_rerun(manifest, seed, again), *checks]


def _rerun(manifest: Manifest, seed: int, again: Path) -> Check:
    """What the DAG made again, byte for byte."""
    jobs = draw_jobs(manifest, seed)
    made = digests_of(again, (path for job in jobs for path in job))

    def look(path: str) -> str | None:
        if not made[path]:
            return "its job, run again by Snakemake, does not make it"
        same = made[path] == manifest.artefacts[path].sha256
        return None if same else "running its job again gives another file"

    count, failures = examine(made, look)
    rules = sorted(manifest.artefacts[job[0]].rule for job in jobs)
    remark = "jobs of the rules " + ", ".join(rules)
    return Check("repeatable", "Files of jobs that Snakemake ran again", count, failures, (remark,))


def _jobs(manifest: Manifest, workshop: Workshop, rng: np.random.Generator) -> Check:
    """Every item, and one job of each rule that there is a recipe for, byte for byte."""
    by_rule: dict[str, list[str]] = {}
    for path in sorted(manifest.artefacts):
        by_rule.setdefault(manifest.artefacts[path].rule, []).append(path)
    picked = [paths[rng.integers(len(paths))] for rule, paths in by_rule.items() if rule in RECIPES]
    jobs, items = jobs_of(manifest), items_of(manifest)
    drawn = [path for one in (*items, *picked) for path in jobs[one]]
    workshop.prepare(drawn)

    def look(path: str) -> str | None:
        same = sha256(workshop.again(path)) == manifest.artefacts[path].sha256
        return None if same else "running its job again gives another file"

    count, failures = examine(drawn, look)
    made = {manifest.artefacts[path].rule for path in (*items, *picked)}
    remarks = (
        f"every item, {counted(len(items), 'job')}; one of each rule that counts: "
        + ", ".join(picked),
        f"rules not run again: {', '.join(sorted(set(by_rule) - made))}",
    )
    return Check("repeatable", "Files of jobs that were run again", count, failures, remarks)


def _collections(
    folder: Path, manifest: Manifest, collections: int, rng: np.random.Generator
) -> Check:
    """The first block of sampled datasets, collected again."""
    paths = sorted(manifest.datasets)
    drawn = [str(p) for p in rng.choice(paths, min(collections, len(paths)), replace=False)]
    remarks: list[str] = []

    def look(path: str) -> str | None:
        with tempfile.TemporaryDirectory() as temporary:
            again = Path(temporary) / "again.h5"
            _collect_first_block(folder, manifest, path, again)
            with open_dataset(folder / path) as old, open_dataset(again) as new:
                return _compared(path, old, new, remarks)

    count, failures = examine(drawn, look) if drawn else (0, ())
    skipped = "" if collections else "no collection was asked for"
    name = "First block of data collected again"
    return Check("repeatable", name, count, failures, tuple(remarks), skipped)


def _collect_first_block(folder: Path, manifest: Manifest, path: str, output: Path) -> None:
    from dynsparse.collection import CollectionSettings, collect

    config, artefact = manifest.config, manifest.artefacts[path]
    _, environment, behaviour, _ = path.split("/")
    sections = {**config["collection"], **config["simulator"], **config["jacobian"]}
    samples = sections["episodes"] * sections["steps"]
    sections["episodes"] = min(sections["episodes"], sections["block_episodes"])
    policies = [folder / name for name in artefact.inputs if name.endswith(".safetensors")]
    shipped = (name for name in artefact.sources if name.endswith(".safetensors"))
    policies += [project_file(manifest, name) for name in shipped]
    seed = manifest.datasets[path]["seed"]
    policy = policies[0] if policies else None
    settings = CollectionSettings(**sections)
    collect(output, environment, behaviour, seed, settings, policy, samples)


def _compared(path: str, old: Dataset, new: Dataset, remarks: list[str]) -> str | None:
    """Every episode of ``new`` against that of ``old``."""
    same_kind = _kind(old) == _kind(new)
    worst = 0.0
    for episode in new.episodes():
        before = old.episode(episode.index)
        if same_kind and not _equal(before, episode):
            return f"episode {episode.index}, collected again on the same kind of machine, differs"
        worst = max(worst, _largest_difference(before, episode))
    if not same_kind and worst > TOLERANCE:
        return f"collected again, its first {FIRST_STEPS} steps differ by {worst:.1e}"
    how = (
        "bit for bit, on the same kind of machine"
        if same_kind
        else f"first {FIRST_STEPS} steps within {worst:.1e} (allowed {TOLERANCE:g}), on another"
        f" kind of machine: {_kind(new)}, made on {_kind(old)}"
    )
    remarks.append(f"{path}: {counted(new.info.episodes, 'episode')}, {how}")
    return None


def _kind(dataset: Dataset) -> dict[str, Any]:
    """What bits may depend on beside the code: device, architecture, packages, settings."""
    origin = json.loads(dataset.info.provenance)
    return {name: origin.get(name) for name in ("device", "machine", "packages", "settings")}


def _equal(a: Episode, b: Episode) -> bool:
    return all(np.array_equal(x, y, equal_nan=True) for x, y in _arrays(a, b, slice(None)))


def _largest_difference(a: Episode, b: Episode) -> float:
    pairs = _arrays(a, b, slice(FIRST_STEPS))
    return max(float(np.abs(x - y).max() / max(1.0, np.abs(x).max())) for x, y in pairs)


def _arrays(a: Episode, b: Episode, steps: slice) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(getattr(a, name)[steps], getattr(b, name)[steps]) for name in COMPARED]

"""Another folder in which drawn jobs of a study can be run again, whatever runs them."""

import os
from pathlib import Path

import numpy as np

from dynsparse.audit.manifest import Manifest, read_manifest
from dynsparse.audit.recipes import jobs_of

# Training an expert takes hours; of the others the audit makes again what it can check better.
ALL, SAMPLE = "tables/", 6
LEFT_OUT = ("train_expert", "collect_jacobians", "resolved_config")


def draw_jobs(manifest: Manifest, seed: int) -> list[tuple[str, ...]]:
    """The jobs that make tables, and a seeded sample of others: the files that each makes.

    No two jobs of the sample are of the same rule.
    """
    rng = np.random.default_rng(seed)
    jobs = sorted(set(jobs_of(manifest).values()))
    tables = [job for job in jobs if job[0].startswith(ALL)]
    by_rule: dict[str, list[tuple[str, ...]]] = {}
    for job in jobs:
        by_rule.setdefault(manifest.artefacts[job[0]].rule, []).append(job)
    left_out = {*LEFT_OUT, *(manifest.artefacts[job[0]].rule for job in tables)}
    rules = [rule for rule in by_rule if rule not in left_out]
    drawn = rng.choice(rules, min(SAMPLE, len(rules)), replace=False)
    sample = [by_rule[rule][rng.integers(len(by_rule[rule]))] for rule in sorted(drawn)]
    return [*tables, *sample]


def prepare(project: Path, folder: str, seed: int, elsewhere: Path) -> dict[str, str]:
    """Fill a folder with links to a project and a study, drawn artefacts left out.

    All links have the same age, so that nothing is taken for out of date, and only what was left
    out has to be made. What is missing in the study is missing there.

    Args:
        project: the folder in which Snakemake ran.
        folder: of the study, relative to ``project``.
        seed: of the sample.
        elsewhere: an empty folder.

    Returns:
        What was left out, and the rule that makes it.

    Raises:
        DynsparseError: the study has no manifest.
    """
    manifest = read_manifest(project / folder)
    drawn = {path for job in draw_jobs(manifest, seed) for path in job}
    names = [path.name for path in project.iterdir() if not path.name.startswith(".")]
    kept = [f"{folder}/{path}" for path in manifest.artefacts if path not in drawn]
    now = elsewhere.stat().st_mtime_ns
    for name in (*(name for name in names if name != "results"), *kept):
        link, target = elsewhere / name, (project / name).absolute()
        if target.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
            os.utime(link, ns=(now, now), follow_symlinks=False)
    return {path: manifest.artefacts[path].rule for path in sorted(drawn)}

import json
import gc
import os
import sys
from functools import cache, partial
from itertools import product
from pathlib import Path

import yaml

from snakemake.exceptions import WorkflowError

from dynsparse.configuration import (
    check_written,
    experts_folder,
    resolve,
    schedules_file,
    without_missing,
)
from dynsparse.errors import DynsparseError
from dynsparse.storage.files import check_writable
from dynsparse.running.compiling import quiet_surroundings
from dynsparse.running.locks import claim_study, join_study
from dynsparse.running.code_digests import environment_list, source_list
from dynsparse.study.items import ATLAS, ITEMS, ROBUSTNESS
from dynsparse.study.layout import ANY, POLICY_FILES, Study
from dynsparse.study.shipped import NAME as STATISTICS_LIST, check_shipped, with_shipped
from dynsparse.study.statistics import COMPARES, COUNTS, MERGES, described, describing
from dynsparse.suite import OWN, dataset_name, environment_names, mjcf_file, suite_of

# Before a job's interpreter loads anything.
quiet_surroundings()

# A tenth of the time in which a large study is planned goes into looking for garbage among jobs.
gc.set_threshold(100_000, 50, 100)

try:
    for path in workflow.configfiles:
        check_written(Path(path))
    resolve_study = partial(
        resolve,
        schema=yaml.load(
            Path(PROJECT, "workflow/schemas/config.schema.yaml").read_text(),
            yaml.CSafeLoader,
        ),
        environments=environment_names(),
    )
    # What is no text is refused as any other key.
    named = isinstance(config.get("statistics"), str)
    SHIPPED = Study(config, "", project=PROJECT).shipped if named else ""
    # In place: Snakemake holds on to this mapping.
    config.update(
        with_shipped(config, Path(SHIPPED), resolve_study)
        if SHIPPED
        else resolve_study(config)
    )
    experts_folder(config)
    if not SHIPPED:
        found, left_out = without_missing(config)
        config.update(found)
        if left_out and workflow.is_main_process:
            print(*left_out, sep="\n", file=sys.stderr)
except DynsparseError as error:
    # Not WorkflowError, around which Snakemake shows lines of this file.
    sys.exit(str(error))

RESULTS = f"results/{config['study']}"
SEEDS = config["seeds"]
STUDY = Study(config, RESULTS, project=PROJECT)
NAMES = STUDY.names
DATA = STUDY.data(ANY)
# The locked environment.
LOCK = str(Path(PROJECT, "envs/cpu.txt"))
# Experts that are trained in this study.
TRAINED = f"{RESULTS}/experts/"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"

OFFERED = [item for item in ITEMS.values() if item.offered(STUDY)]
# Everything a study makes for its reader.
WANTED = [
    *(path for item in OFFERED if not item.asked for path in item.wanted(STUDY)),
    *([] if SHIPPED else [f"{RESULTS}/verified"]),
]


# Jobs show that they are alive, so that a run after a killed one can wait for what it left.
if not workflow.is_main_process:
    joined = join_study(Path(".snakemake"), config["study"])


onstart:
    # This, and not Snakemake's own lock, keeps a second run away (workflow/profiles/default says why).
    try:
        check_writable(Path(RESULTS))
        workflow.globals["claimed"] = claim_study(
            Path(".snakemake"), config["study"]
        )
    except DynsparseError as error:
        raise WorkflowError(str(error))


wildcard_constraints:
    environment="[A-Za-z0-9-]+",
    behaviour="[a-z]+",
    seed=r"\d+",


def library(*modules):
    """A file that lists the library's sources behind ``modules``, with a digest of each.

    Imported code is invisible to Snakemake; with this as an input, an edit of a module reruns
    the stages that use it and a touch does not. One file, since Snakemake keeps every input of
    every job in memory.
    """
    return str(source_list(Path(".snakemake/library"), *modules))


def by_engine(**modules):
    """The same for what simulates an environment: modules for MJX, and for the C engine.

    The files are written now: Snakemake does not see what appears while it plans.
    """
    lists = {engine: library(*names) for engine, names in modules.items()}
    return lambda wildcards: lists[suite_of(full_name(wildcards)).dynamics]


def full_name(wildcards):
    """What the study calls an environment: dm_control:quadruped-walk is quadruped-walk in paths."""
    return NAMES[wildcards.environment]


def model_file(wildcards):
    """The file of an environment that is a bare model; others have none."""
    return mjcf_files(wildcards.environment)


def mjcf_files(environment):
    """The same, by its name in paths."""
    name = NAMES[environment]
    return [mjcf_file(name)] if suite_of(name).name == "mjcf" else []


def own_environment(wildcards):
    """The same of the package behind an environment of one's own; the suite's has no such list."""
    return own_environments((full_name(wildcards),))


@cache
def own_environments(names):
    """The lists behind those of some environments that are one's own."""
    try:
        return [
            str(environment_list(Path(".snakemake/library"), name))
            for name in names
            if suite_of(name) is OWN
        ]
    except DynsparseError as error:
        raise WorkflowError(str(error))


def shown(item):
    """The files of an item; one of them is in the report."""
    files = item.outputs(STUDY)
    labels = {"item": item.title}
    if item.per_case:
        labels |= {"environment": "{environment}", "behaviour": "{behaviour}"}
    shown = report(
        files[item.shown],
        caption=f"../report/{item.caption or item.name}.rst",
        category=item.section,
        subcategory=item.group.capitalize() or None,
        labels=labels,
    )
    return {**files, item.shown: shown}


def policy_file(wildcards):
    """The checkpoint behind a behaviour; a random one has none."""
    return policy(wildcards.environment, wildcards.behaviour, wildcards.seed)


def policy(environment, behaviour, seed):
    """The same, by names."""
    if behaviour == "random":
        return []
    path = f"{STUDY.expert(environment, seed)}/{POLICY_FILES[behaviour]}"
    if not (path.startswith(TRAINED) or Path(path).is_file()):
        raise WorkflowError(
            f"config: environments.{environment}: there is no {behaviour} for seed {seed}"
            f" ({path}); change policies.expert, or use random"
        )
    return path


def schedules(wildcards):
    """The study's file of training schedules, which only training needs: the user's own, or ours."""
    found = [
        root
        for root in ("", PROJECT)
        if Path(root, config["policies"]["schedules"]).is_file()
    ]
    root = Path(*found[:1])
    try:
        return str(root / schedules_file(config, root))
    except DynsparseError as error:
        raise WorkflowError(str(error))


# What is not there is told before anything is planned, and once.
if workflow.is_main_process:
    try:
        if SHIPPED:
            check_shipped(Path(SHIPPED), STUDY.shipping())
        else:
            needed = [
                policy(environment, behaviour, seed)
                for (environment, behaviour), seed in product(STUDY.cases, SEEDS)
            ]
            if any(path and path.startswith(TRAINED) for path in needed):
                schedules(None)
    except (DynsparseError, WorkflowError) as error:
        sys.exit(str(error))


def megabytes(base):
    """Memory that grows with each attempt, in MB; docs/cluster.md says what was measured."""
    return lambda wildcards, attempt: base * attempt


def minutes(base):
    """Time that grows with each attempt, in minutes."""
    return lambda wildcards, attempt: round(base * attempt)

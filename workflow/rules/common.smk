import json
import gc
import os
import sys
from functools import cache
from itertools import product
from pathlib import Path

import yaml

from snakemake.exceptions import WorkflowError

from dynsparse.configuration import (
    check_written,
    experts_folder,
    resolve,
    schedules_file,
)
from dynsparse.errors import DynsparseError
from dynsparse.files import check_writable
from dynsparse.running import claim_study, join_study
from dynsparse.sources import environment_list, source_list
from dynsparse.suite import SUITE, environment_names

# Quietens XLA, which warns about each compiled program that it takes from its cache. It has to
# be set before a job's interpreter loads it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A tenth of the time in which a large study is planned goes into looking for garbage among jobs.
gc.set_threshold(100_000, 50, 100)

ROOT = Path(workflow.basedir)
try:
    for path in workflow.configfiles:
        check_written(Path(path))
    # In place: Snakemake holds on to this mapping.
    config.update(
        resolve(
            config,
            yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text()),
            environment_names(),
        )
    )
    OWN_EXPERTS = experts_folder(config)
except DynsparseError as error:
    # Not WorkflowError, around which Snakemake shows lines of this file.
    sys.exit(str(error))

RESULTS = f"results/{config['study']}"
SEEDS = config["seeds"]
# Every (environment, behaviour) of the study, in the order of the config.
CASES = [
    (environment, behaviour)
    for environment, choices in config["environments"].items()
    for behaviour in choices["behaviours"]
]
DATA = f"{RESULTS}/data/{{environment}}/{{behaviour}}/seed-{{seed}}.h5"
STATISTICS = f"{RESULTS}/statistics/{{environment}}/{{behaviour}}/seed-{{seed}}"
MERGED = f"{RESULTS}/merged/{{environment}}/{{behaviour}}"
TABLES = f"{RESULTS}/tables"
FIGURES = f"{RESULTS}/figures"
SHIPPED = "resources/experts/{environment}/seed-{seed}"
TRAINED = f"{RESULTS}/experts/{{environment}}/seed-{{seed}}"
EXPERTS = {"shipped": SHIPPED, "trained": TRAINED}.get(OWN_EXPERTS, OWN_EXPERTS)
POLICY_FILES = {"expert": "policy.safetensors", "half": "half.safetensors"}
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"


# Jobs show that they are alive, so that a run after a killed one can wait for what it left.
if not workflow.is_main_process:
    joined = join_study(Path(".snakemake"), config["study"])


onstart:
    # This, and not Snakemake's own lock, keeps a second run away (profiles/default says why).
    try:
        check_writable(Path(RESULTS))
        workflow.globals["claimed"] = claim_study(
            Path(".snakemake"), config["study"]
        )
    except DynsparseError as error:
        raise WorkflowError(str(error))


wildcard_constraints:
    environment="[A-Za-z0-9]+",
    behaviour="[a-z]+",
    seed=r"\d+",


def library(*modules):
    """A file that lists the library's sources behind ``modules``, with a digest of each.

    Imported code is invisible to Snakemake; with this as an input, an edit of a module reruns
    the stages that use it and a touch does not. One file, since Snakemake keeps every input of
    every job in memory.
    """
    return str(source_list(Path(".snakemake/library"), *modules))


def own_environment(wildcards):
    """The same of the package behind an environment of one's own; the suite's has no such list."""
    return own_environments((wildcards.environment,))


@cache
def own_environments(names):
    """The lists behind those of some environments that are one's own."""
    try:
        return [
            str(environment_list(Path(".snakemake/library"), name))
            for name in names
            if name not in SUITE
        ]
    except DynsparseError as error:
        raise WorkflowError(str(error))


def each_case(pattern, **values):
    """``pattern`` for every environment and behaviour of the study."""
    return [
        path
        for environment, behaviour in CASES
        for path in expand(
            pattern, environment=environment, behaviour=behaviour, **values
        )
    ]


def policy_file(wildcards):
    """The checkpoint behind a behaviour; a random one has none."""
    return policy(wildcards.environment, wildcards.behaviour, wildcards.seed)


def policy(environment, behaviour, seed):
    """The same, by names."""
    if behaviour == "random":
        return []
    path = f"{EXPERTS}/{POLICY_FILES[behaviour]}".format(
        environment=environment, seed=seed
    )
    if EXPERTS != TRAINED and not (ROOT / path).is_file():
        raise WorkflowError(
            f"config: environments.{environment}: there is no {behaviour} for seed {seed}"
            f" ({path}); change policies.expert, or use random"
        )
    return path


def schedules(wildcards):
    """The study's file of training schedules, which only training needs."""
    try:
        return schedules_file(config, ROOT)
    except DynsparseError as error:
        raise WorkflowError(str(error))


# What is not there is told before anything is planned, and once.
if workflow.is_main_process:
    try:
        for (environment, behaviour), seed in product(CASES, SEEDS):
            policy(environment, behaviour, seed)
        if EXPERTS == TRAINED:
            schedules(None)
    except WorkflowError as error:
        sys.exit(str(error))


def megabytes(base):
    """Memory that grows with each attempt, in MB; docs/cluster.md says what was measured."""
    return lambda wildcards, attempt: base * attempt


def minutes(base):
    """Time that grows with each attempt, in minutes."""
    return lambda wildcards, attempt: round(base * attempt)


def each_training(kind):
    """The tables of one kind of all environments and losses."""
    return [
        path
        for environment, behaviour in LEARNING_CASES
        for path in expand(
            f"{LEARNED}/{{loss}}/{kind}.parquet",
            environment=environment,
            behaviour=behaviour,
            loss=LEARNING["losses"],
        )
    ]


def each_learning_case(pattern):
    """``pattern`` for every environment and behaviour that is learned."""
    return [
        path
        for environment, behaviour in LEARNING_CASES
        for path in expand(
            pattern, environment=environment, behaviour=behaviour, allow_missing=True
        )
    ]


def merged(statistic):
    """One merged statistic of every case, in the order of the config."""
    return each_case(f"{MERGED}/{statistic}.parquet")


def judged(study):
    """The merged statistics by which the claims are judged, of all cases of a study."""
    return [path.replace(RESULTS, study, 1) for name in JUDGED for path in merged(name)]


# Everything a study makes for its reader; the files of rules add themselves here.
ITEMS = []

import ast
import os
from pathlib import Path

import yaml

from snakemake.exceptions import WorkflowError

from dynsparse.configuration import check_configuration
from dynsparse.errors import DynsparseError
from dynsparse.suite import SUITE

# Quietens XLA, which warns about each compiled program that it takes from its cache. It has to
# be set before a job's interpreter loads it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(workflow.basedir)
try:
    check_configuration(
        config,
        yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text()),
        SUITE,
    )
except DynsparseError as error:
    raise WorkflowError(str(error))

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
EXPERTS = SHIPPED if config["policies"]["expert"] == "shipped" else TRAINED
POLICY_FILES = {"expert": "policy.safetensors", "half": "half.safetensors"}
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"


wildcard_constraints:
    environment="[A-Za-z0-9]+",
    behaviour="[a-z]+",
    seed=r"\d+",


def library(*modules):
    """Source files of library modules and of all they import from the library.

    Imported code is invisible to Snakemake; as inputs, an edit reruns the stages that use it.
    """
    package, found, queue = (
        ROOT / "src/dynsparse",
        set(),
        [f"dynsparse.{m}" for m in modules],
    )
    while queue:
        path = package.joinpath(*queue.pop().split(".")[1:])
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if source in found or not source.is_file():
            continue
        found.add(source)
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "dynsparse"
            ):
                queue += [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
    return sorted(os.path.relpath(path) for path in found)


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
    if wildcards.behaviour == "random":
        return []
    path = f"{EXPERTS}/{POLICY_FILES[wildcards.behaviour]}".format(**wildcards)
    if EXPERTS == SHIPPED and not (ROOT / path).is_file():
        raise WorkflowError(
            f"config: environments.{wildcards.environment}: no {wildcards.behaviour} is shipped for"
            f" seed {wildcards.seed} ({path}); set policies.expert to trained, or use random"
        )
    return path


def megabytes(base):
    """Memory that grows with each attempt, in MB."""
    return lambda wildcards, attempt: base * attempt


# Everything a study makes for its reader; the files of rules add themselves here.
ITEMS = []

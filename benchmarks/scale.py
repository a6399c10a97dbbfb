"""What a study takes: jobs, hours, storage and wall time, from measured rates.

    python benchmarks/scale.py [--configfile config/paper.yaml] [--workers 1 8 80]
    python benchmarks/scale.py --environments 100 --seeds 100

Prints Markdown. The jobs are counted by a dry run of the workflow; hours and storage come from
benchmarks/rates.csv, which holds one row per device and environment. One without a row is counted
as the slowest that has one. ``--environments`` and ``--seeds`` enlarge the study in
proportion: the suite has 25 environments, so a hundred of them are taken to be the study's, again.
"""

import argparse
import csv
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dynsparse.configuration import resolve
from dynsparse.study.layout import Study
from dynsparse.suite import environment_names

ROOT = Path(__file__).parents[1]
# Jobs of a cluster wait, start and are asked after: measured on a one-node Slurm with nothing
# else in its queue, 20 to 28 s (docs/cluster.md).
OVERHEAD_S = 25
HOUR_S = 3600


@dataclass(frozen=True)
class Rate:
    """What one environment takes on one device, measured (benchmarks/rates.csv)."""

    compile_s: float
    collect_samples_per_s: float
    train_s: float
    bytes_per_sample: float


@dataclass(frozen=True)
class Cost:
    """What a study takes, in all."""

    jobs: dict[str, int]
    longest_h: float
    worker_h: float
    storage_gb: float


def main() -> None:
    """Print a table for each device."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configfile", type=Path, default=ROOT / "config/paper.yaml")
    parser.add_argument("--environments", type=int, help="as if there were so many")
    parser.add_argument("--seeds", type=int, help="as if there were so many")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 80])
    arguments = parser.parse_args()
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    study = resolve(yaml.safe_load(arguments.configfile.read_text()), schema, environment_names())
    size = len(study["environments"]), len(study["seeds"])
    factor = (arguments.environments or size[0]) / size[0], (arguments.seeds or size[1]) / size[1]
    jobs = planned_jobs(arguments.configfile)
    for device, rates in read_rates().items():
        print_table(device, cost(study, rates, jobs, *factor), arguments.workers)


def read_rates() -> dict[str, dict[str, Rate]]:
    """Device -> environment -> what was measured."""
    devices: dict[str, dict[str, Rate]] = {}
    with (ROOT / "benchmarks/rates.csv").open() as stream:
        for row in csv.DictReader(stream):
            names = Rate.__dataclass_fields__
            rate = Rate(**{name: float(row[name]) for name in names})
            devices.setdefault(row["device"], {})[row["environment"]] = rate
    return devices


def planned_jobs(configfile: Path) -> dict[str, int]:
    """How many jobs of each rule the workflow plans, whatever has been computed."""
    command = ["snakemake", "--configfile", str(configfile), "--dry-run", "--forceall"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    table = re.search(
        r"^Job stats:\n.*?\n-.*?\n(.*?)^total ", output.stdout + output.stderr, re.M | re.S
    )
    if table is None:
        raise SystemExit(f"no jobs counted:\n{output.stdout}{output.stderr}")
    return {rule: int(count) for rule, count in (line.split() for line in table[1].splitlines())}


def cost(
    study: Mapping[str, Any],
    rates: Mapping[str, Rate],
    jobs: Mapping[str, int],
    environments: float,
    seeds: float,
) -> Cost:
    """Expected cost of collection and training, which are nearly all of it.

    Args:
        study: the configuration.
        rates: of each environment that was measured.
        jobs: of each rule, of the study as it is configured.
        environments: by which factor there are more environments.
        seeds: by which factor there are more seeds.
    """
    samples = study["collection"]["episodes"] * study["collection"]["steps"]
    trained = _trained(study)
    slowest = min(rates.values(), key=lambda rate: rate.collect_samples_per_s)
    each = [rates.get(name, slowest) for name in study["environments"]]
    chains = [
        rate.compile_s + samples / rate.collect_samples_per_s + trained * rate.train_s
        for rate in each
    ]
    count = len(study["seeds"]) * seeds * environments
    stored = sum(rate.bytes_per_sample for rate in each) * samples * count
    grown = {rule: round(n * _growth(n, study, environments, seeds)) for rule, n in jobs.items()}
    return Cost(grown, max(chains) / HOUR_S, sum(chains) * count / HOUR_S, stored / 1e9)


def _trained(study: Mapping[str, Any]) -> float:
    """The share of experts that the study trains; the others are there."""
    layout = Study(study, "study", project=str(ROOT))
    experts = [
        layout.expert(name, seed) for name in study["environments"] for seed in study["seeds"]
    ]
    return sum(path.startswith("study/") for path in experts) / len(experts)


def _growth(count: int, study: Mapping[str, Any], environments: float, seeds: float) -> float:
    """By how much the jobs of a rule grow: one per seed, one per environment, or one."""
    cases = len(study["environments"])
    if count >= cases * len(study["seeds"]):
        return environments * seeds
    return environments if count >= cases else 1


def print_table(device: str, cost: Cost, workers: list[int]) -> None:
    """Print what a study takes on one kind of device."""
    jobs = sum(cost.jobs.values())
    print(f"\n{jobs} jobs, {cost.storage_gb:.0f} GB of datasets; a worker is: {device}\n")
    print("| workers | worker hours | wall time, hours |\n|---|---|---|")
    for count in workers:
        computing = max(cost.worker_h / count, cost.longest_h)
        waiting = jobs * OVERHEAD_S / HOUR_S / count
        print(f"| {count} | {cost.worker_h:.1f} | {computing + waiting:.1f} |")


if __name__ == "__main__":
    main()

"""Experts and datasets are shared through Snakemake's cache, and never the wrong ones.

Jobs are stood in for by scripts that write down what they were asked for: here it matters only
which of them run, and who gets which file. The real ones go through a cache in tests/cluster.
"""

import json

import pytest
from projects import copy_project

WRITES = """
import json, os, time
from pathlib import Path

time.sleep(float(os.environ.get("SLOW_S", "0")))
params = {name: value for name, value in snakemake.params.items()}
for path in snakemake.output:
    Path(path).write_text(json.dumps(params))
Path(snakemake.log.timing).write_text("ran")
"""
BOTH = {"train_expert", "collect_jacobians"}
STUDY = {
    "environments": {name: {"behaviours": ["expert"]} for name in ("CartpoleBalance", "BallInCup")},
    "policies": {"expert": "trained", "schedules": "resources/experts/schedules.yaml"},
}


class Checkout:
    """A copy of the project whose experts and datasets are a few words each."""

    def __init__(self, root, cache, **changes):
        self.project = copy_project(root).variant(**{**STUDY, **changes})
        for script in BOTH:
            (root / f"workflow/scripts/{script}.py").write_text(WRITES)
        self.cache = {"SNAKEMAKE_OUTPUT_CACHE": str(cache)}
        study = {**STUDY, **changes}
        self.data = {
            (name, seed): self.project.results / f"data/{name}/expert/seed-{seed}.h5"
            for name in study["environments"]
            for seed in study.get("seeds", [0])
        }

    def targets(self):
        return [str(path.relative_to(self.project.root)) for path in self.data.values()]

    def edit(self, path):
        with (self.project.root / path).open("a") as stream:
            stream.write("\n# An edit.\n")

    def run(self):
        """Make the datasets; which rules had to compute."""
        self.project.snakemake(*self.targets(), **self.cache)
        # Snakemake touches the logs, timings among them, of jobs that it takes from the cache.
        timings = self.project.results.glob("benchmarks/*/**/*.tsv")
        written = [path for path in timings if path.stat().st_size]
        return {path.relative_to(self.project.results).parts[1] for path in written}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache that a first checkout has filled."""
    folder = tmp_path_factory.mktemp("cache")
    first = Checkout(tmp_path_factory.mktemp("first"), folder)
    assert first.run() == BOTH
    assert all(path.is_symlink() for path in first.data.values())
    return folder


def test_a_second_checkout_computes_neither(cache, tmp_path):
    assert Checkout(tmp_path, cache).run() == set()


def test_another_study_computes_neither(cache, tmp_path):
    assert Checkout(tmp_path, cache, study="other").run() == set()


def test_every_environment_gets_its_own_file(cache, tmp_path):
    second = Checkout(tmp_path, cache)
    second.run()
    for (environment, seed), path in second.data.items():
        asked = json.loads(path.read_text())
        assert (asked["environment"], asked["seed"]) == (environment, str(seed))
        expert = second.project.results / f"experts/{environment}/seed-{seed}/policy.safetensors"
        assert json.loads(expert.read_text())["environment"] == environment


MISSES = {
    "another environment": ({"environments": {"FingerSpin": {"behaviours": ["expert"]}}}, BOTH),
    "another seed": ({"seeds": [1]}, BOTH),
    "another method": ({"jacobian": {"method": "unrolled"}}, {"collect_jacobians"}),
}


@pytest.mark.parametrize("what", MISSES)
def test_another_question_is_computed(cache, tmp_path, what):
    changes, computed = MISSES[what]
    assert Checkout(tmp_path, cache, **changes).run() == computed


EDITS = {
    "envs/cpu.txt": BOTH,
    "src/dynsparse/collection.py": {"collect_jacobians"},
    "src/dynsparse/dataset/writer.py": {"collect_jacobians"},
    # A dataset is known by how its expert was made.
    "src/dynsparse/policies/training.py": BOTH,
    "src/dynsparse/figures/style.py": set(),
}


@pytest.mark.parametrize("path", EDITS)
def test_an_edit_of_what_it_was_made_with_is_computed(cache, tmp_path, path):
    checkout = Checkout(tmp_path, cache)
    checkout.edit(path)
    assert checkout.run() == EDITS[path]


def test_two_runs_fill_one_cache_at_once(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    pair = [Checkout(tmp_path / name, cache) for name in "ab"]
    slow = {"SLOW_S": "2"}
    running = [one.project.start(*one.targets(), **one.cache, **slow) for one in pair]
    outputs = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    for mine, other in zip(*(one.data.values() for one in pair), strict=True):
        assert mine.resolve() == other.resolve()
    for (environment, _), path in pair[0].data.items():
        assert json.loads(path.read_text())["environment"] == environment
    assert Checkout(tmp_path / "c", cache).run() == set()


def test_without_the_variable_nothing_is_shared(cache, tmp_path):
    alone = Checkout(tmp_path, cache)
    alone.cache = {"SNAKEMAKE_OUTPUT_CACHE": ""}
    assert alone.run() == BOTH
    assert not any(path.is_symlink() for path in alone.data.values())

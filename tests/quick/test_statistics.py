"""The registry of statistics: every entry is counted by what it names, and merged by its kind."""

import re

import numpy as np
import pytest
from sparsity_fakes import fake_dataset, fake_episode

from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.patterns import open_patterns
from dynsparse.sparsity.scan import scan
from dynsparse.storage.tables import read_table, write_table
from dynsparse.study.counting import count
from dynsparse.study.layout import ANY, Study
from dynsparse.study.making import named
from dynsparse.study.statistics import PER_SEED, STATISTICS, Statistic


@pytest.fixture(scope="module")
def patterns(tmp_path_factory):
    """Files of the zero patterns of two seeds."""
    folder = tmp_path_factory.mktemp("patterns")
    paths = []
    for seed in (0, 1):
        jacobian = np.random.default_rng(seed).integers(0, 2, (40, 2, 2)).astype(float)
        dataset = fake_dataset([fake_episode(0, jacobian)], seed=seed)
        paths.append(folder / f"{seed}.parquet")
        scan(dataset, [1e-12], 1e-12, paths[-1])
    return paths


@pytest.mark.parametrize("statistic", STATISTICS.values(), ids=STATISTICS)
def test_a_statistic_is_what_its_functions_count(statistic, patterns, tmp_path):
    mine = patterns[:1] if statistic.per_seed else patterns
    outputs = {kind: tmp_path / f"{kind}.parquet" for kind in statistic.outputs(Study({}, ""))}
    count(mine, outputs, **statistic.job)
    for kind, function in statistic.counts.items():
        tables = []
        for path in mine:
            with open_patterns(path) as seed:
                tables.append(named(function)(seed))
        expected = tables[0] if statistic.per_seed else merge_seeds(tables)
        assert read_table(outputs[kind], kind).equals(expected)
        assert len(expected)
    for kind in statistic.compares:
        assert len(read_table(outputs[kind], kind))


def test_a_new_statistic_is_one_entry(patterns, tmp_path):
    """Its rule, its files and what a job of it depends on follow."""
    new = Statistic("measure_more", {"more": "sparsity.steps:measure_steps"})
    assert new.outputs(Study({}, "results/x"))["more"].startswith("results/x/statistics/")
    assert new.modules == ["sparsity.steps", "study.counting"]
    count(patterns[:1], {"more": tmp_path / "more.parquet"}, **new.job)
    with open_patterns(patterns[0]) as seed:
        write_table(named("sparsity.steps:measure_steps")(seed), tmp_path / "steps.parquet")
    assert (tmp_path / "more.parquet").read_bytes() == (tmp_path / "steps.parquet").read_bytes()


def test_kinds_are_one_word_each_and_belong_to_one_job():
    kinds = [*PER_SEED, *(kind for s in STATISTICS.values() for kind in s.outputs(Study({}, "")))]
    assert all(re.fullmatch("[a-z_]+", kind) for kind in kinds)
    assert len(set(PER_SEED)) == len(PER_SEED)
    of_case = STATISTICS["describe_patterns"].outputs(Study({}, "x"), ANY)
    assert not set(of_case) & set(PER_SEED)

"""The registry of statistics: every entry is counted by what it names, and merged by its kind."""

import re
from contextlib import ExitStack

import numpy as np
import pytest
from sparsity_fakes import fake_dataset, fake_episode

from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.patterns import open_patterns
from dynsparse.sparsity.scan import Counts, scan
from dynsparse.storage.tables import read_table, write_table
from dynsparse.study import statistics
from dynsparse.study.counting import count
from dynsparse.study.layout import Case, Study
from dynsparse.study.making import named
from dynsparse.study.merging import merge
from dynsparse.study.statistics import COMPARES, COUNTS, MERGES, described, describing


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


@pytest.fixture(scope="module")
def counted(patterns, tmp_path_factory):
    """The tables that one job counts of both."""
    folder = tmp_path_factory.mktemp("counted")
    outputs = {kind: folder / f"{kind}.parquet" for kind in described(Study({}, ""))}
    count(patterns, outputs, COUNTS, COMPARES)
    return outputs


@pytest.mark.parametrize("kind", COUNTS)
def test_a_statistic_is_what_its_function_counts_in_each_seed(kind, patterns, counted):
    tables = []
    for path in patterns:
        with open_patterns(path) as seed:
            tables.append(named(COUNTS[kind])(seed))
    table = read_table(counted[kind], kind)
    assert table.equals(merge_seeds(tables))
    assert len(table)


@pytest.mark.parametrize("kind", COMPARES)
def test_what_compares_takes_all_seeds(kind, patterns, counted):
    with ExitStack() as stack:
        seeds = [stack.enter_context(open_patterns(path)) for path in patterns]
        expected = named(COMPARES[kind])(seeds)
    table = read_table(counted[kind], kind)
    assert table.equals(expected)
    assert len(table)


def test_a_new_statistic_is_one_entry(patterns, tmp_path, monkeypatch):
    """Its file, and what the job that counts it depends on, follow."""
    monkeypatch.setattr(statistics, "COUNTS", {"more": "sparsity.steps:measure_steps"})
    monkeypatch.setattr(statistics, "COMPARES", {})
    assert described(Study({}, "results/x"), Case("E", "random")) == {
        "more": "results/x/merged/E/random/more.parquet"
    }
    assert describing() == ["sparsity.steps", "study.counting"]
    count(patterns[:1], {"more": tmp_path / "more.parquet"}, statistics.COUNTS, {})
    with open_patterns(patterns[0]) as seed:
        write_table(merge_seeds([named("sparsity.steps:measure_steps")(seed)]), tmp_path / "steps")
    assert (tmp_path / "more.parquet").read_bytes() == (tmp_path / "steps").read_bytes()


def test_what_is_merged_is_merged_by_its_kind(patterns, tmp_path):
    parts = []
    for number, path in enumerate(patterns):
        with open_patterns(path) as seed:
            parts.append(tmp_path / f"{number}.parquet")
            write_table(named("sparsity.steps:measure_steps")(seed), parts[-1])
    merge({"steps": parts}, {"steps": tmp_path / "merged.parquet"})
    expected = merge_seeds([read_table(path, "steps") for path in parts])
    assert read_table(tmp_path / "merged.parquet", "steps").equals(expected)


def test_what_is_merged_of_the_scan_is_what_it_counts():
    assert MERGES["merge_patterns"] == Counts._fields


def test_kinds_are_one_word_each_and_belong_to_one_job():
    kinds = [*described(Study({}, "")), *(kind for kinds in MERGES.values() for kind in kinds)]
    assert all(re.fullmatch("[a-z_]+", kind) for kind in kinds)
    assert len(set(kinds)) == len(kinds)

"""Tables of planted data, beside the published numbers."""

import csv
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sparsity_fakes import count_elements, fake_dataset, fake_episode, steps_of

from dynsparse.errors import DynsparseError
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.storage.tables import read_table, with_metadata
from dynsparse.study.items import TABLE_1, TABLE_A1_1
from dynsparse.tables import table_1 as first
from dynsparse.tables import table_a1_1 as returns
from dynsparse.tables.published import read_published
from dynsparse.tables.writing import markdown, write_item

PAPER = Path(__file__).parents[2] / "resources" / "paper"


def published_table_1():
    return read_published(PAPER / "table_1.csv", TABLE_1)


def planted_elements(environment="ReacherHard", seeds=2):
    """200 samples a seed; (1, 0) always zero, (0, 1) zero in all but one sample of seed 0."""
    tables = []
    for seed in range(seeds):
        jacobian = np.ones((200, 2, 2))
        jacobian[:, 1, 0] = 0.0
        jacobian[:, 0, 1] = 0.0
        if seed == 0:
            jacobian[17, 0, 1] = 1.0
        ok = np.arange(200) != 5
        episode = fake_episode(0, jacobian, ok=ok)
        dataset = fake_dataset([episode], environment=environment, seed=seed)
        tables.append(count_elements(dataset, [1e-12, 10.0]))
    return merge_seeds(tables)


def test_table_1_counts_elements_that_are_always_zero():
    (row,) = first.table_1([planted_elements()], published_table_1(), 1e-12).to_pylist()
    assert row == {
        "environment": "ReacherHard",
        "behaviour": "random",
        "seeds": 2,
        "samples": 398,
        "state_dim": 2,
        "action_dim": 1,
        "state_zero_elements": 1,
        "state_zero_percent": 25.0,
        "action_zero_elements": 1,
        "paper_state_zero_elements": 3,
        "paper_state_zero_percent": 18.75,
        "paper_action_zero_elements": 0,
        "difference_state_zero_elements": -2,
        "almost_zero_elements": "d(qpos:joint)/d(qvel:joint) nonzero in 1",
        "excluded_samples": 2,
    }


def test_table_1_of_an_environment_that_the_paper_lacks():
    (row,) = first.table_1([planted_elements("HopperHop")], published_table_1(), 10.0).to_pylist()
    assert row["state_zero_elements"] == 4
    assert row["almost_zero_elements"] == ""
    assert row["paper_state_zero_elements"] is None
    assert row["difference_state_zero_elements"] is None


def test_table_1_without_a_sample_claims_nothing():
    empty = count_elements(fake_dataset([]), [1e-12])
    (row,) = first.table_1([empty], {}, 1e-12).to_pylist()
    assert (row["samples"], row["state_zero_elements"], row["action_zero_elements"]) == (0, 0, 0)


def test_a_threshold_that_was_not_counted_is_an_error():
    with pytest.raises(DynsparseError, match="threshold 1e-06 was not counted for ReacherHard"):
        first.table_1([planted_elements()], {}, 1e-6)


def test_table_a1_1_returns():
    seeds = []
    for seed, rewards in enumerate([(0.5, 0.5), (1.0, 0.0)]):
        episodes = [
            fake_episode(i, np.ones((100, 2, 2)), reward=np.full(100, reward))
            for i, reward in enumerate(rewards)
        ]
        dataset = fake_dataset(episodes, environment="CheetahRun", seed=seed)
        seeds.append(steps_of(dataset, 1e-12))
    published = read_published(PAPER / "table_a1_1.csv", TABLE_A1_1)
    (row,) = returns.table_a1_1([merge_seeds(seeds)], published).to_pylist()
    assert (row["seeds"], row["episodes"], row["steps_per_episode"]) == (2, 4, 100.0)
    assert row["mean_return"] == pytest.approx(50.0)
    assert row["std_return"] == pytest.approx(np.std([50, 50, 100, 0], ddof=1))
    assert row["mean_return_per_1000_steps"] == pytest.approx(500.0)
    assert row["difference"] == pytest.approx(500.0 - 351.75)


def test_published_numbers_are_all_there():
    table = published_table_1()
    assert len(table) == 8
    assert table["SwimmerSwimmer6"]["state_zero_elements"] == 30


def test_a_bad_file_of_published_numbers_is_one_line(tmp_path):
    path = tmp_path / "table_1.csv"
    with pytest.raises(DynsparseError, match="cannot be read"):
        read_published(path, ["x"])
    path.write_text("environment,y\nA,1\n")
    with pytest.raises(DynsparseError, match="has no column 'x'"):
        read_published(path, ["x"])
    path.write_text("environment,x\nA,many\n")
    with pytest.raises(DynsparseError, match="not a number"):
        read_published(path, ["x"])


def test_the_three_formats_hold_the_same(tmp_path):
    table = first.table_1([planted_elements(), planted_elements("New")], published_table_1(), 1e-12)
    write_item(table, tmp_path / "tables" / "table_1.parquet")
    assert read_table(tmp_path / "tables" / "table_1.parquet", "table_1").equals(table)
    with (tmp_path / "tables" / "table_1.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["environment"] for row in rows] == ["ReacherHard", "New"]
    assert [row["paper_state_zero_percent"] for row in rows] == ["18.75", ""]
    text = (tmp_path / "tables" / "table_1.md").read_text()
    assert text == markdown(table)
    heading, _, reacher, new = (line.split("|")[1:-1] for line in text.splitlines())
    assert heading[8].strip() == "action zero elements"
    assert reacher[7].strip() == "25.00"
    assert new[9].strip() == "-"
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {
        "table_1.parquet",
        "table_1.csv",
        "table_1.md",
    }


NAMES = (
    "a|b",
    "$x_{bad$",
    "<b>hö&he|",
    "*bold* _it_ `code` ~~",
    "back\\slash",
    "x, y",
    '"q"',
    "a_b",
)


def test_names_go_through_csv_and_markdown_unharmed(tmp_path):
    table = with_metadata(pa.table({"name": pa.array(NAMES)}), "names", sources=[])
    write_item(table, tmp_path / "names.parquet")
    assert read_table(tmp_path / "names.parquet", "names")["name"].to_pylist() == list(NAMES)
    with (tmp_path / "names.csv").open(newline="", encoding="utf-8") as stream:
        assert [row["name"] for row in csv.DictReader(stream)] == list(NAMES)
    lines = (tmp_path / "names.md").read_text(encoding="utf-8").splitlines()[2:]
    for name, line in zip(NAMES, lines, strict=True):
        cell = line.removeprefix("|").removesuffix("|").strip()
        # As CommonMark reads it: a backslash before punctuation is not shown.
        assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cell) == name
        assert not re.search(r"(?<!\\)[|<$*`&~]", cell)
    assert "a_b" in lines[-1]


def test_an_empty_table_is_still_a_table():
    assert "environment" in markdown(pa.table({"environment": pa.array([], pa.string())}))

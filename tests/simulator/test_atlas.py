"""The atlas: rows of planted environments, told by hand."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sparsity_fakes import count_elements, fake_dataset, fake_episode, packed, steps_of
from test_tables_verification import replayed, samples

from dynsparse.figures.figure_atlas import figure_atlas
from dynsparse.sparsity.information import measure_information
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.occurrences import count_occurrences
from dynsparse.sparsity.strides import measure_strides
from dynsparse.sparsity.structure import SCHEMA as STRUCTURE
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.table_atlas import MODEL, table_atlas

NAMES = ("CartpoleBalance", "AlsoMine")
STEPS = 100
LEVELS = [1e-12, 1e-9, 1e-8, 1e-7]


def planted(environment, density):
    """Element (0, 0) is never nonzero, and (0, 1) is whenever something touches: every fifth."""
    jacobian = np.full((STEPS, 2, 2), density)
    touching = np.arange(STEPS) % 5 == 0
    jacobian[:, 0, 0] = 0
    jacobian[~touching, 0, 1] = 0
    contact = np.stack([touching, np.zeros(STEPS, bool), np.zeros(STEPS, bool)], axis=1)
    return fake_dataset(
        [fake_episode(0, jacobian, action_jacobian=np.ones((STEPS, 2, 1)), contact=contact)],
        environment=environment,
    )


def proved():
    rows = [
        {
            "environment": name,
            "jacobian": jacobian,
            "row": row,
            "column": column,
            "structural": name == NAMES[0] and (jacobian, row, column) == ("state", 0, 0),
            "noticed_by": "",
        }
        for name in NAMES
        for jacobian, columns in (("state", 2), ("action", 1))
        for row in range(2)
        for column in range(columns)
    ]
    counts = {"states": 2, "actions": 1, **dict.fromkeys(MODEL, 0)}
    suites = zip(NAMES, ("playground", "own"), strict=True)
    models = {name: {"suite": suite, **counts} for name, suite in suites}
    table = pa.Table.from_pylist(rows, schema=STRUCTURE)
    return with_metadata(table, "structure", sources=sorted(NAMES), models=models)


@pytest.fixture(scope="module")
def given():
    # In the second, all that is not at (0, 0) or (0, 1) is zero as well.
    data = [planted(NAMES[0], 1.0), planted(NAMES[1], 0.0)]
    patterns = [packed(each) for each in data]
    return {
        "elements": [merge_seeds([count_elements(each, [1e-12])]) for each in data],
        "steps": [merge_seeds([steps_of(each)]) for each in data],
        "strides": [merge_seeds([measure_strides(each)]) for each in patterns],
        "occurrences": [merge_seeds([count_occurrences(each)]) for each in patterns],
        "information": [measure_information([each]) for each in patterns],
        "samples": [samples([1e-9, 1e-8]), samples([1e-9, 1.0])],
        "replays": [replayed(), replayed()],
        "structure": proved(),
        "threshold": 1e-12,
    }


def test_the_sparsest_is_the_first(given):
    assert table_atlas(**given)["environment"].to_pylist() == [NAMES[1], NAMES[0]]


def test_a_row_says_what_was_planted(given):
    row = table_atlas(**given).to_pylist()[1]
    assert (row["suite"], row["states"], row["actions"], row["samples"]) == (
        "playground",
        2,
        1,
        100,
    )
    assert (row["structural_percent"], row["always_zero_percent"]) == (25, 25)
    assert row["contingent_percent"] == 0
    # One of four in a fifth of the steps, else two of four.
    assert row["mean_percent"] == pytest.approx(0.2 * 25 + 0.8 * 50)
    assert (row["low_percent"], row["high_percent"]) == (25, 50)
    assert row["touching_percent"] == pytest.approx(20)
    assert (row["mean_touching_percent"], row["mean_apart_percent"]) == (25, 50)
    assert (row["patterns"], row["patterns_of_90_percent"]) == (2, 2)
    assert row["told_by_contacts_percent"] == pytest.approx(100)
    # (0, 1) is zero for four steps between touches; the run that the end cuts is as long.
    assert (row["zero_median_steps"], row["zero_median_s"]) == (4, pytest.approx(0.08))
    assert (row["method"], row["share_right"], row["largest_error"]) == ("unrolled", 1, 1e-8)


def test_what_is_zero_in_all_samples_and_not_proved_is_contingent(given):
    row = table_atlas(**given).to_pylist()[0]
    assert (row["suite"], row["structural_percent"], row["contingent_percent"]) == ("own", 0, 100)
    assert (row["patterns"], row["told_by_contacts_percent"]) == (1, None)
    assert row["share_right"] == 0.5


def test_the_picture_has_a_line_and_a_name_for_each_environment(given):
    figure = figure_atlas(**given)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        f"{name} (random, 2)" for name in NAMES
    ]
    bars = [bar.get_width() for bar in axes.patches]
    assert bars == [25, 100, 25, 0]
    means = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert means == pytest.approx([45, 100])


def by_differences(given):
    """The second environment by differences: one element never known, one in a tenth of samples."""
    (episode,) = planted(NAMES[1], 0.0).episodes()
    known = np.ones((STEPS, 2, 3), bool)
    known[:, 0, 1] = False
    known[10:, 1, 0] = False
    jacobian = episode.state_jacobian.copy()
    jacobian[:20, 1, 1] = 3e-9
    never = np.zeros(STEPS, bool)
    changes = {"state_jacobian": jacobian, "jacobian_element_ok": known, "jacobian_ok": never}
    own = fake_dataset([replace(episode, **changes)], environment=NAMES[1])
    patterns = packed(own)
    mine = {
        "elements": merge_seeds([count_elements(own, LEVELS)]),
        "steps": merge_seeds([steps_of(own)]),
        "strides": merge_seeds([measure_strides(patterns)]),
        "occurrences": merge_seeds([count_occurrences(patterns)]),
        "information": measure_information([patterns]),
        "samples": samples([1e-9, 1e-8], method=["mujoco_c"] * 2),
    }
    changed = {name: [given[name][0], table] for name, table in mine.items()}
    changed["elements"][0] = merge_seeds([count_elements(planted(NAMES[0], 1.0), LEVELS)])
    return {**given, **changed, "threshold": 1e-8}


def test_what_is_not_known_counts_neither_as_zero_nor_as_nonzero(given):
    told = by_differences(given)
    row = {row["environment"]: row for row in table_atlas(**told).to_pylist()}[NAMES[1]]
    # Of four elements one is never known; the others are zero wherever they are known.
    assert (row["mean_percent"], row["always_zero_percent"]) == (100, 100)
    assert row["known_percent"] == pytest.approx(100 * (100 + 10 + 100) / 400)
    assert row["undecided_percent"] == pytest.approx(100 * 20 / 210)
    assert (row["whole_percent"], row["samples"], row["low_percent"]) == (0, 100, None)
    assert row["method"] == "mujoco_c"
    (axes,) = figure_atlas(**told).axes
    assert len([line for line in axes.lines if line.get_marker() == "o"]) == 2


def test_an_environment_without_a_finite_sample_is_the_last(given):
    nowhere = dict(given)
    nowhere["steps"] = [table_without_samples(given["steps"][0]), given["steps"][1]]
    nowhere["elements"] = [table_without_counts(given["elements"][0]), given["elements"][1]]
    rows = table_atlas(**nowhere).to_pylist()
    assert [row["environment"] for row in rows] == [NAMES[1], NAMES[0]]
    assert rows[1]["mean_percent"] is rows[1]["low_percent"] is None
    # What the model proves is zero without any sample, and all that there is to say.
    assert (rows[1]["structural_percent"], rows[1]["known_percent"]) == (100, 0)
    (axes,) = figure_atlas(**nowhere).axes
    assert len([line for line in axes.lines if line.get_marker() == "o"]) == 1


def table_without_samples(steps):
    none = pa.array([False] * steps.num_rows)
    return steps.set_column(steps.column_names.index("jacobian_ok"), "jacobian_ok", none)


def table_without_counts(elements):
    none = pa.array([0] * elements.num_rows)
    for name in ("zeros", "samples"):
        elements = elements.set_column(elements.column_names.index(name), name, none)
    return elements

"""The published cells beside ours, and what they depend on."""

from pathlib import Path

import numpy as np
import pytest
from sparsity_fakes import count_elements, fake_dataset, fake_episode, packed

from dynsparse.errors import DynsparseError
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.occurrences import count_occurrences
from dynsparse.tables.published import read_cells
from dynsparse.tables.table_figure_3 import table_figure_3, table_figure_3_groups

CELLS = Path(__file__).parents[2] / "resources/paper/figure_3.csv"
PUBLISHED = {("Twolink", row, column): 0.0 for row in (0, 1) for column in (0, 1)}
PUBLISHED |= {("Twolink", 0, 1): 85.0, ("Other", 0, 0): 3.0}


def planted(seed):
    """One element is zero while nothing touches, of another also where the limit acts."""
    steps = np.arange(100)
    contact = np.zeros((100, 3), bool)
    contact[:40, seed] = True
    state = np.ones((100, 2, 2))
    state[40:, 0, 1] = 0
    state[40:, 1, 0] = steps[40:] % 5 == 0  # the fakes' limit acts in every fifth step
    return fake_dataset([fake_episode(0, state, contact=contact)], seed=seed)


@pytest.fixture(scope="module")
def tables():
    data = [planted(seed) for seed in (0, 1)]
    elements = merge_seeds([count_elements(each, [1e-12]) for each in data])
    return elements, merge_seeds([count_occurrences(packed(each)) for each in data])


def test_a_cell_is_explained_by_what_touches(tables):
    table = table_figure_3([tables[0]], [tables[1]], PUBLISHED, 1e-12)
    cells = {(row["row"], row["column"]): row for row in table.to_pylist()}
    assert len(cells) == 4
    apart, limited = cells[0, 1], cells[1, 0]
    assert (apart["paper_percent_zero"], apart["percent_zero"]) == (85, 60)
    assert apart["by_seed"] == "60, 60"
    names = ("touching", "apart_at_limit", "apart")
    assert [apart[f"percent_zero_{name}"] for name in names] == [0, 100, 100]
    assert [limited[f"percent_zero_{name}"] for name in names] == [0, 0, 100]
    assert limited["percent_zero"] == 48


def test_cells_of_one_published_number_stand_together(tables):
    groups = table_figure_3_groups([tables[0]], [tables[1]], PUBLISHED, 1e-12)
    never, often = groups.to_pylist()
    assert (never["paper_percent_zero"], never["cells"], never["equal_cells"]) == (0, 3, 2)
    assert (never["lowest_percent_zero"], never["highest_percent_zero"]) == (0, 48)
    assert (often["cells"], often["equal_cells"], often["columns"]) == (1, 0, "qvel:joint")
    shares = [often[f"samples_percent_{k}"] for k in ("touching", "apart_at_limit", "apart")]
    assert shares == [40, 12, 48]


def test_an_environment_without_published_cells_has_no_rows(tables):
    for make in (table_figure_3, table_figure_3_groups):
        table = make([tables[0]], [tables[1]], {("Other", 0, 0): 3.0}, 1e-12)
        assert table.num_rows == 0


def test_the_published_cells():
    """20 of FingerTurnEasy's 36 cells are zero in some samples: not "most are never zero"."""
    cells = read_cells(CELLS)
    assert {name for name, _, _ in cells} == {"ReacherHard", "FingerTurnEasy"}
    finger = [value for (name, _, _), value in cells.items() if name == "FingerTurnEasy"]
    counts = {value: finger.count(value) for value in set(finger)}
    assert counts == {0: 16, 85: 17, 40: 3}
    assert sum(cells["ReacherHard", row, 0] == 100 for row in range(4)) == 3


def test_a_bad_file_of_cells_is_one_line(tmp_path):
    path = tmp_path / "cells.csv"
    with pytest.raises(DynsparseError, match="cannot be read"):
        read_cells(path)
    path.write_text("environment,row,column\nA,0,0\n")
    with pytest.raises(DynsparseError, match="no column 'percent_zero'"):
        read_cells(path)
    path.write_text("environment,row,column,percent_zero\nA,0,0,many\n")
    with pytest.raises(DynsparseError, match="not a number"):
        read_cells(path)

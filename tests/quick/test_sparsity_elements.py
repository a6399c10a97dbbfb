"""Zeros per element and per step, with planted answers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sparsity_fakes import count_elements, fake_dataset, fake_episode, steps_of

from dynsparse.storage.tables import metadata_of


def planted():
    """Four steps; element (0, 1) is 0, 1e-13, 1e-6, 1; sample 3 is not finite."""
    jacobian = np.ones((4, 2, 2))
    jacobian[:, 0, 1] = [0.0, -1e-13, 1e-6, 1.0]
    jacobian[3, 1, 1] = np.nan
    return fake_episode(0, jacobian, ok=[True, True, True, False], reward=[1, 2, 3, 4])


def test_zeros_per_element_and_threshold():
    table = count_elements(fake_dataset([planted(), planted()]), [1e-15, 1e-12, 1e-3])
    found = {
        (row["threshold"], row["jacobian"], row["row_name"], row["column_name"]): row["zeros"]
        for row in table.to_pylist()
        if row["zeros"]
    }
    element = ("state", "qpos:joint [rad]", "qvel:joint [rad/s]")
    assert found == {(1e-15, *element): 2, (1e-12, *element): 4, (1e-3, *element): 6}
    assert set(table["samples"].to_pylist()) == {6}
    assert table.num_rows == 3 * (4 + 2)
    facts = metadata_of(table)
    assert (facts["steps"], facts["sources"]) == (8, ["Twolink/random/seed-0"])


def test_rows_are_outputs_and_columns_inputs():
    jacobian = np.ones((1, 2, 2))
    jacobian[0, 1, 0] = 0.0
    zero = [row for row in _rows(count_elements, jacobian, [1e-12]) if row["zeros"]]
    state, action = zero
    assert (state["row"], state["column"]) == (1, 0)
    assert (state["row_name"], state["column_name"]) == ("qvel:joint [rad/s]", "qpos:joint [rad]")
    assert (action["row_name"], action["column_name"]) == ("qvel:joint [rad/s]", "motor")


def test_zeros_per_step():
    table = steps_of(fake_dataset([planted()], control_dt_s=0.5), 1e-12)
    assert table["state_zeros"].to_pylist() == [1, 1, 0, None]
    assert table["action_zeros"].to_pylist() == [0, 0, 0, None]
    assert table["time_s"].to_pylist() == [0.0, 0.5, 1.0, 1.5]
    assert table["reward"].to_pylist() == [1, 2, 3, 4]
    assert table["contacts"].to_pylist() == [1, 1, 1, 0]
    assert set(table["state_elements"].to_pylist()) == {4}
    assert set(table["action_elements"].to_pylist()) == {2}


@given(st.lists(hnp.arrays(bool, (3, 2, 2)), max_size=4))
def test_elements_and_steps_count_the_same_zeros(patterns):
    dataset = fake_dataset([fake_episode(i, 1.0 - zero) for i, zero in enumerate(patterns)])
    elements = count_elements(dataset, [1e-12]).to_pylist()
    steps = steps_of(dataset, 1e-12)
    for jacobian in ("state", "action"):
        zeros = sum(row["zeros"] for row in elements if row["jacobian"] == jacobian)
        assert zeros == sum(steps[f"{jacobian}_zeros"].to_pylist())


def _rows(measure, jacobian, *arguments):
    return measure(fake_dataset([fake_episode(0, jacobian)]), *arguments).to_pylist()

"""Verification of what the C engine made, as a study has it: faults are planted, and found."""

import numpy as np
import pytest
from test_c_engine import ROBOT, known_only, moved, planted, turned

from dynsparse.audit.simulated import judge_simulated
from dynsparse.c_engine.collection import collect
from dynsparse.c_engine.verified_tables import verify_simulation
from dynsparse.dataset import open_dataset
from dynsparse.errors import DynsparseError
from dynsparse.tables.verdicts import require_verified
from dynsparse.tables.verification import verification_table

STEPS = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("robot")
    (folder / "robot.xml").write_text(ROBOT)
    name = f"mjcf:5:{folder / 'robot.xml'}"
    collect(folder / "robot.h5", name, 3, 2, STEPS)
    return folder / "robot.h5", name


def found(made, path, plant):
    source, name = made
    planted(source, path, plant)
    with open_dataset(path) as dataset:
        tables = verify_simulation(path, dataset, 2 * STEPS, name)
        verdict = judge_simulated(path, dataset, name, np.arange(2 * STEPS))
    return verification_table([tables.samples], [tables.replay]), tables, verdict


def test_a_sound_file_is_verified(made, tmp_path):
    table, tables, verdict = found(made, tmp_path / "x.h5", lambda file: None)
    require_verified(table, 1.0, {}, "as_shipped")
    (row,) = table.to_pylist()
    assert (row["environment"], row["method"]) == ("robot", "mujoco_c")
    assert (row["share_right"], row["share_replayed"], row["unrepeated"]) == (1, 1, 0)
    assert row["refused"] is None and row["max_error"] < 1e-4
    assert tables.samples.num_rows == tables.samples["elements"].to_pylist().count(15 * 15 + 15)
    assert verdict.same.all() and verdict.smooth.all() and (verdict.excess <= 1).all()


def test_a_wrong_element_is_found_and_named(made, tmp_path):
    table, _, verdict = found(made, tmp_path / "x.h5", moved("action_jacobian", (1, 2, 8, 0), 0.5))
    (row,) = table.to_pylist()
    assert row["share_right"] == pytest.approx(11 / 12)
    assert row["worst_element"] == "qvel:cart [m/s] / ctrl:push [1]"
    assert "elements are wrong" in row["refused"]
    with pytest.raises(DynsparseError, match="robot .random, mujoco_c., jacobians: 0.9167"):
        require_verified(table, 1.0, {}, "as_shipped")
    assert np.flatnonzero(~(verdict.excess <= 1)).tolist() == [STEPS + 2]


def test_where_nothing_is_known_no_share_is_right(made, tmp_path):
    table, *_, verdict = found(made, tmp_path / "x.h5", known_only([]))
    (row,) = table.to_pylist()
    assert row["share_right"] is None and row["max_error"] is None
    assert row["share_without_jacobian"] == 1
    assert "no element could be compared" in row["refused"]
    assert not verdict.smooth.any()


def test_a_step_of_which_something_else_is_said_is_not_repeated(made, tmp_path):
    table, _, verdict = found(made, tmp_path / "x.h5", turned("contact", (0, 4, 0)))
    (row,) = table.to_pylist()
    assert (row["unrepeated"], row["other_flags"]) == (1, 1)
    assert "episode 0, step 4: steps have other contacts" in row["unrepeated_at"]
    with pytest.raises(DynsparseError, match="file: .*have other contacts when taken again"):
        require_verified(table, 1.0, {"robot": ["repeats"]}, "as_shipped")
    assert np.flatnonzero(~verdict.same).tolist() == [4]

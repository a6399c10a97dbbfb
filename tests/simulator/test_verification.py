"""Verification: the referee on known functions, and the stage on a real and a spoiled file."""

import re
from dataclasses import replace

import h5py
import mujoco
import numpy as np
import pytest
from bare_dynamics import dynamics_of
from click.testing import CliRunner
from test_mjx_internals import ROD, SERVOS

from dynsparse.cli import main
from dynsparse.dataset import BlockWriter, open_dataset
from dynsparse.dataset.schema import DIGEST
from dynsparse.environments import engine_solves
from dynsparse.errors import DynsparseError
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.tables.verdicts import require_verified
from dynsparse.tables.verification import verification_table
from dynsparse.verification import verify_jacobians
from dynsparse.verification.differences import (
    Differences,
    central_differences,
    engine_steps_alone,
    error_against,
    judge_elements,
)
from dynsparse.verification.episodes import other_flags
from dynsparse.verification.replay import replay
from dynsparse.verification.samples import STRATA, pick_samples
from dynsparse.verification.verify import mjx_steps

SOLVER = "as_shipped"
MATRIX = np.array([[1.0, 2.0, -3.0], [0.0, 4.0, 0.5]])


def batch(count=4):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 2)), rng.normal(size=(count, 1)), np.zeros((count, 2))


def nothing_acts(values):
    return np.zeros((len(values), 0), bool)


def difference(values, bound=1e-9):
    """Differences of samples away from kinks and jumps."""
    values = np.asarray(values, float)
    quiet = np.zeros(len(values), bool)
    return Differences(values, np.full(values.shape, bound), quiet, quiet)


def test_differences_of_a_linear_step_are_its_matrix():
    def step(state, action, memory):
        after = np.concatenate([state, action], axis=1) @ MATRIX.T
        return after, nothing_acts(after)

    result = central_differences(step, *batch())
    # Rounding of numbers near one, divided by the width: 1e-16 / 1e-6.
    np.testing.assert_allclose(result.jacobian, np.broadcast_to(MATRIX, (4, 2, 3)), atol=1e-9)
    assert not result.kink.any()
    assert not result.jump.any()


def test_a_change_of_the_active_constraints_is_a_kink():
    def step(state, action, memory):
        return np.abs(state), state > 0

    state, action, memory = batch()
    state[:] = 1.0
    state[2, 0] = 5e-8  # within a half width of the kink at zero
    assert central_differences(step, state, action, memory).kink.tolist() == [
        False,
        False,
        True,
        False,
    ]


def test_a_step_that_jumps_is_told_from_one_that_is_steep():
    def jumps(state, action, memory):
        after = state + 1e-3 * (state > 0)
        return after, nothing_acts(after)

    def steep(state, action, memory):
        after = 1e4 * np.sin(state)
        return after, nothing_acts(after)

    state, action, memory = batch()
    state[:] = 1.0
    state[1, 1] = 0.0
    result = central_differences(jumps, state, action, memory)
    assert result.jump.tolist() == [False, True, False, False]
    assert not central_differences(steep, state, action, memory).jump.any()


def test_a_kink_beyond_the_narrow_widths_is_none():
    """At 5e-6 the widest difference alone crosses it, and is left out."""

    def step(state, action, memory):
        return np.abs(state), state > 0

    state, action, memory = batch(1)
    state[:] = [[1.0, 5e-6]]
    found = central_differences(step, state, action, memory)
    assert found.smooth.all()
    np.testing.assert_allclose(found.jacobian[0, :, :2], np.eye(2), atol=1e-8)


def test_a_step_that_ends_nowhere_has_no_derivative():
    def step(state, action, memory):
        after = np.where(state > 0, state, np.nan)
        return after, nothing_acts(after)

    state, action, memory = batch(1)
    state[:] = [[1.0, 0.0]]
    assert not central_differences(step, state, action, memory).smooth.any()


@pytest.mark.parametrize("values", [1.0, 300.0])
def test_no_bound_is_below_the_error(values):
    """Of a step with all kinds of curvature, at values as large as a spinner's angle."""

    def step(state, action, memory):
        x, y = state.T
        after = np.stack([values + np.sin(30 * x) * np.exp(y), y**3 + 0 * x], axis=1)
        return after, nothing_acts(after)

    state, action, memory = batch(2000)
    x, y = state.T
    rows = [[30 * np.cos(30 * x) * np.exp(y), np.sin(30 * x) * np.exp(y)], [0 * x, 3 * y**2]]
    exact = np.moveaxis([[*row, 0 * x] for row in rows], 2, 0)
    found = judge_elements(exact, central_differences(step, state, action, memory))
    assert not found.wrong.any()
    assert found.excess.max() > 1e-3  # nor is a bound worth nothing
    assert found.undecided.mean() < 0.01


def test_a_step_that_rounds_more_than_its_size_tells_has_wider_bounds():
    """Values near 1 that are found by way of 1e3 carry 1e-13, not the units of what comes out."""
    rng = np.random.default_rng(0)
    matrix, ways = rng.normal(size=(3, 12)), rng.normal(size=(12, 3, 40))
    matrix[:, 1] = 0.0  # no error hides behind a share of nothing

    def step(state, action, memory):
        inputs = np.concatenate([state, action], axis=1)
        through = np.einsum("ni,iok->nok", inputs, ways)
        rounding = ((1e3 + through) - 1e3 - through).sum(axis=2)
        return inputs @ matrix.T + rounding, np.zeros((len(inputs), 0), bool)

    inputs = rng.normal(size=(500, 10)), rng.normal(size=(500, 2)), np.zeros((500, 1))
    reference = central_differences(step, *inputs)
    found = judge_elements(np.broadcast_to(matrix, (500, 3, 12)), reference)
    assert not found.wrong.any()
    assert found.excess.max() > 0.05  # nor is a bound worth nothing


def test_the_error_is_relative_where_the_reference_is_large():
    reference = difference([[[0.1, 0.0]], [[100.0, 0.0]]])
    error = error_against(reference.jacobian + 1e-3, reference)
    np.testing.assert_allclose(error.max(axis=(1, 2)), [1e-3, 1e-5], rtol=1e-9)


@pytest.mark.parametrize(
    ("true", "found", "verdict"),
    [
        (0.0, 0.0, ""),
        (0.0, 1e-6, "invented"),
        (5e-5, 0.0, "missed"),
        (3e-5, -3e-5, "wrong"),
        (1e-3, 1.01e-3, "wrong"),
        (1e-3, 1e-3 * (1 + 1e-6), ""),
        (0.0, np.nan, "wrong"),
    ],
)
def test_every_element_is_judged_by_what_its_difference_is_good_for(true, found, verdict):
    result = judge_elements(np.array([[[1.0, found]]]), difference([[[1.0, true]]]))
    told = [name for name in ("missed", "invented") if getattr(result, name)[0, 0, 1]]
    assert result.wrong[0, 0].tolist() == [False, bool(verdict)]
    assert told == ([verdict] if verdict in ("missed", "invented") else [])
    assert not result.undecided.any()


def test_what_no_difference_tells_is_undecided():
    wide = judge_elements(np.array([[[1.0, 0.0]]]), difference([[[1.0, 0.0]]], bound=2e-7))
    assert wide.undecided.tolist() == [[[False, True]]]
    assert not wide.wrong.any()


def test_samples_come_from_every_stratum_that_occurs(cartpole_file):
    with open_dataset(cartpole_file) as dataset:
        picked = pick_samples(dataset, 10)
        again = pick_samples(dataset, 10)
    assert len(picked["state"]) == 10
    assert set(picked["stratum"]) <= set(STRATA)
    assert (picked["stratum"] == "start").sum() == 3  # one per episode
    np.testing.assert_array_equal(picked["step"], again["step"])


def test_a_sound_file_passes_and_replays(cartpole_file):
    with open_dataset(cartpole_file) as dataset:
        found = verify_jacobians(dataset, 12, ["unrolled"], "as_shipped", "float64")
    table = found.samples.to_pydict()
    assert table["method"] == ["hybrid"] * 12 + ["unrolled"] * 12
    assert table["stored"] == [True] * 12 + [False] * 12
    smooth = ~np.array(table["kink"]) & ~np.array(table["jump"])
    assert smooth.sum() >= 20
    assert np.array(table["error"])[smooth].max() < 1e-7
    assert np.array(table["engine_error"])[smooth].max() < 1e-7
    # The same program on the same numbers, and the C engine's own arithmetic.
    replay = found.replay.to_pydict()
    assert replay["replayed"] == replay["engine_replayed"] == replay["converged"] == [40] * 3
    assert max(replay["max_replay_error"]) < 1e-12
    for table_of_one_seed in found:
        assert merge_seeds([table_of_one_seed]).num_rows == table_of_one_seed.num_rows
    elements = found.elements.to_pydict()
    assert len(elements["row_name"]) == 2 * 4 * 5
    assert max(elements["max_error"]) == np.array(table["error"])[smooth].max()
    assert max(table["engine_replay_error"]) < 1e-8
    assert set(table["elements"]) == {4 * 5}
    for kind in ("wrong", "missed", "invented", "undecided"):
        assert not any(table[f"{kind}_elements"])
    of_this_file = verification_table([merge_seeds([found.samples])], [found.replay])
    require_verified(of_this_file, 1.0, {}, SOLVER)


def edited(source, target, edit=lambda arrays: None, **said):
    """A copy of a file with other arrays, or that says other things of itself; digests redone."""
    with h5py.File(source) as file, open_dataset(source) as dataset:
        arrays = {name: file[name][()] for name in file if name != DIGEST}
        edit(arrays)
        with BlockWriter(target, replace(dataset.info, **said)) as writer:
            writer.write(0, arrays)
            writer.finish()
    return target


def planted(source, target, plant):
    """A copy of a file with other state Jacobians."""

    def edit(arrays):
        arrays["state_jacobian"] = plant(arrays["state_jacobian"])

    return edited(source, target, edit)


def with_element(row, column, value):
    def plant(jacobians):
        jacobians[..., row, column] = value(jacobians[..., row, column])
        return jacobians

    return plant


def flipped(jacobians):
    return np.where(np.abs(jacobians) < 4e-5, -jacobians, jacobians)


SLIDER, HINGE, SPEED = "qpos:slider [m]", "qpos:hinge_1 [rad]", "qvel:slider [m/s]"
# The cart's position moves nothing but itself; its velocity moves its position, and so does the
# pole's angle: by some 1e-4.
PLANTS = {
    "zeros": (lambda j: np.where(np.abs(j) < 1e-12, 1e-6, j), "invented", None),
    "small ones": (lambda j: np.where(np.abs(j) < 1e-5, 0.0, j), "missed", None),
    "signs": (flipped, "wrong", None),
    "one per cent": (with_element(0, 1, lambda x: 1.01 * x), "wrong", f"{SLIDER} / {HINGE}"),
    "one zero": (with_element(2, 0, lambda x: 1e-3), "invented", f"{SPEED} / {SLIDER}"),
    "one element": (with_element(0, 2, lambda x: 0 * x), "missed", f"{SLIDER} / {SPEED}"),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_fault_is_found_named_and_refused(cartpole_file, tmp_path, name):
    plant, kind, element = PLANTS[name]
    spoiled = planted(cartpole_file, tmp_path / "spoiled.h5", plant)
    with open_dataset(spoiled) as dataset:
        found = verify_jacobians(dataset, 5, [], "as_shipped", "float64")
    assert all(found.samples[f"{kind}_elements"].to_pylist())
    if element:
        assert set(found.samples["worst_element"].to_pylist()) == {element}
    table = verification_table([found.samples], [found.replay])
    worst = table["worst_element"][0].as_py()
    with pytest.raises(DynsparseError, match="CartpoleBalance.*jacobians") as refusal:
        require_verified(table, 0.5, {}, SOLVER)
    assert worst in str(refusal.value)


@pytest.mark.parametrize("spoil", [False, True])
def test_the_command_tells_of_one_file(cartpole_file, tmp_path, spoil):
    path = cartpole_file
    if spoil:
        path = planted(cartpole_file, tmp_path / "spoiled.h5", PLANTS["zeros"][0])
    result = CliRunner().invoke(main, ["verify", str(path), "--samples", "5"])
    assert result.exit_code == int(spoil), result.output
    assert re.search(r"^share_same_zeros +" + ("0" if spoil else "1") + "$", result.output, re.M)
    assert ("error: " in result.output) == spoil


def by_engine(dynamics):
    """MuJoCo's C engine in MJX's place: it takes the same steps here, and compiles nothing."""
    alone = engine_steps_alone(dynamics.mj_model, dynamics.substeps)

    def steps(*inputs):
        after, _ = alone(*inputs)
        return after, np.zeros((len(after), 1, len(dynamics.constraint_names)), np.int8)

    return steps


def replayed(path, dynamics, steps=None):
    with open_dataset(path) as dataset:
        return replay(dataset, dynamics, steps or by_engine(dynamics)).to_pydict()


def test_replay_tells_where_a_step_is_no_function_of_what_is_stored(
    cartpole_file, cartpole, tmp_path
):
    def edit(arrays):
        arrays["next_state"][1, 7, 2] += 0.1

    found = replayed(edited(cartpole_file, tmp_path / "spoiled.h5", edit), cartpole)
    place = "seed 3, episode 1, step 7, qvel:slider [m/s] by 0.1"
    assert found["unrepeated"] == found["engine_differs"] == [0, 1, 0]
    assert found["unrepeated_at"] == found["engine_differs_at"] == [None, place, None]
    assert found["engine_compared"] == [40, 40, 40]
    assert found["broken"] == [0, 1, 0]


def cut_off_nowhere(arrays):
    arrays["solver_converged"][1, 7] = False
    arrays["next_state"][1, 7, 2] = np.nan


def cut_off_everywhere(arrays):
    arrays["solver_converged"][:] = False
    arrays["next_state"] += 1e-3


@pytest.mark.parametrize(
    ("plant", "steps", "by"),
    [(cut_off_nowhere, [0, 1, 0], "inf"), (cut_off_everywhere, [40, 40, 40], "0.001")],
)
def test_a_wrong_next_state_is_found_where_the_solver_was_cut_off(
    cartpole_file, cartpole, tmp_path, plant, steps, by
):
    found = replayed(edited(cartpole_file, tmp_path / "spoiled.h5", plant), cartpole)
    assert found["unrepeated"] == steps
    assert found["unrepeated_at"][1].endswith(f" by {by}")
    assert found["unsteady"] == [0, 0, 0]


@pytest.mark.parametrize("done", [False, True])
def test_a_step_that_rounding_decides_is_counted_apart_if_its_solver_was_cut_off(
    cartpole_file, cartpole, tmp_path, done
):
    def edit(arrays):
        arrays["solver_converged"][2, 5] = done

    path = edited(cartpole_file, tmp_path / "cut.h5", edit)
    with open_dataset(path) as dataset:
        edge = dataset.episode(2).state[5, 0]
    steps = by_engine(cartpole)

    def tied(state, action, memory):
        """Exactly at the edge it ends elsewhere."""
        after, pieces = steps(state, action, memory)
        return after + 1e-3 * (state[:, :1] == edge), pieces

    found = replayed(path, cartpole, tied)
    assert found["unsteady" if not done else "unrepeated"] == [0, 0, 1]
    assert found["unrepeated" if not done else "unsteady"] == [0, 0, 0]
    where = "seed 3, episode 2, step 5, qpos:slider [m] by 0.001"
    assert found["unsteady_at"][2] == (None if done else where)


def test_episodes_that_begin_and_act_alike_are_twins(cartpole_file, cartpole, tmp_path):
    def edit(arrays):
        for name in ("state", "action"):
            arrays[name][2] = arrays[name][0]

    found = replayed(edited(cartpole_file, tmp_path / "twins.h5", edit), cartpole)["trajectory"]
    assert found[2] == found[0] != found[1]


def test_a_constraint_said_to_act_that_does_not_is_found(cartpole_file, cartpole, tmp_path):
    def edit(arrays):
        arrays["constraint_active"][0, 3:5] = ~arrays["constraint_active"][0, 3:5]

    path = edited(cartpole_file, tmp_path / "flags.h5", edit)
    found = replayed(path, cartpole, mjx_steps(cartpole))
    assert found["other_flags"] == [2, 0, 0]
    assert found["other_flags_at"] == ["seed 3, episode 0, step 3", None, None]


def test_a_servo_at_the_end_of_its_force_is_a_kink():
    """To rounding, as a joint at zero may be where an episode begins: 20 * 0.35 is the limit, 7."""
    dynamics = dynamics_of(SERVOS, substeps=1)
    state, memory = np.zeros((3, 19)), np.zeros((3, 9))
    state[:, 3] = 1.0  # of the free body's orientation
    action = np.array([[0.0, bend, 0.0] for bend in (0.3, 0.35, 0.4)])
    found = central_differences(mjx_steps(dynamics), state, action, memory)
    assert found.kink.tolist() == [False, True, False]
    # Beyond its limit the servo is not asked any more.
    by_servo = found.jacobian[:, dynamics.state_names.index("qvel:b [rad/s]"), 19 + 1]
    assert (by_servo != 0).tolist() == [True, True, False]


def test_where_a_contact_pushes_a_pair_touches():
    """Behind an equality's row and a limit's there are two of a contact."""
    model = mujoco.MjModel.from_xml_string(
        """<mujoco><worldbody><body><joint name="a" range="-1 1" limited="true"/>
        <joint name="b" axis="0 1 0"/><geom size=".1"/></body></worldbody>
        <equality><joint joint1="a" joint2="b"/></equality></mujoco>"""
    )
    pieces = np.zeros((4, 1, 4), np.int8)
    pieces[1, 0, 1] = pieces[2, 0, 3] = pieces[3, 0, 2] = 1
    active = np.array([[False], [True], [False], [False]])
    contact = np.array([[False, False], [False, False], [False, True], [False, False]])
    assert other_flags(contact, active, pieces, model).tolist() == [3]


def test_a_force_at_the_end_of_its_range_is_no_contact():
    model = mujoco.MjModel.from_xml_string(SERVOS)
    pieces = np.array([[[0, 0, 1]], [[0, -1, 0]]], np.int8)
    contact, limit = np.zeros((2, 0), bool), np.zeros((2, 1), bool)
    assert not len(other_flags(contact, limit, pieces, model))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state_names", ("qpos:sled [m]", "qpos:hinge_1 [rad]", "qvel:slider [m/s]", "qvel:x [1]")),
        ("action_names", ("ctrl:pull [1]",)),
        ("control_dt_s", 0.02),
    ],
)
def test_a_file_that_names_its_numbers_otherwise_is_refused(cartpole_file, tmp_path, name, value):
    path = edited(cartpole_file, tmp_path / "renamed.h5", **{name: value})
    result = CliRunner().invoke(main, ["verify", str(path)])
    assert result.exit_code == 1
    assert f"{name} are not those of the environment" in result.output
    assert str(value[0] if isinstance(value, tuple) else value) in result.output


@pytest.mark.parametrize(("iterations", "solved"), [(1, False), (50, True)])
def test_the_engine_tells_whether_it_solved_a_step(iterations, solved):
    model = mujoco.MjModel.from_xml_string(ROD)
    model.opt.iterations = iterations
    # Tilted and sliding: one Newton iteration does not find which contacts hold.
    state = np.array([[0.0, -0.003, 0.012, 0.4, -0.3, 0.5]])
    assert engine_solves(model, 1, state, np.zeros((1, 0)), np.zeros((1, 3))).tolist() == [solved]


def test_a_file_without_jacobians_is_not_verified(cartpole_file, tmp_path):
    def edit(arrays):
        arrays["jacobian_ok"][:] = False

    with (
        open_dataset(edited(cartpole_file, tmp_path / "none.h5", edit)) as dataset,
        pytest.raises(DynsparseError, match="no sample has a finite Jacobian by hybrid"),
    ):
        pick_samples(dataset, 5)

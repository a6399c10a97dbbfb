"""Moved inputs: what the simulator makes of them, and whom they disturb, in closed form."""

import jax
import mujoco
import numpy as np
import pyarrow as pa
import pytest
from learning_fakes import section, slider, write_slider

from dynsparse.dataset import open_dataset
from dynsparse.environments import load
from dynsparse.errors import DynsparseError
from dynsparse.finite_influence import MOVED
from dynsparse.learning.data.interventions import (
    BLOWN_UP,
    CONSTANT,
    OUT_OF_RANGE,
    SCHEMA,
    SIGMAS,
    STEPPED,
    UNREPEATED,
    Recorded,
    as_rows,
    move_inputs,
    moves_of,
    recorded,
)
from dynsparse.learning.data.preparation import Division, prepare
from dynsparse.learning.jobs.intervened import score_controls, score_networks
from dynsparse.learning.jobs.interventions import _steps, intervene
from dynsparse.learning.scoring.interventions import counts, errors, make_predict
from dynsparse.learning.scoring.linear import Affine, learner, mean
from dynsparse.learning.settings import training_settings
from dynsparse.learning.training import checkpoint
from dynsparse.learning.training.epochs import create
from dynsparse.precision import precision
from dynsparse.storage.tables import read_table, with_metadata, write_table
from dynsparse.tables.learned import select

EPISODE = Division("episode", 0)
MASKED = {"architecture": "masked", "loss": "state", "units": 8, "features": 3, "miss": 0.0}
MASKED |= {"false_alarm": 0.0, "shut": True, "bits": False}
LEARNERS = {name: {**MASKED, "mask": name} for name in ("ones", "oracle")}
EVERYWHERE = np.array([[-np.inf] * 4, [np.inf] * 4])


def steps(state, action, memory):
    return slider(state, action)[0], np.ones(len(state), bool)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_slider(tmp_path_factory.mktemp("slider") / "a.h5")


@pytest.fixture(scope="module")
def prepared(path):
    return prepare([path], section(), EPISODE)


@pytest.fixture(scope="module")
def here(path, prepared):
    return recorded([path], prepared, 150)


def moved(here, prepared, steps=steps, allowed=EVERYWHERE, varies=(True,) * 4):
    scale = prepared.scaler.input_scale
    return move_inputs(steps, here, scale, np.array(varies), allowed, 0)


@pytest.fixture(scope="module")
def moves(here, prepared):
    return moved(here, prepared)


def test_samples_are_those_of_the_file(path, here, prepared):
    with open_dataset(path) as file:
        episodes = list(file.episodes())
    for row in (0, 70, 149):
        episode = episodes[prepared.test.episode[row]]
        step = prepared.test.step[row]
        np.testing.assert_array_equal(here.state[row], episode.state[step])
        np.testing.assert_array_equal(here.next_state[row], episode.next_state[step])


def test_files_that_are_not_those_of_the_samples_are_refused(tmp_path, prepared):
    other = write_slider(tmp_path / "b.h5", seed=0, state=np.zeros((4, 200, 3)))
    with pytest.raises(DynsparseError, match="Slider/random/seed-0: samples are not in their"):
        recorded([other], prepared, 150)


def test_outputs_stay_where_nothing_reaches_them(here, prepared, moves):
    """p' feels p and v, v' feels v, u and a wall that is touched, w' feels w."""
    assert (moves.outcome == STEPPED).all()
    wanted = np.zeros((3, 4, 150, 3), bool)
    wanted[:, 0] = [False, True, True]
    wanted[:, 1] = [False, False, True]
    wanted[:, 2] = [True, False, False]
    wanted[:, 3] = [True, False, True]
    wall = here.state[:, 2]
    for at, sigmas in enumerate(SIGMAS):
        after = wall + sigmas * moves.sign[2] * prepared.scaler.input_scale[2]
        wanted[at, 2, :, 1] = (wall <= 0) & (after <= 0)
    assert 20 < wanted[0, 2, :, 1].sum() < 100
    np.testing.assert_array_equal(moves.unmoved, wanted)
    assert set(np.unique(moves.sign)) == {-1, 1}
    state = here.state.copy()
    state[:, 1] += 3 * moves.sign[1] * prepared.scaler.input_scale[1]
    np.testing.assert_array_equal(moves.next_state[1, 1], slider(state, here.action)[0])


def test_an_output_that_is_moved_by_more_than_rounding_is_no_unmoved_one(here, prepared):
    def leaky(size):
        def step(state, action, memory):
            after, fine = steps(state, action, memory)
            # A push is felt by the wall, by so much.
            after[:, 2] += size * np.sign(action[:, 0])
            return after, fine

        recorded = here._replace(next_state=step(*here[:3])[0])
        return moved(recorded, prepared, step).unmoved[2, 3, :, 2]

    turned = np.sign(here.action[:, 0]) != moved(here, prepared).sign[3]
    assert 40 < turned.sum() < 110
    np.testing.assert_array_equal(leaky(2 * MOVED), ~turned)
    assert leaky(MOVED / 4).all()


def test_what_cannot_be_stepped_is_left_out_and_counted(here, prepared):
    def explosive(state, action, memory):
        after, fine = steps(state, action, memory)
        return after, fine & (state[:, 0] < 5)

    wrong = here._replace(next_state=here.next_state.copy())
    wrong.next_state[7] += 1e-3
    narrow = EVERYWHERE.copy()
    narrow[:, 3] = -1, 1
    found = moved(wrong, prepared, explosive, narrow, (True, False, True, True))
    assert (found.outcome[:, :, 7] == UNREPEATED).all()
    rest = np.delete(found.outcome, 7, axis=2)
    assert (rest[:, 1] == CONSTANT).all()
    scale = prepared.scaler.input_scale
    for at, sigmas in enumerate(SIGMAS):
        position, push = (
            np.delete(values + sigmas * found.sign[column] * scale[column], 7)
            for column, values in ((0, here.state[:, 0]), (3, here.action[:, 0]))
        )
        np.testing.assert_array_equal(rest[at, 0] == BLOWN_UP, position >= 5)
        np.testing.assert_array_equal(rest[at, 3] == OUT_OF_RANGE, np.abs(push) > 1)
    assert {*rest[:, 0].ravel()} == {STEPPED, BLOWN_UP}
    gone = found.outcome != STEPPED
    assert np.isnan(found.next_state[gone]).all() and not found.unmoved[gone].any()
    assert np.isfinite(found.next_state[~gone]).all()
    for at, row in enumerate(counts(prepared, found)):
        assert (row["samples"], row["unrepeated"]) == (149, 1)
        said = [row[name] for name in ("interventions", "out_of_range", "blown_up")]
        kinds = (STEPPED, OUT_OF_RANGE, BLOWN_UP)
        assert said == [(found.outcome[at] == kind).sum() for kind in kinds]
        assert row["outputs_unmoved"] == row["zeros_unmoved"] == found.unmoved[at].sum() > 0


def test_nothing_is_moved_where_no_step_is_repeated(here, prepared):
    wrong = here._replace(next_state=here.next_state + 1)
    with pytest.raises(DynsparseError, match="repeats none of 150 test samples' steps"):
        moved(wrong, prepared)


def test_moves_are_the_same_after_they_were_written(tmp_path, here, prepared, moves):
    other = prepared._replace(division=Division("sample", 0))
    both = [as_rows(moved(here, prepared, allowed=EVERYWHERE / 1e9), other)]
    both.append(as_rows(moves, prepared))
    table = with_metadata(pa.concat_tables(both), "interventions", sources=[])
    write_table(table, tmp_path / "x.parquet")
    found = moves_of(read_table(tmp_path / "x.parquet", "interventions"), prepared)
    for name, values in moves._asdict().items():
        np.testing.assert_array_equal(getattr(found, name), values, err_msg=name)


def test_moves_of_other_samples_are_refused(tmp_path, here, prepared, moves):
    table = as_rows(moves, prepared)
    lie = moves.unmoved.copy()
    lie[0, 0, 0, 0] = True  # p' feels p
    # Of as many samples, of the same numbers.
    other = prepare([write_slider(tmp_path / "b.h5", seed=1)], section(), EPISODE)
    for rows, given in (
        (table.take(np.roll(np.arange(len(table)), 1)), prepared),
        (table.slice(1), prepared),
        (table.slice(0, 0), prepared),
        (as_rows(moves._replace(unmoved=lie), prepared), prepared),
        (table, other),
        (table, prepared._replace(scaler=other.scaler)),
    ):
        with pytest.raises(DynsparseError, match="Slider random, split episode-0: .* not of these"):
            moves_of(rows, given)


def exact(scaler):
    """The slider where it touches nothing, as an affine map of normalised values."""
    system = np.array([[1, 0.1, 0, 0], [0, 0.5, 0, 1], [0, 0, 0.9, 0]])
    return Affine(scaler.jacobian(system), scaler.outputs(system @ scaler.input_mean))


def errors_of(affine, prepared, moves):
    with precision("float32"):
        return errors(make_predict(), learner(affine).model, prepared, moves)


@pytest.fixture(scope="module")
def free(here, prepared):
    """The samples that touch nothing, and what moves them."""
    rows = np.flatnonzero(~prepared.test.contact)
    part = prepared._replace(test=prepared.test.take(rows))
    return part, moved(Recorded(*(values[rows] for values in here)), part)


def test_who_ignores_its_input_is_not_disturbed_at_all(prepared, moves):
    found = errors_of(mean(prepared.test, prepared.scaler), prepared, moves)
    np.testing.assert_array_equal(found.unmoved, found.recorded)
    wanted = (prepared.scaler.outputs(moves.next_state) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found.intervened[:, 0], wanted, rtol=1e-5)


def test_who_knows_the_system_errs_nowhere(free):
    prepared, moves = free
    found = errors_of(exact(prepared.scaler), prepared, moves)
    assert found.unmoved.max() < 1e-10 and found.recorded.max() < 1e-10
    # Where the wall is moved to the slider it is touched, which no affine map knows.
    assert (found.intervened > 0.01).all()


def test_a_leak_from_an_input_that_does_not_matter_is_measured(free):
    """Of twelve elements one is wrong: p' feels the push, by a fifth of a standard deviation."""
    prepared, moves = free
    model, push = exact(prepared.scaler), prepared.test.inputs[:, 3].astype(float)
    model.weight[0, 3] += 0.2
    found = errors_of(model, prepared, moves)
    for at, sigmas in enumerate(SIGMAS):
        # p' stays where the wall or the push is moved.
        still, away = ((0.2 * (push + by)) ** 2 for by in (0, sigmas * moves.sign[3]))
        count = moves.unmoved[at].sum()
        np.testing.assert_allclose(found.recorded[at, 0], 2 * still.sum() / count, rtol=1e-4)
        wanted = (still.sum() + away.sum()) / count
        np.testing.assert_allclose(found.unmoved[at, 0], wanted, rtol=1e-4)
    assert (np.diff(found.unmoved[:, 0] / found.recorded[:, 0]) > 0).all()


def test_an_output_that_was_moved_and_is_called_unmoved_shows(free):
    prepared, moves = free
    wrong = moves._replace(unmoved=moves.unmoved.copy())
    wrong.unmoved[:, 0, :, 0] = True
    model = exact(prepared.scaler)
    found = errors_of(model, prepared, wrong).unmoved[:, 0]
    share = len(prepared.test.inputs) / wrong.unmoved.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, (model.weight[0, 0] * np.array(SIGMAS)) ** 2 * share, 1e-4)


def test_a_mask_that_is_told_is_that_of_the_recorded_sample(path, moves):
    """What the truth closes cannot be disturbed; all else of the network is the same."""
    ratio = {}
    for name in LEARNERS:
        settings = training_settings(section(learners=LEARNERS), name)
        given = prepare([path], section(), EPISODE, settings.model.recipe())
        with precision("float32"):
            model = create(settings, 4, 3, (1, 2)).model
            model = jax.tree.map(lambda leaf: leaf + 0.1, model)
            found = errors(make_predict(), model, given, moves)
        assert found.unmoved.shape == (3, 2)
        ratio[name] = found.unmoved / found.recorded
    np.testing.assert_array_equal(ratio["oracle"], 1)
    assert (np.abs(ratio["ones"] - 1) > 1e-3).all()


def test_a_step_that_blows_up_is_none():
    model = load("CartpoleBalance").mj_model
    state = np.array([[0.0, 0.1, 0.0, 0.0], [0.0, 0.1, 0.0, 1e9], [0.0, 0.1, np.nan, 0.0]])
    after, fine = _steps(model, 1, state, np.zeros((3, 1)), np.zeros((3, 2)))
    np.testing.assert_array_equal(fine, [True, False, False])
    # MuJoCo begins anew where it blows up: what it says is finite.
    assert np.isfinite(after).all()


@pytest.fixture(scope="module")
def cartpole_moves(cartpole_file):
    return intervene([cartpole_file], section(), "as_shipped")


def test_a_file_is_stepped_as_by_a_loop_over_single_steps(cartpole_file, cartpole_moves):
    assert cartpole_moves.schema.remove_metadata() == SCHEMA
    dynamics = load("CartpoleBalance")
    model, data = dynamics.mj_model, mujoco.MjData(dynamics.mj_model)

    def step(inputs, memory):
        mujoco.mj_resetData(model, data)
        data.qpos[:], data.qvel[:], data.ctrl[:] = np.split(inputs, [2, 4])
        data.qacc_warmstart[:] = memory
        mujoco.mj_step(model, data, dynamics.substeps)
        return np.concatenate([data.qpos, data.qvel])

    names = [*dynamics.state_names, *dynamics.action_names]
    with open_dataset(cartpole_file) as file:
        episodes = list(file.episodes())
    inputs = [np.concatenate([e.state, e.action], axis=1) for e in episodes]
    scaler = prepare([cartpole_file], section(), EPISODE).scaler
    rows = select(cartpole_moves, split="episode").to_pylist()
    assert len(rows) == 3 * 5 * 40
    beyond = [row for row in rows if row["outcome"] == OUT_OF_RANGE]
    assert {row["input"] for row in beyond} == {names[-1]}
    assert all(row["sigmas"] > 0 and np.isnan(row["next_state"]).all() for row in beyond)
    for row in [row for row in rows if row["outcome"] == STEPPED][::17]:
        start, column = inputs[row["episode"]][row["step"]], names.index(row["input"])
        moved = start.copy()
        moved[column] += row["sign"] * row["sigmas"] * scaler.input_scale[column]
        memory = episodes[row["episode"]].memory[row["step"]]
        after = step(moved, memory)
        np.testing.assert_array_equal(row["next_state"], after)
        still = np.abs(after - step(start, memory)) <= MOVED
        np.testing.assert_array_equal(row["unmoved"], still)
    # Where the cart stands moves nothing but the cart, whatever the move.
    cart = [row["unmoved"] for row in rows if row["input"] == names[0]]
    assert cart == [[False, True, True, True]] * 120


def test_networks_and_controls_are_scored_alike(cartpole_file, cartpole_moves, tmp_path):
    asked = section(learners=LEARNERS)
    settings = training_settings(asked, "oracle")
    with precision("float32"):
        model = create(settings, 5, 4, (1, 2)).model
    arrays, weights = {}, tmp_path / "x.safetensors"
    for division in ("episode-0", "sample-0"):
        kind, number = division.split("-")
        scaler = prepare([cartpole_file], asked, Division(kind, int(number))).scaler
        arrays |= checkpoint.leaves(f"{division}.model", model)
        arrays |= checkpoint.leaves(f"{division}.scaler", scaler)
    checkpoint.write(weights, arrays, {"learner": "oracle", "seeds": [1, 2]})
    given = [cartpole_file], asked, cartpole_moves
    networks = score_networks(*given, "oracle", weights)
    controls = score_controls(*given)
    # Two splits, three sizes; two seeds, or three models.
    assert (networks.num_rows, controls.num_rows) == (12, 18)
    assert controls.schema == networks.schema
    for row in select(controls, learner="mean").to_pylist():
        assert row["seed"] is None
        assert row["unmoved_mse"] == row["recorded_mse"] > 0
    shared = ("samples", "interventions", "outputs_unmoved", "out_of_range")
    first, other = (table.slice(0, 1).to_pylist()[0] for table in (networks, controls))
    assert [first[name] for name in shared] == [other[name] for name in shared]
    assert first["samples"] == 40
    for wrong in ({"learner": "ones"}, {"seeds": [2, 1]}):
        checkpoint.write(weights, arrays, {"learner": "oracle", "seeds": [1, 2], **wrong})
        with pytest.raises(DynsparseError, match="x.safetensors: is not of learner oracle"):
            score_networks(*given, "oracle", weights)
    arrays["sample-0.scaler.input_mean"] = scaler.input_mean + 0.1
    checkpoint.write(weights, arrays, {"learner": "oracle", "seeds": [1, 2]})
    with pytest.raises(DynsparseError, match="not trained on these samples, split sample-0"):
        score_networks(*given, "oracle", weights)
    weights.write_bytes(b"nothing")
    with pytest.raises(DynsparseError, match="x.safetensors"):
        score_networks(*given, "oracle", weights)

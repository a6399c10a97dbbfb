"""Open-loop errors: windows of recorded episodes, and models whose error is known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from learning_fakes import settings

from dynsparse.learning.data.normalisation import fit
from dynsparse.learning.data.samples import Samples
from dynsparse.learning.scoring import linear, rollout_error
from dynsparse.learning.scoring.rollout_error import make_rollout, windows
from dynsparse.learning.training.epochs import create
from dynsparse.precision import precision
from dynsparse.tables.learned import CONTROLS

A = np.array([[0.9, 0.2], [-0.1, 0.8]])
B = np.array([[0.0], [0.5]])


def trajectories(steps=30, episodes=2, missing=(), seed=0):
    """A linear system from random starts, as samples; ``missing`` rows are left out."""
    rng = np.random.default_rng(seed)
    states, actions = [], rng.normal(size=(episodes, steps, 1))
    state = rng.normal(size=(episodes, 2))
    for number in range(steps):
        states.append(state)
        state = state @ A.T + actions[:, number] @ B.T
    before = np.stack(states, axis=1).reshape(-1, 2)
    after = before @ A.T + actions.reshape(-1, 1) @ B.T
    inputs = np.concatenate([before, actions.reshape(-1, 1)], axis=1)
    scaler = fit([(inputs, after)])
    count = len(inputs)
    samples = Samples(
        scaler.inputs(inputs).astype(np.float32),
        scaler.outputs(after).astype(np.float32),
        np.zeros((count, 2, 3), np.float32),
        np.zeros((count, 2, 3), bool),
        np.zeros(count, bool),
        np.zeros((count, 0), bool),
        np.repeat(np.arange(episodes, dtype=np.int32), steps),
        np.tile(np.arange(steps, dtype=np.int32), episodes),
    )
    return samples.take(np.setdiff1d(np.arange(count), missing)), scaler


def exact(scaler, matrix=A):
    """A learner of one seed that is the linear system, within its first layer's linear range."""
    learner = create(settings(depth=1, width=4, dropout=0.0), 3, 2, (0,))
    whole = np.concatenate([matrix, B], axis=1)
    linear = scaler.jacobian(whole)
    offset = scaler.outputs(whole @ scaler.input_mean)
    # elu(x + 100) is x + 100 for all x in reach.
    first = np.concatenate([linear, np.zeros((2, 3))])[None]
    last = np.eye(2, 4)[None]
    model = eqx.tree_at(
        lambda m: (*m.weights, *m.biases),
        learner.model,
        tuple(
            jnp.asarray(values, jnp.float32)
            for values in (first, last, np.full((1, 4), 100.0), (offset - 100)[None])
        ),
    )
    return eqx.tree_at(lambda tree: tree.model, learner, model)


def test_windows_stay_in_episodes_and_skip_gaps():
    samples, _ = trajectories(missing=(10,))
    rows = np.arange(len(samples.step))
    found = windows(samples, rows, 5, most=1000)
    # 59 samples: episode 0 is cut in 10 and 19 samples, episode 1 has 30.
    assert len(found.state) == 6 + 15 + 26
    np.testing.assert_array_equal(found.state[0], samples.inputs[0, :2])
    assert len(windows(samples, rows, 5, most=4).state) == 4
    assert len(windows(samples, rows, 31, most=4).state) == 0
    assert len(windows(samples, rows[:3], 5, most=100).state) == 3


def test_a_perfect_model_has_no_error_and_persistence_has():
    with precision("float32"):
        samples, scaler = trajectories()
        given = windows(samples, np.arange(60), 20, most=10)
        error = make_rollout(scaler, [1, 5, 20])(exact(scaler), given)
        models = [
            linear.MODELS[name](samples, scaler) for name in ("persistence", "linear", "mean")
        ]
        still, fitted, mean = (
            np.asarray(make_rollout(scaler, [1, 5, 20])(linear.learner(model), given))[0]
            for model in models
        )
    # The system is linear: least squares finds it, but for its ridge.
    assert (fitted < 1e-3).all()
    assert error.shape == (1, 10, 3)
    # float32, with an offset of 100 in between.
    assert (np.asarray(error) < 1e-3).all()
    before = samples.inputs[:, :2] * scaler.input_scale[:2] + scaler.input_mean[:2]
    starts = np.flatnonzero(samples.step <= 10)[np.linspace(0, 21, 10).round().astype(int)]
    for column, steps in enumerate((1, 5, 20)):
        after = samples.next_state[starts + steps - 1]
        expected = np.sqrt(((scaler.outputs(before[starts]) - after) ** 2).mean(axis=1))
        np.testing.assert_allclose(still[:, column], expected, rtol=1e-3, atol=1e-4)
        # The training mean is zero in normalised units.
        np.testing.assert_allclose(mean[:, column], np.sqrt((after**2).mean(axis=1)), rtol=1e-4)


def test_splits_share_a_program_and_keep_their_own_scalers_and_horizons():
    seen = []
    with precision("float32"):
        for seed in (0, 1):
            samples, scaler = trajectories(seed=seed)
            given = windows(samples, np.arange(60), 20, most=10)
            error = np.asarray(make_rollout(scaler, [2, 7])(exact(scaler), given))
            # float32, with an offset of 100 in between.
            assert error.shape == (1, 10, 2) and (error < 1e-3).all()
            seen.append((scaler, exact(scaler), given))
        (first, model, given), (second, *_) = seen
        # The first split's model, by the second split's scaler, goes astray.
        assert np.asarray(make_rollout(second, [2, 7])(model, given)).max() > 0.01
        assert make_rollout(first, [1, 5, 20])(model, given).shape == (1, 10, 3)
    assert rollout_error._compiled((2, 7))._cache_size() == 1


def test_controls_are_those_that_items_show():
    assert tuple(linear.MODELS) == CONTROLS


def test_errors_of_a_wrong_model_compound():
    with precision("float32"):
        samples, scaler = trajectories()
        given = windows(samples, np.arange(60), 20, most=10)
        error = np.asarray(make_rollout(scaler, [1, 5, 20])(exact(scaler, A * 1.2), given))[0]
    medians = np.median(error, axis=0)
    assert medians[0] < medians[1] < medians[2]
    assert jax.config.jax_enable_x64 is False

"""Training: reproducible, resumable, and each seed on its own."""

import jax
import numpy as np
import pytest
from learning_fakes import section, settings, slider, write_slider

from dynsparse.errors import DynsparseError
from dynsparse.learning.data.preparation import Division, prepare
from dynsparse.learning.jobs.train import parts_of
from dynsparse.learning.scoring.evaluation import make_evaluate, make_sizes
from dynsparse.learning.training import checkpoint, epochs, run
from dynsparse.learning.training.epochs import create, make_epoch
from dynsparse.learning.training.losses import LOSSES
from dynsparse.learning.training.run import train
from dynsparse.precision import precision
from dynsparse.scores.ranking import average_precision

IDENTITY = {"environment": "Slider", "split": "episode", "data": "x", "learner": "mine"}
THRESHOLDS = (1e-6, 1e-1)
# float32 sums in another order, amplified over a few dozen steps of AdamW.
SAME_SEED = {"rtol": 2e-3, "atol": 2e-4}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    path = write_slider(tmp_path_factory.mktemp("slider") / "a.h5")
    return prepare([path], section(), Division("episode", 0))


@pytest.fixture(scope="module")
def parts(prepared):
    with precision("float32"):
        return parts_of(prepared)


def trained(
    parts, tmp_path, seeds=(1, 2), thresholds=THRESHOLDS, save_every_s=1e9, every=1, **changes
):
    with precision("float32"):
        where = tmp_path / "unfinished.part"
        chosen = settings(**changes)
        compiled = run.programs(chosen, thresholds, every)
        return train(chosen, seeds, parts, compiled, where, IDENTITY, save_every_s)


def leaves(result):
    return [np.asarray(leaf) for leaf in jax.tree.leaves((result.final, result.history))]


def same_bits(one, other):
    return all(a.tobytes() == b.tobytes() for a, b in zip(leaves(one), leaves(other), strict=True))


def test_the_same_seed_gives_the_same_bits(parts, tmp_path):
    first = trained(parts, tmp_path)
    assert same_bits(first, trained(parts, tmp_path))
    assert not same_bits(first, trained(parts, tmp_path, seeds=(3, 2)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("backend", ["cpu", "other"])
def test_a_seed_alone_is_the_seed_among_others(parts, tmp_path, monkeypatch, backend):
    monkeypatch.setattr(epochs.jax, "default_backend", lambda: backend)
    together = trained(parts, tmp_path, seeds=(1, 2, 3))
    alone = trained(parts, tmp_path, seeds=(2,))
    for name in ("loss", "validation", "squared", "relative"):
        values = getattr(together.history, name)[:, 1]
        np.testing.assert_allclose(values, getattr(alone.history, name)[:, 0], **SAME_SEED)
    monkeypatch.undo()
    # Seed by seed on a CPU or all at once elsewhere: the same models.
    reference = trained(parts, tmp_path, seeds=(1, 2, 3))
    np.testing.assert_allclose(together.history.loss, reference.history.loss, **SAME_SEED)


class Killed(Exception):
    pass


def kill_one(parts, tmp_path, monkeypatch):
    """Leave what a run keeps that is killed in its third epoch of four."""
    measure, calls = run.measured, []

    def dies_at_the_fourth(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise Killed
        return measure(*arguments)

    monkeypatch.setattr(run, "measured", dies_at_the_fourth)
    with pytest.raises(Killed):
        trained(parts, tmp_path, epochs=4, save_every_s=0.0)
    monkeypatch.setattr(run, "measured", measure)


def test_a_killed_run_ends_in_the_bits_of_an_undisturbed_one(parts, tmp_path, monkeypatch):
    whole = trained(parts, tmp_path, epochs=4)
    kill_one(parts, tmp_path, monkeypatch)
    measure, calls = run.measured, []
    monkeypatch.setattr(run, "measured", lambda *a: calls.append(1) or measure(*a))
    assert same_bits(whole, trained(parts, tmp_path, epochs=4, save_every_s=0.0))
    # Epochs 0 to 2 were there: only 3 and 4 are measured.
    assert len(calls) == 2
    assert list(tmp_path.iterdir()) == []


def test_every_seed_ends_with_the_weights_of_its_best_validation(parts, tmp_path):
    """At this rate errors go up and down, so that the last epoch is not the best of every seed."""
    settings = {"seeds": (1, 2, 3), "epochs": 12, "learning_rate": 0.5}
    result = trained(parts, tmp_path, **settings)
    error = result.history.validation
    assert result.history.chosen().tolist() == (1 + error[1:].argmin(axis=0)).tolist()
    assert (result.history.chosen() < 12).any()
    with precision("float32"):
        evaluate = make_evaluate(THRESHOLDS)
        kept = np.asarray(evaluate.squared(result.final, parts.validation)).mean(axis=1)
    np.testing.assert_array_equal(kept, error.min(axis=0))
    # Measured less often, the same training has fewer weights to choose from.
    seldom = trained(parts, tmp_path, every=5, **settings)
    assert seldom.history.epoch.tolist() == [0, 5, 10, 12]
    np.testing.assert_array_equal(seldom.history.validation, error[[0, 5, 10, 12]])


def test_an_unfinished_run_of_other_thresholds_is_not_continued(
    parts, tmp_path, monkeypatch, capsys
):
    other = trained(parts, tmp_path, epochs=4, thresholds=(1e-6, 0.2))
    kill_one(parts, tmp_path, monkeypatch)
    assert same_bits(other, trained(parts, tmp_path, epochs=4, thresholds=(1e-6, 0.2)))
    assert "made with other settings or data" in capsys.readouterr().err


def test_an_unfinished_run_of_other_data_or_nonsense_is_not_continued(parts, tmp_path, capsys):
    whole = trained(parts, tmp_path)
    where = tmp_path / "unfinished.part"
    learner = create(settings(), 4, 3, (1, 2))
    rows = [run.History(*(values[0] for values in whole.history))]
    who = {
        **IDENTITY,
        "data": "other",
        "settings": settings().digest(),
        "seeds": [1, 2],
        "thresholds": list(THRESHOLDS),
        "every": 1,
    }
    run._save(where, run.Progress(learner, learner, rows), who)
    assert same_bits(whole, trained(parts, tmp_path))
    assert "made with other settings or data" in capsys.readouterr().err
    where.write_bytes(b"no safetensors")
    assert same_bits(whole, trained(parts, tmp_path))
    assert "holds no learners, or is damaged" in capsys.readouterr().err


def test_a_checkpoint_of_another_schema_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SCHEMA_VERSION", 99)
    checkpoint.write(tmp_path / "a", {"x": np.ones(2)}, {})
    monkeypatch.undo()
    with pytest.raises(DynsparseError, match="schema version 1"):
        checkpoint.read(tmp_path / "a")


def test_a_seed_that_fails_is_marked_and_the_others_go_on(parts, tmp_path, monkeypatch, capsys):
    healthy = trained(parts, tmp_path, seeds=(1, 2, 3))
    epoch = epochs.make_epoch

    def poisoned(settings):
        compiled = epoch(settings)

        def one(learner, data, number, count):
            learner, loss = compiled(learner, data, number, count)
            if number == 2:  # the middle seed's weights cease to be numbers
                learner = jax.tree.map(
                    lambda leaf: leaf.at[1].set(np.nan) if leaf.dtype == np.float32 else leaf,
                    learner,
                )
            return learner, loss

        return one

    monkeypatch.setattr(run, "make_epoch", poisoned)
    result = trained(parts, tmp_path, seeds=(1, 2, 3))
    assert result.history.failed_epoch().tolist() == [-1, 2, -1]
    for name in ("loss", "squared", "sparsity"):
        for seed in (0, 2):
            ours, theirs = getattr(result.history, name), getattr(healthy.history, name)
            np.testing.assert_array_equal(ours[:, seed], theirs[:, seed])
    assert "seed 2 failed in epoch 2; the others are not affected" in capsys.readouterr().err


def test_an_exploding_error_is_a_failure(parts, tmp_path):
    result = trained(parts, tmp_path, learning_rate=1e6)
    assert (result.history.failed_epoch() >= 1).all()


def test_a_loss_may_be_large_but_not_infinite(parts, tmp_path):
    history = trained(parts, tmp_path).history
    large = history._replace(loss=1e9 * history.loss)
    assert large.failed_epoch().tolist() == [-1, -1]
    infinite = large.loss.copy()
    infinite[3, 1] = np.inf
    assert history._replace(loss=infinite).failed_epoch().tolist() == [-1, 3]


def test_an_epoch_compiles_once(parts):
    """For other numbers of samples too."""
    with precision("float32"):
        epoch = make_epoch(settings())
        learner = create(settings(), 4, 3, (1, 2))
        for number, count in ((1, parts.length), (2, parts.length), (3, parts.length // 2)):
            learner, _ = epoch(learner, parts.train, number, count)
        assert epoch._cache_size() == 1


def test_those_to_train_on_are_the_training_part(prepared, parts):
    train = prepared.samples.take(prepared.split.train)
    assert parts.length == len(train.inputs)
    for name in ("inputs", "next_state", "jacobian", "zero"):
        ours = np.asarray(getattr(parts.train, name))
        np.testing.assert_array_equal(ours[: parts.length], getattr(train, name))
        assert len(ours) == len(prepared.samples.inputs)


@pytest.fixture(scope="module")
def seen(parts):
    """What is drawn in two epochs of two seeds, step by step: rows, key, loss; and mean losses.

    Samples are told apart by their first input.
    """
    drawn, means = [], []

    def spy(settings, model, samples, key):
        value = real(settings, model, samples, key)
        found = samples.inputs[:, 0], jax.random.key_data(key), value
        jax.debug.callback(lambda *each: drawn.append([np.asarray(x) for x in each]), *found)
        return value

    real, chosen = epochs._loss, settings()
    rows = np.arange(len(parts.train.inputs), dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch, precision("float32"):
        patch.setattr(epochs, "_loss", spy)
        data = parts.train._replace(inputs=parts.train.inputs.at[:, 0].set(rows))
        epoch, learner = make_epoch(chosen), create(chosen, 4, 3, (1, 2))
        for number in (1, 2):
            learner, mean = epoch(learner, data, number, parts.length)
            means.append(np.asarray(mean))
        jax.effects_barrier()
    return drawn, means, parts.length // chosen.batch, chosen.batch


def test_every_step_of_an_epoch_has_a_batch_of_its_own(parts, seen):
    drawn, _, steps, batch = seen
    assert len(drawn) == 2 * 2 * steps and steps > 1
    orders = [
        np.concatenate([rows for rows, *_ in drawn[start : start + steps]])
        for start in range(0, len(drawn), steps)
    ]
    for order in orders:
        assert len(order) == steps * batch == len(set(order.tolist()))
        assert order.max() < parts.length
    # Each seed's and each epoch's is another.
    assert len({order.tobytes() for order in orders}) == 4


def test_every_step_has_a_key_of_its_own(seen):
    """For dropout, in all epochs and seeds."""
    keys = [key.tobytes() for _, key, _ in seen[0]]
    assert len(set(keys)) == len(keys) == 2 * 2 * seen[2]


def test_an_epochs_loss_is_the_mean_of_its_steps(seen):
    drawn, means, steps, _ = seen
    losses = np.array([loss for *_, loss in drawn]).reshape(2, 2, steps)
    np.testing.assert_allclose(np.stack(means), losses.mean(axis=2), rtol=1e-5)


def test_samples_behind_those_to_train_on_change_nothing(parts):
    """To the last bit, whatever they are: draws for the first do not depend on how many follow."""
    assert parts.length < len(parts.train.inputs)

    def after(data):
        learner = create(settings(), 4, 3, (1, 2))
        learner, loss = epoch(learner, data, 1, parts.length)
        return [np.asarray(leaf) for leaf in jax.tree.leaves((learner, loss))]

    with precision("float32"):
        epoch = make_epoch(settings())
        alone = jax.tree.map(lambda values: values[: parts.length], parts.train)
        tail = jax.tree.map(lambda values: values[parts.length :], parts.train)
        nonsense = jax.tree.map(
            lambda values: np.full_like(values, np.nan if values.dtype == np.float32 else True),
            tail,
        )
        joined = jax.tree.map(lambda one, other: np.concatenate([one, other]), alone, nonsense)
        for one, other in zip(after(alone), after(joined), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("length", "count"), [(10, 10), (10, 7), (10, 1), (1, 1)])
def test_an_epoch_takes_every_sample_once(length, count):
    with precision("float32"):
        shuffled = jax.jit(lambda key: epochs._shuffled(key, length, jax.numpy.asarray(count)))
        orders = [np.asarray(shuffled(jax.random.key(seed))) for seed in (0, 1)]
    for order in orders:
        assert sorted(order[:count]) == list(range(count))
        np.testing.assert_array_equal(order, np.resize(order[:count], length))
    assert count == 1 or (orders[0] != orders[1]).any()


def test_fewer_samples_than_a_batch_are_repeated(parts):
    """They train as one batch of them all, but for the share of each in it."""
    with precision("float32"):
        epoch = make_epoch(settings())
        learner = create(settings(), 4, 3, (1, 2))
        found, loss = epoch(learner, parts.train, 1, settings().batch - 1)
    moved = [
        np.abs(np.asarray(one) - np.asarray(other)).max()
        for one, other in zip(
            jax.tree.leaves(found.model), jax.tree.leaves(learner.model), strict=True
        )
    ]
    assert np.isfinite(loss).all() and max(moved) > 0


def test_the_rate_falls_to_nothing_at_the_end(parts):
    """AdamW's first step is as long as its rate, and after the last epoch there is none."""
    chosen = settings()
    steps = parts.length // chosen.batch
    with precision("float32"):
        optimiser = epochs._optimiser(chosen, steps)
        weights = {"w": np.zeros(1, np.float32)}
        state = optimiser.init(weights)
        lengths = []
        for _ in range(chosen.epochs * steps + 1):
            update, state = optimiser.update({"w": np.ones(1, np.float32)}, state, weights)
            lengths.append(-float(update["w"][0]))
    expected = 0.5 * (1 + np.cos(np.pi * np.arange(len(lengths)) / (chosen.epochs * steps)))
    np.testing.assert_allclose(lengths, chosen.learning_rate * expected, rtol=1e-4, atol=1e-8)


@pytest.fixture(scope="module")
def losses_compared(parts, tmp_path_factory):
    """Test scores of the slider's models under each loss, after 40 epochs."""
    weights = {loss: 0.0 if loss == "state" else 3.0 for loss in LOSSES}
    # Measured at the end alone: what a loss is for is seen in the last weights, and those with the
    # lowest state error may be earlier ones.
    same = {"epochs": 40, "every": 40, "dropout": 0.0, "width": 32}
    found = {}
    for loss, weight in weights.items():
        folder = tmp_path_factory.mktemp(loss)
        result = trained(parts, folder, loss=loss, loss_weight=weight, **same)
        with precision("float32"):
            sizes = np.asarray(make_sizes().jacobian(result.final, parts.test))
        found[loss] = (result.history, sizes)
    return found


def test_every_loss_does_what_it_is_for(losses_compared, parts):
    zero = np.asarray(parts.test.zero).reshape(-1, 1)
    history = {loss: found[0] for loss, found in losses_compared.items()}
    size = {loss: found[1] for loss, found in losses_compared.items()}

    def precisions(loss):
        """Of each seed."""
        return np.array([average_precision(-s.reshape(-1, 1), zero)[0] for s in size[loss]])

    assert (precisions("state-jacobian-l1-sparse-only") > precisions("state") + 0.02).all()
    # The penalty makes every element smaller, the zeros and the rest, in every seed.
    plain = size["state"].mean(axis=1)
    assert (size["state-jacobian-l1-regularizer"].mean(axis=1) < plain).all()
    # This one lowers the mean square; single elements may grow.
    square = {loss: (elements**2).mean(axis=(1, 2, 3)) for loss, elements in size.items()}
    assert (square["state-jacobian-l2-regularizer"] < square["state"]).all()
    errors = {"state-jacobian": "jacobian_squared", "state-jacobian-l1": "jacobian_absolute"}
    for loss, error in errors.items():
        without = getattr(history["state"], error)[-1]
        assert (getattr(history[loss], error)[-1] < 0.7 * without).all()
    for found in history.values():
        error = found.squared.mean(axis=2)
        assert (error[-1] < 0.2 * error[0]).all()


def test_the_slider_is_what_it_says(float64):
    rng = np.random.default_rng(0)
    state, action = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    _, jacobian, actions, _ = slider(state, action)
    width = 1e-6
    for column in range(4):
        step = np.zeros(4)
        step[column] = width
        plus = slider(state + step[:3], action + step[3:])[0]
        minus = slider(state - step[:3], action - step[3:])[0]
        both = np.concatenate([jacobian, actions], axis=2)[:, :, column]
        np.testing.assert_allclose((plus - minus) / (2 * width), both, atol=1e-8)

"""World models of a study predict in the units of the data, by the scaler of their training."""

from dataclasses import replace

import api_fakes
import jax
import numpy as np
import pytest
from projects import micro_config

import dynsparse as ds
from dynsparse.benchmark.learners import PRIVILEGE, _told, learner_cards, predictions
from dynsparse.benchmark.predictions import PRIVILEGES
from dynsparse.benchmark.task import Definition, Split
from dynsparse.benchmark.task_files import make_task
from dynsparse.learning.data.normalisation import Scaler
from dynsparse.learning.learners import TOLD_BY_LOSS
from dynsparse.learning.settings import training_settings
from dynsparse.learning.training import checkpoint
from dynsparse.learning.training.epochs import create
from dynsparse.learning.training.losses import LOSSES
from dynsparse.precision import precision

SEEDS = (3, 1)
SECTION = {
    **micro_config()["learning"],
    "environments": ["CartpoleBalance"],
    "model": {"depth": 2, "width": 8, "activation": "elu", "dropout": 0.1},
    "seeds": list(SEEDS),
}
SCALER = Scaler(
    np.arange(5.0), np.array([1.0, 2, 3, 4, 5]), np.arange(4.0), np.array([0.1, 1, 10, 100])
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A study whose networks are those that training begins with; they tell as much."""
    folder = tmp_path_factory.mktemp("results") / "micro"
    api_fakes.write_study(folder, learning=SECTION)
    with precision("float32"):
        model = create(training_settings(SECTION, "state"), 5, 4, SEEDS).model
    write_model(folder, model, SCALER)
    return folder, model


def write_model(folder, model, scaler):
    arrays = checkpoint.leaves("episode-0.model", model)
    arrays |= checkpoint.leaves("episode-0.scaler", scaler)
    about = {
        "section": SECTION,
        "learner": "state",
        "settings": {"loss": "state"},
        "told": [],
        "seeds": list(SEEDS),
        "state_names": list(api_fakes.STATES),
        "action_names": ["ctrl:slide [1]"],
    }
    path = folder / "learning/CartpoleBalance/random/state/models.safetensors"
    checkpoint.write(path, arrays, about)


def test_a_model_predicts_in_the_units_of_the_data(trained):
    folder, networks = trained
    study = ds.load(folder)
    episode = study["CartpoleBalance", "random"][0]
    for number, seed in enumerate(SEEDS):
        model = study.world_model("CartpoleBalance", "state", seed=seed)
        one = jax.tree.map(lambda leaf, n=number: leaf[n], networks)
        x = np.concatenate([episode.state, episode.action], axis=1)
        scaled = one(jax.numpy.asarray((x - SCALER.input_mean) / SCALER.input_scale, np.float32))
        expected = np.asarray(scaled, float) * SCALER.output_scale + SCALER.output_mean
        np.testing.assert_allclose(model(episode.state, episode.action), expected, rtol=1e-6)
    assert model.state_names[3] == "qvel:hinge_1"


def test_its_jacobians_are_the_slopes_of_its_predictions(trained):
    model = ds.load(trained[0]).world_model("CartpoleBalance", "state")
    state, action = np.ones((3, 4)), np.full((3, 1), 0.3)
    found = model.linearise(state, action)
    assert found.state_jacobian.shape == (3, 4, 4)
    assert found.action_jacobian.shape == (3, 4, 1)
    # Differences in float32: a step of 0.01 leaves four digits of an output's scale.
    step, scale = 0.01, SCALER.output_scale
    for column in range(4):
        moved = [state + sign * step * np.eye(4)[column] for sign in (1, -1)]
        slope = (model(moved[0], action) - model(moved[1], action)) / (2 * step)
        wrong = np.abs(slope - found.state_jacobian[:, :, column]) / scale
        assert wrong.max() < 1e-3
    slope = (model(state, action + step) - model(state, action - step)) / (2 * step)
    assert (np.abs(slope - found.action_jacobian[:, :, 0]) / scale).max() < 1e-3
    assert (np.abs(found.state_jacobian) / scale[:, None]).max() > 1e-2
    one = model.linearise(state[0], action[0])
    np.testing.assert_allclose(one.state_jacobian, found.state_jacobian[0], rtol=1e-5)


def test_what_was_not_trained_is_named(trained):
    study = ds.load(trained[0])
    for asked, what in (
        ({"seed": 0}, r"seed 0 was not trained; trained were \[3, 1\]"),
        ({"split": "policy-0"}, "split 'policy-0' does not exist; did you mean 'episode-0'"),
    ):
        with pytest.raises(ds.DynsparseError, match=what):
            study.world_model("CartpoleBalance", "state", **asked)
    with pytest.raises(ds.DynsparseError, match="the study has trained no such model"):
        study.world_model("CartpoleBalance", "stat")
    with pytest.raises(ds.DynsparseError, match="leads out of"):
        study.world_model("CartpoleBalance", "../../../../x")
    with pytest.raises(ds.DynsparseError, match="did you mean 'CartpoleBalance'"):
        study.world_model("Cartpole", "state")
    with pytest.raises(ds.DynsparseError, match=r"should be \(..., 4\)"):
        study.world_model("CartpoleBalance", "state")(np.ones(3), np.ones(1))


def test_a_strangers_weights_have_the_shapes_that_they_say(trained, tmp_path):
    folder, _ = trained
    source = folder / "learning/CartpoleBalance/random/state/models.safetensors"
    arrays, about = checkpoint.read(source)
    study = ds.load(folder)
    path = folder / "learning/CartpoleBalance/random/other/models.safetensors"
    wrong = {**arrays, "episode-0.model.weights[0]": np.ones((2, 3, 3), np.float32)}
    for changed, what in (
        ((wrong, about), "other shapes"),
        (({}, about), "holds no world model"),
        ((arrays, {}), "holds no world model"),
        ((arrays, {**about, "told": ["zero"]}), "is told zero beside state and action"),
        ((arrays, {**about, "section": 3}), "holds no world model"),
    ):
        checkpoint.write(path, *changed)
        with pytest.raises(ds.DynsparseError, match=what):
            study.world_model("CartpoleBalance", "other")


DEFINITION = Definition(
    name="CartpoleBalance-random-1",
    environment="CartpoleBalance",
    behaviour="random",
    seeds=(0, 1),
    solver=None,
    threshold=1e-12,
    split=Split("episode", 0, 0.25, 0.25),
)


@pytest.fixture(scope="module")
def entered(trained, tmp_path_factory):
    """A task of a study's data, and the study, whose networks have the task's scaler."""
    folder = tmp_path_factory.mktemp("entered")
    learners = {"state": SECTION["learners"]["state"]}
    api_fakes.write_study(folder, learning={**SECTION, "learners": learners})
    files = [folder / f"data/CartpoleBalance/random/seed-{seed}.h5" for seed in (0, 1)]
    for seed, path in enumerate(files):
        states = []
        edits = {
            "state": states.append,
            "next_state": lambda values, s=states: values[:, :-1].__setitem__(..., s[0][:, 1:]),
        }
        api_fakes.write(path, edits, seed=seed)
    task = make_task(DEFINITION, files)
    write_model(folder, trained[1], task.scaler)
    return folder, files, task


def test_a_learner_of_a_study_is_an_entry_of_the_benchmark(trained, entered):
    folder, files, task = entered
    cards = learner_cards(task, folder)
    assert [card.method for card in cards] == ["learner state, seed 3", "learner state, seed 1"]
    # As a study measures them (learning.evaluation): in units of the network, in float32.
    network = jax.tree.map(lambda leaf: leaf[0], trained[1])

    def scaled(inputs):
        return jax.numpy.asarray(task.scaler.inputs(inputs), np.float32)

    size = np.abs(network.linearise(scaled(task.asked.inputs))[1])
    given = predictions(task, ds.load(folder).world_model("CartpoleBalance", "state"))
    np.testing.assert_allclose(given["influence"], size, rtol=1e-5, atol=1e-7)
    inside = ds.Evaluator(task, data=files).score({"influence": np.asarray(size)}).scores
    for name in ("auroc", "f1", "skill", "hamming_distance"):
        assert cards[0].scores[name] == inside[name]
    loops = task.rollouts
    once = network(scaled(np.concatenate([loops.state, loops.action[:, 0]], axis=1)))
    first = task.scaler.outputs(given["rollout"][:, 0])
    np.testing.assert_allclose(first, once, rtol=1e-4, atol=1e-5)
    assert all(np.isfinite(cards[0].scores[n]) for n in ("jacobian_squared", "rollout_median"))


def test_a_learner_of_other_samples_is_no_entry(trained, entered):
    folder, files, task = entered
    other = task.scaler._replace(input_mean=task.scaler.input_mean + 1e-6)
    write_model(folder, trained[1], other)
    with pytest.raises(ds.DynsparseError, match="learner state: trained on other samples"):
        learner_cards(task, folder)
    write_model(folder, trained[1], task.scaler)
    with pytest.raises(ds.DynsparseError, match="was made from data"):
        learner_cards(replace(task, about=task.about._replace(dataset="1" * 64)), folder)


def test_it_is_known_what_every_loss_tells():
    assert set(TOLD_BY_LOSS) == set(LOSSES)
    assert {PRIVILEGE[told] for told in TOLD_BY_LOSS.values() if told} <= set(PRIVILEGES)


def test_a_card_says_what_a_taught_learner_was_told():
    told = {"architecture": "taught", "loss": "state-jacobian"}
    assert _told(told) == ("jacobian-train", "zeros-train")
    assert _told({"architecture": "mlp", "loss": "state"}) == ()

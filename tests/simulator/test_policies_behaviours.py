import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynsparse.errors import DynsparseError
from dynsparse.policies.behaviours import make_behaviour, random_action
from dynsparse.policies.checkpoint import load_policy
from dynsparse.policies.shipped import FILES, SHIPPED, shipped_expert
from dynsparse.tables.published import read_published

CARDS = sorted(SHIPPED.glob("*/seed-*/card.json"))
PAPER = read_published(SHIPPED.parent / "paper/table_a1_1.csv", ["mean_reward"])
# What the default study needs: experts as good as the paper's, less 5 %, on average over seeds.
DEFAULT_STUDY = ("CartpoleBalance", "ReacherHard", "BallInCup", "FingerSpin", "FingerTurnEasy")
DEFAULT_STUDY += ("CheetahRun", "WalkerRun")


def test_random_actions_are_uniform_in_the_actuators_range():
    behaviour = make_behaviour("random", "ReacherHard", 0)
    keys = jax.random.split(jax.random.PRNGKey(0), 4000)
    actions = np.asarray(jax.vmap(lambda key: behaviour(jnp.zeros(6), key))(keys))
    assert actions.shape == (4000, 2)
    assert np.abs(actions).max() <= 1.0
    # Standard deviation of the mean is 0.58 / 63.
    np.testing.assert_allclose(actions.mean(axis=0), 0.0, atol=0.04)
    np.testing.assert_allclose(actions.std(axis=0), 1 / np.sqrt(3), atol=0.02)
    assert behaviour.digest == ""


def test_random_actions_respect_a_narrower_range():
    bounds = jnp.array([-0.25]), jnp.array([0.5])
    keys = jax.random.split(jax.random.PRNGKey(0), 500)
    actions = jax.vmap(lambda key: random_action(bounds, {}, key))(keys)
    assert (float(actions.min()), float(actions.max())) == (-0.25, 0.5)


def test_refuses_an_unknown_behaviour():
    with pytest.raises(DynsparseError, match="'skilled' does not exist; use random or expert"):
        make_behaviour("skilled", "ReacherHard", 0)


def test_refuses_an_expert_that_is_not_shipped():
    with pytest.raises(DynsparseError, match="no expert of HopperHop for seed 0: none is shipped"):
        make_behaviour("expert", "HopperHop", 0)
    with pytest.raises(DynsparseError, match="for seed 99: shipped are seed-0"):
        shipped_expert("CartpoleBalance", 99)


def test_refuses_an_expert_of_another_environment():
    path = shipped_expert("CartpoleBalance", 0)
    with pytest.raises(DynsparseError, match="environment is CartpoleBalance, not ReacherHard"):
        make_behaviour("expert", "ReacherHard", 0, path)


@pytest.mark.parametrize("card_path", CARDS, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_every_shipped_policy_is_what_its_card_says(card_path):
    card = json.loads(card_path.read_text())
    environment = card_path.parts[-3]
    assert card["environment"] == environment
    assert f"seed-{card['seed']}" == card_path.parts[-2]
    for kind in FILES:
        path = card_path.with_name(FILES[kind])
        assert path.exists() == (kind in card)
        if kind in card:
            assert path.stat().st_size < 300_000
            policy = load_policy(path, environment)
            assert (policy.seed, policy.steps) == (card["seed"], card[kind]["steps"])
            behaviour = make_behaviour(kind, environment, card["seed"])
            action = behaviour(jnp.zeros(policy.observation_size), jax.random.PRNGKey(0))
            assert np.abs(action).max() <= 1.0
    assert card["expert"]["evaluation"]["stochastic"]["episodes"] == 128


@pytest.mark.parametrize("environment", DEFAULT_STUDY)
def test_the_experts_of_the_default_study_are_as_good_as_the_papers(environment):
    folders = [shipped_expert(environment, seed).parent for seed in (0, 1)]
    cards = [json.loads((folder / "card.json").read_text()) for folder in folders]
    means = [card["expert"]["evaluation"]["stochastic"]["mean"] for card in cards]
    assert np.mean(means) >= 0.95 * PAPER[environment]["mean_reward"]

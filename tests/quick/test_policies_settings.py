import pytest

from dynsparse.errors import DynsparseError
from dynsparse.policies.settings import schedule, training_settings
from dynsparse.policies.shipped import SHIPPED

SCHEDULES = SHIPPED / "schedules.yaml"


def test_defaults_are_playgrounds():
    settings = training_settings("BallInCup", {})
    assert settings.arguments["num_timesteps"] == 60_000_000
    assert settings.arguments["discounting"] == 0.95
    assert settings.engine == "mjx"
    assert settings.training_episode_length == settings.arguments["episode_length"] == 1000


def test_overrides_reach_the_ppo_and_the_networks():
    networks = {"value_hidden_layer_sizes": [64, 64]}
    settings = training_settings("BallInCup", {"num_envs": 64, "network_factory": networks})
    assert settings.arguments["num_envs"] == 64
    assert settings.network["value_hidden_layer_sizes"] == [64, 64]
    assert settings.network["policy_hidden_layer_sizes"] == [32, 32, 32, 32]


def test_defaults_of_sac_are_playgrounds():
    settings = training_settings("BallInCup", {"algorithm": "sac", "num_envs": 100})
    assert settings.arguments["grad_updates_per_step"] == 8
    assert settings.network == {"hidden_layer_sizes": [256, 256], "q_network_layer_norm": True}
    assert settings.evaluations == 9
    assert settings.evaluation_steps == 555_600  # 5 million in nine parts, whole steps of 100


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"algorithm": "sarsa"}, "'algorithm' of BallInCup is 'sarsa'; it has to be 'ppo' or"),
        ({"algorithm": "sac", "unroll_length": 8}, "'unroll_length' of BallInCup does not exist"),
        ({"algorithm": "sac", "batch_size": 0}, "'batch_size' of BallInCup is 0"),
        ({"num_timestep": 1}, "'num_timestep' of BallInCup does not exist.*'num_timesteps'"),
        ({"network_factory": {"value_layers": []}}, "'value_layers' of BallInCup"),
        ({"action_repeat": 4}, "'action_repeat' of BallInCup does not exist"),
        ({"num_timesteps": -1}, "'num_timesteps' of BallInCup is -1"),
        ({"learning_rate": "fast"}, "'learning_rate' of BallInCup is 'fast'"),
        ({"training_episode_length": 0}, "'training_episode_length' of BallInCup is 0"),
        ({"engine": "warp"}, "'warp'; it has to be 'mjx' or 'mujoco'"),
        ({"progress": {"first": 5}}, "'progress' of BallInCup is .*'first', 'last' and 'weight'"),
        ({"num_envs": 100}, r"multiple of num_envs \(100\)"),
    ],
)
def test_refuses_settings_that_cannot_be(overrides, message):
    with pytest.raises(DynsparseError, match=message):
        training_settings("BallInCup", overrides)


def test_evaluations_divide_the_training_as_brax_rounds_it():
    overrides = {"num_timesteps": 1_000_000, "num_evals": 4, "num_resets_per_eval": 2}
    settings = training_settings("BallInCup", overrides)
    batch = 1024 * 30 * 32
    assert settings.evaluations == 3
    assert settings.evaluation_steps == 2 * batch


def test_every_shipped_schedule_is_valid():
    import yaml

    for environment in yaml.safe_load(SCHEDULES.read_text()):
        if not environment.startswith("_"):
            training_settings(environment, schedule(SCHEDULES, environment))


def test_an_environment_without_a_schedule_overrides_nothing():
    assert schedule(SCHEDULES, "HopperHop") == {}


@pytest.mark.parametrize("text", ["- a list", "key: [unclosed"])
def test_refuses_a_file_that_holds_no_schedules(tmp_path, text):
    path = tmp_path / "schedules.yaml"
    path.write_text(text)
    with pytest.raises(DynsparseError, match=r"schedules\.yaml: not a"):
        schedule(path, "BallInCup")

"""The command line: one line of output or of error, and the library's own results."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from dynsparse.cli import METHOD_NAMES, main
from dynsparse.environments import Dynamics
from dynsparse.jacobians import ENGINE, METHODS
from dynsparse.policies import experts
from dynsparse.policies.settings import schedule
from dynsparse.policies.shipped import SHIPPED


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def collect(**changes):
    options = {
        "environment": "CartpoleBalance",
        "behaviour": "random",
        "episodes": 1,
        "steps": 5,
        "seed": 0,
        "output": "x.h5",
        **changes,
    }
    return run("collect", *(part for k, v in options.items() for part in (f"--{k}", v)))


@pytest.fixture
def trained(monkeypatch):
    """The calls of ``train_expert``, which does nothing else."""
    calls = []
    monkeypatch.setattr(experts, "train_expert", lambda *call: calls.append(call))
    return calls


def train(*options):
    return run("train", "--environment", "ReacherHard", "--output", "a-folder", *options)


def test_an_expert_is_trained_by_the_schedules_of_the_project(trained):
    assert train().exit_code == 0
    overrides = schedule(SHIPPED / "schedules.yaml", "ReacherHard")
    assert overrides["num_timesteps"] == 5_000_000
    assert trained == [("ReacherHard", 0, overrides, Path("a-folder"))]


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        ("{}", {}),
        ("BallInCup: {num_evals: 3}", {}),
        ("ReacherHard: {num_evals: 3}", {"num_evals": 3}),
    ],
)
def test_an_expert_is_trained_by_schedules_of_ones_own(trained, tmp_path, text, overrides):
    mine = tmp_path / "mine.yaml"
    mine.write_text(text)
    assert train("--schedules", mine).exit_code == 0
    assert trained == [("ReacherHard", 0, overrides, Path("a-folder"))]


def test_schedules_that_are_not_there_are_refused_with_one_line(trained, tmp_path):
    absent = tmp_path / "absent.yaml"
    result = train("--schedules", absent)
    assert result.exit_code == 1
    assert result.output.startswith(f"error: {absent}: ")
    assert result.output.count("\n") == 1
    assert not trained


def test_the_methods_offered_are_the_librarys():
    assert set(METHOD_NAMES) == {"auto", *METHODS, ENGINE} == {"auto", *Dynamics.methods}


def test_info_tells_what_is_in_a_file(cartpole_file):
    result = run("info", cartpole_file)
    assert result.exit_code == 0
    assert "environment: CartpoleBalance" in result.output
    assert "qpos:slider [m]" in result.output
    assert "40 of 40 Jacobians finite" in result.output
    assert "damaged episodes: none" in result.output


def test_info_refuses_what_is_not_a_dataset(tmp_path, cartpole_file):
    cut = tmp_path / "cut.h5"
    cut.write_bytes(cartpole_file.read_bytes()[:5000])
    for path in (cut, tmp_path / "absent.h5"):
        result = run("info", path)
        assert result.exit_code == 1
        assert result.output.startswith(f"error: {path}: ")
        assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"environment": "CheetaRun"}, "did you mean 'CheetahRun'?"),
        ({"behaviour": "skilled"}, "behaviour 'skilled' does not exist"),
        ({"steps": -1}, "Invalid value for '--steps'"),
        ({"method": "magic"}, "Invalid value for '--method'"),
        ({"policy": "absent.safetensors", "behaviour": "expert"}, "absent.safetensors"),
    ],
)
def test_collect_refuses_before_any_work(tmp_path, change, message):
    result = collect(output=tmp_path / "x.h5", **change)
    assert result.exit_code != 0
    assert message in result.output
    assert not list(tmp_path.iterdir())

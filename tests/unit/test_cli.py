"""The command line: one line of output or of error, and the library's own results."""

import pytest
from click.testing import CliRunner

from dynsparse.cli import METHOD_NAMES, main
from dynsparse.jacobians import ENGINE, METHODS


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


def test_the_methods_offered_are_the_librarys():
    assert set(METHOD_NAMES) == {"auto", *METHODS, ENGINE}


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

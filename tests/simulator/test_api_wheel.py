"""A wheel, installed elsewhere, holds all that the library looks up, and reads without JAX."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import api_fakes
import numpy as np
import pytest

import dynsparse as ds

ROOT = Path(__file__).parents[2]
# What the base install does without.
REFUSED = (
    *("jax", "jaxlib", "mujoco", "mujoco_playground", "brax", "equinox", "optax", "safetensors"),
    *("matplotlib", "scipy", "sklearn", "openTSNE", "rocrate", "tabulate", "tqdm", "torch"),
    *("xarray", "snakemake", "threadpoolctl", "PIL"),
)
REFUSE = f"""
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {REFUSED}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the wheel's content, and nothing of the checkout beside it."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, source)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", ".training")
    for name in ("src", "resources"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignore)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    run([*wheel, "--wheel-dir", str(place / "dist"), str(source)], place)
    (built,) = (place / "dist").glob("dynsparse-*.whl")
    target = place / "elsewhere"
    run([*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(built)], place)
    shutil.rmtree(source)
    return target


def run(command, folder, **variables):
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(installed, folder, code):
    return run([sys.executable, "-c", code], folder, PYTHONPATH=str(installed))


def test_a_dataset_is_read_in_five_lines_without_jax(installed, tmp_path):
    arrays = api_fakes.write(tmp_path / "x.h5")
    code = """
import dynsparse as ds
data = ds.load("x.h5")
episode = data[1]
element = episode.jacobian("qvel:hinge_1", "ctrl:slide")
print(element.tolist())
"""
    told = "print(ds.__file__); print(ds.__version__); print(len(ds.zeros(data).elements))"
    found = python(installed, tmp_path, f"{REFUSE}{code}{told}").splitlines()
    np.testing.assert_array_equal(json.loads(found[0]), arrays["action_jacobian"][1, :, 3, 0])
    assert Path(found[1]).parent == installed / "dynsparse"
    assert found[2:] == [ds.__version__, "20"]


def test_what_is_missing_is_one_line(installed, tmp_path):
    code = """
import dynsparse as ds
for ask in (lambda: ds.load("CartpoleBalance"), lambda: ds.torch):
    try:
        ask()
    except ds.DynsparseError as error:
        print(error)
"""
    jax, torch = python(installed, tmp_path, REFUSE + code).splitlines()
    assert "needs jax" in jax
    assert "'dynsparse[simulate]'" in jax
    assert "'dynsparse[torch]'" in torch


@pytest.mark.parametrize(
    ("asked", "extra"),
    [
        ("collect --environment A --behaviour random --episodes 1 --steps 1 --seed 0", "simulate"),
        ("train --environment A", "simulate"),
        ("verify x.h5", "simulate"),
        ("audit .", "workflow"),
        ("blocks x.h5", "simulate"),
    ],
)
def test_a_command_names_what_it_does_without(installed, tmp_path, asked, extra):
    (tmp_path / "x.h5").touch()
    output = ["--output", "y"] if extra == "simulate" and "--environment" in asked else []
    code = f"""
import sys
sys.stderr = sys.stdout
from dynsparse.cli import main
sys.argv = ["dynsparse", *{[*asked.split(), *output]}]
try:
    main()
except SystemExit as end:
    print(end.code)
"""
    line, status = python(installed, tmp_path, REFUSE + code).splitlines()
    assert line.startswith(f"error: dynsparse {asked.split()[0]} needs ")
    assert line.endswith(f"which is not installed: pip install 'dynsparse[{extra}]'")
    assert status == "1"


def test_experts_and_published_numbers_are_in_the_wheel(installed, tmp_path):
    code = """
from dynsparse.policies.shipped import SHIPPED
from dynsparse.project import project_folder
others = ("explorer", "paper", "tasks")
for folder in (SHIPPED, *(project_folder() / "resources" / name for name in others)):
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(path.relative_to(project_folder()))
print(project_folder())
"""
    *found, folder = python(installed, tmp_path, code).splitlines()
    expected = (path for path in (ROOT / "resources").rglob("*") if path.is_file())
    assert sorted(found) == sorted(str(path.relative_to(ROOT)) for path in expected)
    assert Path(folder) == installed / "dynsparse"


def test_a_table_is_made_beside_the_papers_numbers(installed, tmp_path):
    api_fakes.write_study(tmp_path / "micro")
    code = """
import dynsparse as ds
from dynsparse.storage.tables import write_table
study = ds.load("micro")
found = ds.zeros(study["CartpoleBalance", "random"])
write_table(found.elements, "micro/merged/CartpoleBalance/random/elements.parquet")
print(study.make("table_1")["paper_state_zero_elements"].to_pylist())
"""
    assert python(installed, tmp_path, REFUSE + code).strip() == "[0]"


def test_predictions_are_scored_without_jax(installed, tmp_path):
    code = """
import sys
from dynsparse.cli import main
import dynsparse as ds
evaluator = ds.Evaluator("BallInCup-expert-1")
evaluator.write("x.h5", {"influence": ~evaluator.task.asked.zero}, "truth", ["zeros-test"])
main(["score", "x.h5", "--output", "cards/x.json"], standalone_mode=False)
main(["leaderboard", "cards"], standalone_mode=False)
"""
    assert "skill over the mean pattern" in python(installed, tmp_path, REFUSE + code)
    assert json.loads((tmp_path / "cards/x.json").read_text())["scores"]["skill"] == 1
    assert "truth" in (tmp_path / "cards/leaderboard.html").read_text()


@pytest.mark.slow
def test_five_steps_of_a_shipped_expert_are_collected(installed, tmp_path):
    asked = "--environment CartpoleBalance --behaviour expert --episodes 1 --steps 5 --seed 0"
    code = f"""
import sys
from dynsparse.cli import main
sys.argv = ["dynsparse", "collect", *{asked.split()}, "--output", "x.h5"]
main()
"""
    python(installed, tmp_path, code)
    episode = ds.load(tmp_path / "x.h5")[0]
    assert len(episode) == 5
    assert episode.jacobian_ok.all()
    assert episode.case.behaviour == "expert"

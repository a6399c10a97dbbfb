"""The workflow from another folder, as a module, moved, and without the installed library."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from projects import COPIED, Project, copy_project, micro_config

# Whoever uses the finished study shares a worker with it.
pytestmark = pytest.mark.xdist_group("micro")

OUTER = """
configfile: "config/config.yaml"

module dynsparse:
    snakefile: "../project/workflow/Snakefile"
    config: config

use rule * from dynsparse

onstart:
    dynsparse.onstart()
"""
# Loaded by every Python of a run, which then has Snakemake and what that needs alone.
BARE = """
import sys
sys.path[:] = [path for path in sys.path if not path.endswith("/src")]
for name in ("tqdm", "pyarrow", "jax", "mujoco", "h5py", "matplotlib", "scipy"):
    sys.modules[name] = None
"""
ITEM = "results/micro/tables/table_a1_1.parquet"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a project, and beside it one with nothing but a study."""
    folder = tmp_path_factory.mktemp("place")
    copy_project(folder / "project")
    study = folder / "mine/config/config.yaml"
    study.parent.mkdir(parents=True)
    study.write_text(yaml.safe_dump(micro_config()))
    return folder


def run(folder, *arguments, **variables):
    source = str(folder.parent / "project/src")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": source, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("how", ["--directory", "--snakefile", "module"])
def test_a_study_in_another_folder_is_planned(place, how):
    mine = place / "mine"
    if how == "--directory":
        output = run(place / "project", "--dry-run", how, "../mine")
    elif how == "--snakefile":
        output = run(mine, "--dry-run", how, "../project/workflow/Snakefile")
    else:
        outer = place / "outer"
        shutil.copytree(mine / "config", outer / "config")
        (outer / "Snakefile").write_text(OUTER)
        output = run(outer, "--dry-run")
    assert "../project/resources/paper/table_1.csv" in output
    assert "collect_jacobians" in output
    assert "results/micro/manifest.json" in output


def test_a_study_in_another_folder_is_made_and_claimed(place):
    """From the C engine's structure of the model on: a job that compiles nothing."""
    target = "results/micro/structure.parquet"
    outer = place / "claimed"
    shutil.copytree(place / "mine/config", outer / "config")
    (outer / "Snakefile").write_text(OUTER)
    run(outer, target)
    assert (outer / target).is_file()
    assert (outer / ".snakemake/micro.run.lock").read_text().startswith("process ")
    assert "Nothing to be done" in run(outer, "--dry-run", target)


def test_a_project_that_is_moved_makes_nothing_again(tmp_path, finished):
    moved = tmp_path / "renamed"
    moved.mkdir()
    for name in (*COPIED, ".snakemake", "results/micro", "slurm", "micro.yaml"):
        source = finished.root / name
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, moved / name, symlinks=True)
        else:
            shutil.copy2(source, moved / name, follow_symlinks=False)
    assert Project(moved, moved / "micro.yaml").planned("all", "report") == {}


def test_lint_needs_no_library(place, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BARE)
    output = run(place / "project", "--lint", PYTHONPATH=str(tmp_path))
    assert "Congratulations" in output

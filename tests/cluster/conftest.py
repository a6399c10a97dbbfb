"""A Slurm of one node, and projects that submit to it."""

import tempfile
from pathlib import Path

import pytest
from one_node import UNAVAILABLE, Slurm, run_script
from projects import Project, copy_project

# Loaded by every Python of a run. Snakemake's Slurm plugin lets the pause between two questions
# to Slurm grow to minutes; and the job that HUNGRY names takes more memory than it asked for.
SITE = """
import os, sys, time

if "snakemake" in sys.orig_argv:  # as in `python -m snakemake`
    import asyncio
    from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

    RemoteExecutor.sleep = lambda self: asyncio.sleep(2)
if any(os.environ.get("HUNGRY", "no job") in argument for argument in sys.orig_argv):
    eaten = bytearray(os.urandom(1024)) * (1200 * 1024)
    time.sleep(8)
"""


@pytest.fixture(scope="session")
def slurm():
    # Not pytest's folder: munge's user has to reach it.
    with tempfile.TemporaryDirectory(prefix="dynsparse-slurm-") as name:
        Path(name).chmod(0o755)
        started = run_script("start", Path(name))
        if started.returncode == UNAVAILABLE:
            pytest.skip(started.stdout.strip().splitlines()[-1])
        assert started.returncode == 0, started.stdout
        yield Slurm(Path(name))
        stopped = run_script("stop", Path(name))
        assert stopped.returncode == 0, stopped.stdout


@pytest.fixture(scope="session")
def new_project(tmp_path_factory):
    """``new_project()``: a copy whose site has GPUs and answers at once."""

    def make() -> Project:
        project = copy_project(tmp_path_factory.mktemp("project"))
        profile = project.root / "workflow/profiles/slurm/config.yaml"
        text = profile.read_text()
        for key, value in {"gpus =": 1, "slurm-init-seconds-before-status-checks:": 1}.items():
            before, after = text.split(key)
            text = f"{before}{key} {value}\n{after.split(chr(10), 1)[1]}"
        profile.write_text(text)
        (project.root / "src/sitecustomize.py").write_text(SITE)
        return project

    return make

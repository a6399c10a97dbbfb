"""A project and its micro study, run once for all tests of the workflow."""

import shutil
import subprocess
from dataclasses import replace

import pytest
from projects import ROOT, copy_project


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project, with the micro study for its config, in a repository of its own."""
    project = copy_project(tmp_path_factory.mktemp("project"))
    shutil.copy2(ROOT / ".gitignore", project.root)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", *identity, *command], cwd=project.root, check=True)
    return project


@pytest.fixture(scope="session")
def finished(project):
    """The project after its micro study has been run once."""
    project.snakemake("all", "report")
    shutil.copytree(project.root, _aside(project), symlinks=True)
    return project


@pytest.fixture(scope="session")
def untouched(finished):
    """The same, moved elsewhere before any test had changed it."""
    root = _aside(finished)
    return replace(finished, root=root, config=root / finished.config.name)


def _aside(project):
    return project.root.with_name("untouched")

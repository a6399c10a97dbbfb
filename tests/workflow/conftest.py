"""A project and its micro study, run once for all tests of the workflow."""

import pytest
from projects import copy_project


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project, with the micro study for its config."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def finished(project):
    """The project after its micro study has been run once."""
    project.snakemake("all", "report")
    return project

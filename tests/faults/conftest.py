"""A study that is whole, to be damaged."""

import pytest
from projects import copy_project

# Every stage from simulation to a table and a figure.
TARGETS = ("table_1", "figure_5", "figure_7", "verification")


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A project whose micro study has made one item of each kind."""
    project = copy_project(tmp_path_factory.mktemp("project"))
    project.snakemake(*TARGETS)
    return project


@pytest.fixture(scope="session")
def digests(study):
    """What its files should be."""
    return study.digests()

"""A study of an environment of one's own: a package beside the project, and nothing else."""

import os

import pyarrow.parquet as pq
from packages import EXAMPLE, install
from projects import copy_project


def test_a_study_of_ones_own_environment_follows_edits_of_its_package(tmp_path):
    folder = tmp_path / "installed"
    module = install(
        folder, "own_pendulums", EXAMPLE.read_text(), OwnPendulums="own_pendulums:TwoPendulums"
    )
    project = copy_project(tmp_path / "project").variant(
        study="own", environments={"OwnPendulums": {"behaviours": ["random"]}}
    )
    path = {"PYTHONPATH": os.pathsep.join([str(project.root / "src"), str(folder)])}
    targets = ("table_1", "table_structure")

    refused = project.snakemake("--dry-run", *targets, check=False)
    assert "'OwnPendulums' does not exist; did you mean" in refused.stdout

    project.snakemake(*targets, **path)
    table = pq.read_table(project.results / "tables/table_1.parquet").to_pylist()
    assert [(row["environment"], row["state_dim"]) for row in table] == [("OwnPendulums", 4)]
    assert project.planned(*targets, **path) == {}

    os.utime(module)
    assert project.planned(*targets, **path) == {}
    module.write_text(EXAMPLE.read_text().replace('gear="4"', 'gear="5"'))
    os.utime(module, (0, 0))  # as of a package that is put back to an earlier version
    rerun = project.planned(*targets, **path)
    assert {"collect_jacobians", "model_structure", "table_1"} <= set(rerun)
    assert "train_expert" not in rerun

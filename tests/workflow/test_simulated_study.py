"""A study of a bare model on MuJoCo's C engine, and of an environment that is not installed."""

import math
import os

import pyarrow.parquet as pq
import yaml
from projects import copy_project

from dynsparse.suite import missing_module

# Two carts that do not know of each other; one is pushed, and pushed slowly.
CARTS = """
<mujoco>
  <option gravity="0 0 0"/>
  <worldbody>
    <body><joint name="a" type="slide" axis="1 0 0"/><geom size=".1" mass="1" contype="0"/></body>
    <body><joint name="b" type="slide" axis="1 0 0"/><geom size=".1" mass="2" contype="0"/></body>
  </worldbody>
  <actuator>
    <motor name="push" joint="b"/>
    <general name="slow" joint="b" dyntype="integrator" gainprm="3"/>
  </actuator>
</mujoco>
"""
MISSING = "gymnasium:no_such_module:Robot-v0"


def test_the_atlas_has_an_environment_of_the_c_engine(tmp_path):
    project = copy_project(tmp_path / "project").variant(
        study="carts",
        environments={
            "mjcf:5:two_carts.xml": {"behaviours": ["random"]},
            MISSING: {"behaviours": ["random"], "optional": True},
        },
        collection={"episodes": 2, "steps": 10},
        sparsity={"threshold": 1e-8},
        verification={"samples": 4},
    )
    model = project.root / "two_carts.xml"
    model.write_text(CARTS)
    targets = ("atlas", "results/carts/verified")

    told = project.snakemake(*targets).stdout
    assert told.count(f"{MISSING} is left out: the Python module 'no_such_module'") == 1
    (row,) = pq.read_table(project.results / "tables/table_atlas.parquet").to_pylist()
    assert (row["environment"], row["suite"], row["method"]) == ("two-carts", "mjcf", "mujoco_c")
    assert (row["states"], row["actions"], row["trees"], row["samples"]) == (5, 2, 2, 20)
    # Each of five on itself, a position on its velocity, and the activation on its cart.
    percent = ("structural_percent", "always_zero_percent", "mean_percent", "low_percent")
    assert all(math.isclose(row[name], 100 * 16 / 25) for name in percent), row
    assert (row["contingent_percent"], row["known_percent"], row["undecided_percent"]) == (
        0,
        100,
        0,
    )
    assert row["share_right"] == 1 and row["largest_error"] < 1e-8
    assert (project.results / "figures/figure_atlas.svg").is_file()
    (verdict,) = pq.read_table(project.results / "tables/verification.parquet").to_pylist()
    assert (verdict["share_replayed"], verdict["max_replay_error"]) == (1, 0)
    # There is no second engine, and nothing is said of one.
    assert verdict["engine_compared"] is None and verdict["share_right_by_engine"] is None

    assert project.planned(*targets) == {}
    os.utime(model)
    model.write_text(CARTS.replace('mass="2"', 'mass="4"'))
    assert {"collect_jacobians", "model_structure"} <= set(project.planned(*targets))


def test_the_atlas_plans_what_is_installed_and_names_the_rest(tmp_path):
    project = copy_project(tmp_path / "project").study("config/atlas.yaml")
    said = yaml.safe_load(project.config.read_text())["environments"]
    missing = [name for name in said if said[name].get("optional") and missing_module(name)]
    told = project.snakemake("atlas", "--dry-run", "--quiet", "rules").stdout
    assert [line.split()[0] for line in told.splitlines() if "left out" in line] == missing
    # One collection for each behaviour: some environments have an expert too.
    planned = sum(len(said[name]["behaviours"]) for name in said if name not in missing)
    assert planned > len(said) - len(missing)
    assert project.planned("atlas")["collect_jacobians"] == planned


def test_a_fresh_checkout_plans_its_first_study(tmp_path):
    """Lists of sources were once written while Snakemake planned, which then did not see them."""
    project = copy_project(tmp_path / "project")
    assert not (project.root / ".snakemake").exists()
    assert project.planned("table_1", "figure_5", "verification")["verify_jacobians"] > 0

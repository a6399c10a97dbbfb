"""A study's statistics are published, drawn again elsewhere, and stay when its data go."""

import pytest
import yaml
from projects import Project

from dynsparse.storage.files import sha256

# Whoever uses the finished study shares a worker with it.
pytestmark = pytest.mark.xdist_group("micro")

# Loaded by every Python of a run, which then has no simulator and reads no HDF5.
BARE = """
import sys
for name in ("jax", "jaxlib", "mujoco", "mujoco_playground", "brax", "flax", "h5py"):
    sys.modules[name] = None
"""
DRAWN = [f"tables/table_1.{kind}" for kind in ("parquet", "csv", "md")] + ["figures/figure_5.svg"]


@pytest.fixture(scope="module")
def again(finished):
    """A study of what the finished one has published."""
    finished.snakemake("publish")
    config = finished.root / "again.yaml"
    config.write_text(yaml.safe_dump({"study": "again", "statistics": "results/micro/published"}))
    return Project(finished.root, config)


def test_what_is_published_is_drawn_again_without_a_simulator(finished, again, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BARE)
    source = str(finished.root / "src")
    again.snakemake("table_1", "figure_5", PYTHONPATH=f"{tmp_path}:{source}")
    for name in DRAWN:
        assert sha256(again.results / name) == sha256(finished.results / name)


def test_all_of_it_is_items(again):
    rules = set(again.planned())
    assert {"all", "draw_figure_3", "draw_figure_4", "reproduction"} <= rules
    made = (
        "collect_jacobians",
        "measure_patterns",
        "merge_patterns",
        "model_structure",
        "manifest",
    )
    assert not rules & {*made, "embed", "render", "verification", "summary", "table_a1_1"}


def test_a_published_file_that_was_changed_stops_the_study(again):
    path = again.root / "results/micro/published/merged/CartpoleBalance/random/steps.parquet"
    kept = path.read_bytes()
    try:
        path.write_bytes(kept[:-1])
        done = again.snakemake("--dry-run", check=False)
    finally:
        path.write_bytes(kept)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if not line.startswith("Using workflow")]
    assert "steps.parquet: is not the file that" in line


def test_nothing_to_be_drawn_is_one_line(project):
    study = project.study("config/published.yaml")
    done = study.snakemake("--dry-run", check=False)
    (line,) = [line for line in done.stdout.splitlines() if not line.startswith("Using workflow")]
    assert line.startswith("config: statistics: there is no file docs/results/default/")


def test_statistics_stay_when_their_data_are_removed(finished, again):
    """Environments are run one after the other where all data together are too many."""
    data, aside = finished.results / "data", finished.results.with_name("data-aside")
    data.rename(aside)
    try:
        assert finished.planned("statistics_CartpoleBalance") == {}
        items = ("table_1", "summaries", "figure_4", "verification", "table_memory", "robustness")
        assert finished.planned("publish", "require_verified", *items) == {}
        (finished.results / "tables/table_1.parquet").rename(aside.with_name("table_1"))
        assert set(finished.planned("table_1")) == {"table_1"}
    finally:
        aside.rename(data)
        aside.with_name("table_1").rename(finished.results / "tables/table_1.parquet")

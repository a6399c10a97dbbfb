"""The learning part of the DAG: how many jobs there are, and what a change makes again."""

import csv
import re

import pytest
import yaml
from tiny_learning import COLLECTION, TINY


def variant(project, **changes):
    return project.variant(study="tiny", collection=COLLECTION, learning={**TINY, **changes})


@pytest.fixture(scope="module")
def learned(project):
    """A study of one environment and two learners, its learning items made."""
    study = variant(project)
    tables = ("table_recovery", "table_8", "table_8_pairs", "table_rollout")
    study.snakemake("figure_8", "figure_depth", "figure_rollout", *tables, "hyperparameters")
    return study


def test_a_job_per_environment_and_learner(project):
    jobs = project.study("config/config.yaml").planned()
    assert (jobs["train_models"], jobs["score_controls"], jobs["search_settings"]) == (33, 3, 3)
    paper = project.study("config/paper.yaml")
    assert paper.planned()["train_models"] == 8 * 5
    search = paper.planned("hyperparameters")
    assert search["search_settings"] == 8 * 3
    assert sum(name.startswith("table_a2_") for name in search) == 8 + 1
    assert "train_models" not in search


def test_networks_are_tested_on_behaviours_that_are_not_learned(project):
    behaviours = {"CartpoleBalance": {"behaviours": ["half", "expert", "random"]}}
    splits = {"half": 1, "random": 1}
    study = variant(project, splits=splits, search={**TINY["search"], "runs": {}})
    config = yaml.safe_load(study.config.read_text()) | {"environments": behaviours}
    study.config.write_text(yaml.safe_dump(config))
    output = study.snakemake("--dry-run", "table_8").stdout
    data = "results/tiny/data/CartpoleBalance"
    wanted = [f"{data}/{kind}/seed-0.h5" for kind in ("expert", "half", "random")]
    asked = re.findall(
        r"^rule (train_models|score_controls):\n +input: (.*), \.snakemake", output, re.M
    )
    assert [files.split(", ") for _, files in asked] == [wanted] * 3
    assert set(re.findall("learning/CartpoleBalance/([a-z]+)/", output)) == {"expert"}
    assert study.planned("table_8")["collect_jacobians"] == 3


def test_a_study_makes_its_learning_items(learned):
    results = learned.root / "results/tiny"
    for item in ("figure_8", "figure_depth", "figure_rollout"):
        assert (results / f"figures/{item}.svg").read_text().rstrip().endswith("</svg>")
    tables = ["table_8", "table_8_pairs", "table_recovery", "table_rollout", "table_a2_1"]
    for item in [*tables, "hyperparameters/table_a2_13"]:
        assert (results / f"tables/{item}.md").read_text().count("\n") >= 3
    left = [path.name for path in (results / "learning").rglob("*") if path.name.startswith(".")]
    assert left == []


def test_moved_inputs_train_nothing_again(learned):
    jobs = learned.planned("table_interventions")
    scored = {"move_inputs": 1, "score_moved_controls": 1, "score_moved_networks": 2}
    assert jobs == {**scored, "table_interventions": 1}
    learned.snakemake("table_interventions")
    assert learned.planned("table_interventions", "figure_8", "table_8") == {}
    with (learned.results / "tables/table_interventions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    # One file has no split by policy. Two networks and three controls, three sizes.
    assert {row["split"] for row in rows} == {"episode"}
    assert len(rows) == (2 + 3) * 3
    assert {row["ratio"] for row in rows if row["learner"] == "mean"} == {"1"}
    assert all(int(row["outputs_unmoved"]) for row in rows)


def test_only_what_a_change_touches_is_trained_again(learned):
    assert learned.planned("figure_8") == {}
    more = variant(learned, learners={**TINY["learners"], "mine": {"loss": "state", "depth": 1}})
    jobs = more.planned("figure_8")
    assert jobs == {"train_models": 1, "figure_8": 1}
    of_one = {name: {**each, "epochs": 1} for name, each in list(TINY["learners"].items())[:1]}
    shorter = variant(learned, learners={**TINY["learners"], **of_one})
    assert shorter.planned("figure_8") == {"train_models": 1, "figure_8": 1}
    shown = variant(learned, threshold=0.1)
    assert "train_models" not in shown.planned("figure_8")
    longer = variant(learned, training={**TINY["training"], "epochs": 3})
    assert longer.planned("figure_8")["train_models"] == 2

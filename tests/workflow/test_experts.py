"""Experts trained by the workflow, and a study that uses policies of the user's own."""

import json
import shutil

import pytest

from dynsparse.tables.published import read_published

MINE = "mine/{environment}/seed-{seed}"


@pytest.mark.slow
def test_the_cheapest_expert_is_trained_to_the_papers_return(project):
    study = project.variant(
        study="trained",
        environments={"ReacherHard": {"behaviours": ["expert"]}},
        policies={"expert": "trained"},
    )
    study.snakemake("experts")
    folder = study.root / "results/trained/experts/ReacherHard/seed-0"
    card = json.loads((folder / "card.json").read_text())
    paper = read_published(study.root / "resources/paper/table_a1_1.csv", ["mean_reward"])
    reached = card["expert"]["evaluation"]["stochastic"]["mean"]
    assert reached >= 0.95 * paper["ReacherHard"]["mean_reward"]


def test_a_partly_trained_policy_is_trained_where_the_study_trains(project):
    study = project.variant(
        study="halves",
        environments={"ReacherHard": {"behaviours": ["half"]}},
        policies={"expert": "trained"},
    )
    data = "results/halves/data/ReacherHard/half/seed-0.h5"
    assert study.planned(data) == {"train_expert": 1, "collect_jacobians": 1}


def a_study_with_mine(project, policy_of):
    """A study of CartpoleBalance whose policy was made for ``policy_of``."""
    shipped = project.root / f"resources/experts/{policy_of}/seed-0/policy.safetensors"
    mine = project.root / "mine/CartpoleBalance/seed-0/policy.safetensors"
    mine.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(shipped, mine)
    return project.variant(
        study="mine",
        environments={"CartpoleBalance": {"behaviours": ["expert"]}},
        policies={"expert": MINE},
    )


def test_a_study_with_a_missing_policy_of_ones_own_runs_no_job(project):
    study = project.variant(
        study="missing",
        environments={"CartpoleBalance": {"behaviours": ["expert"]}},
        policies={"expert": "elsewhere/{environment}"},
    )
    done = study.snakemake("-n", check=False)
    assert done.returncode == 1
    path = "elsewhere/CartpoleBalance/policy.safetensors"
    assert f"there is no expert for seed 0 ({path})" in done.stdout


def test_a_policy_of_another_environment_is_refused_by_name(project):
    study = a_study_with_mine(project, "ReacherHard")
    data = "results/mine/data/CartpoleBalance/expert/seed-0.h5"
    done = study.snakemake(data, check=False)
    assert done.returncode == 1
    message = "policy.safetensors: the policy's environment is ReacherHard, not CartpoleBalance"
    assert f"error: mine/CartpoleBalance/seed-0/{message}" in done.stdout
    assert not (study.root / data).exists()


def test_a_policy_of_ones_own_needs_no_learning_curve(project):
    done = a_study_with_mine(project, "CartpoleBalance").snakemake("-n", "all")
    assert "collect_jacobians" in done.stdout
    assert "learning_curves" not in done.stdout

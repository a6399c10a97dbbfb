"""Experts trained by the workflow, and a study that uses policies of the user's own."""

import json
import re
import shutil

import pytest

from dynsparse.tables.published import read_published

MINE = "mine/{environment}/seed-{seed}"
SCHEDULES = "resources/experts/schedules.yaml"


def policies(expert, schedules=SCHEDULES):
    return {"expert": expert, "schedules": schedules}


@pytest.mark.slow
def test_the_cheapest_expert_is_trained_to_the_papers_return(project):
    study = project.variant(
        study="trained",
        environments={"ReacherHard": {"behaviours": ["expert"]}},
        policies=policies("trained"),
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
        policies=policies("trained"),
    )
    data = "results/halves/data/ReacherHard/half/seed-0.h5"
    assert study.planned(data) == {"train_expert": 1, "collect_jacobians": 1}


def a_study_that_trains(project, schedules):
    return project.variant(
        study="scheduled",
        environments={"ReacherHard": {"behaviours": ["expert"]}},
        policies=policies("trained", schedules),
    )


def test_experts_are_trained_by_the_file_of_schedules_that_the_study_names(project):
    (project.root / "mine.yaml").write_text("{}\n")
    done = a_study_that_trains(project, "mine.yaml").snakemake("-n", "experts")
    (inputs,) = re.findall(r"^rule train_expert:\n    input: (.+)$", done.stdout, re.M)
    assert "mine.yaml" in inputs.split(", ")
    assert SCHEDULES not in inputs


@pytest.mark.parametrize(
    "target", ["experts", "all", "results/scheduled/data/ReacherHard/expert/seed-0.h5"]
)
def test_a_study_that_trains_without_its_file_of_schedules_runs_no_job(project, target):
    study = a_study_that_trains(project, "absent.yaml")
    done = study.snakemake("-n", target, check=False)
    assert done.returncode == 1
    assert "config: policies.schedules: there is no file absent.yaml; " in done.stdout


def test_a_study_that_trains_nothing_needs_no_file_of_schedules(project):
    study = project.variant(
        study="unscheduled",
        environments={"CartpoleBalance": {"behaviours": ["expert"]}},
        policies=policies("shipped", "absent.yaml"),
    )
    study.snakemake("-n", "all")


def a_study_with_mine(project, policy_of):
    """A study of CartpoleBalance whose policy was made for ``policy_of``."""
    shipped = project.root / f"resources/experts/{policy_of}/seed-0/policy.safetensors"
    mine = project.root / "mine/CartpoleBalance/seed-0/policy.safetensors"
    mine.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(shipped, mine)
    return project.variant(
        study="mine",
        environments={"CartpoleBalance": {"behaviours": ["expert"]}},
        policies=policies(MINE),
    )


def test_a_study_with_a_missing_policy_of_ones_own_runs_no_job(project):
    study = project.variant(
        study="missing",
        environments={"CartpoleBalance": {"behaviours": ["expert"]}},
        policies=policies("elsewhere/{environment}"),
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

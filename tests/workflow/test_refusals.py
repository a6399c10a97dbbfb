"""What Snakemake shows of a study that is refused: the line that says why, and nothing else."""

import pytest
import yaml


def shown(study, *arguments):
    """What a dry run shows, but for Snakemake's word on profiles."""
    done = study.snakemake("--dry-run", *arguments, check=False)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    return [line for line in lines if not line.startswith("Using workflow specific profile")]


@pytest.mark.parametrize("word", ["table_1", "config/paper.yaml"])
def test_a_word_after_configfile_is_no_second_study(project, word):
    assert shown(project, "--configfile", word) == [
        f"config: --configfile: {word} is taken for a second file; a study is one file, and targets"
        " go before --configfile"
    ]


def test_a_file_that_is_not_there(project):
    study = project.study("config/papr.yaml")
    assert shown(study) == [f"config: --configfile: there is no file {study.config}"]


def test_a_key_written_twice(project):
    study = project.variant(study="twice")
    text = study.config.read_text()
    study.config.write_text(f"{text}seeds: [0, 1]\n")
    (line,) = shown(study)
    last = text.count("\n") + 1
    assert line.startswith(f"config: {study.config}, line {last}: seeds is written twice, first in")


def test_an_expert_that_is_not_there(project):
    study = project.variant(
        study="absent",
        environments={"HopperHop": {"behaviours": ["random", "expert"]}},
        policies={"expert": "~/absent-experts/{environment}/{seed}"},
    )
    (line,) = shown(study, "table_1")
    assert line.startswith("config: environments.HopperHop: there is no expert for seed 0 (/")
    assert "/absent-experts/HopperHop/0/policy.safetensors)" in line
    assert not study.results.exists()


def test_whole_numbers_with_a_point_and_what_is_left_out(project):
    study = project.variant(study="points")
    study.config.write_text(
        yaml.safe_dump(
            {
                "study": "points",
                "environments": {"CartpoleBalance": {"behaviours": ["random"]}},
                "seeds": [0.0],
            }
        )
    )
    assert study.planned("results/points/data/CartpoleBalance/random/seed-0.h5") == {
        "collect_jacobians": 1
    }

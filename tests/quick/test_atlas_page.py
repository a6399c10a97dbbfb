"""The atlas's page says in words what its table says in numbers."""

from pathlib import Path

import pyarrow.csv as pc
import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORDS = {6: "six", 17: "seventeen", 18: "eighteen"}


@pytest.fixture(scope="module")
def page():
    return " ".join((ROOT / "docs/atlas.md").read_text().split())


@pytest.fixture(scope="module")
def rows():
    return pc.read_csv(ROOT / "docs/results/atlas/table_atlas.csv").to_pandas()


def word(count):
    return WORDS.get(count, str(count))


def test_how_many_rows_have_elements_that_are_always_zero(page, rows):
    suite = rows[(rows.suite == "playground") & (rows.behaviour == "random")]
    none, of = word((suite.always_zero_percent == 0).sum()), word(len(suite))
    assert f"Of its {of} rows of random actions, {none} have no element that is always" in page
    assert f"{none.capitalize()} of the suite's {of} rows of random actions have none" in page
    assert suite.always_zero_percent.max() < 20  # "no row has more than a fifth"
    others = rows[rows.suite != "playground"]
    many = word((others.always_zero_percent > 40).sum())
    assert f"There {many} of {word(len(others))} rows have more than 40 %" in page


def test_each_row_is_whole_and_right(rows):
    """Four episodes of 250 steps, and no sample that was compared is wrong."""
    assert set(rows.samples) == {1000}
    assert set(rows.share_right) == {1.0}


def test_a_policy_changes_nothing_of_what_is_always_zero(rows):
    both = rows.pivot(index="environment", columns="behaviour", values="always_zero_percent")
    both = both.dropna()
    assert len(both) == 8 and (both.random == both.expert).all()


def test_a_contact_takes_zeros_away(rows):
    """But for a pole in the air, which has none."""
    both = rows.dropna(subset=["mean_touching_percent", "mean_apart_percent"])
    more = both[both.mean_touching_percent >= both.mean_apart_percent]
    assert len(both) > 20 and set(more.environment) == {"AcrobotSwingup"}
    assert (more.mean_apart_percent == 0).all()


def test_the_sparsest_have_two_bodies_that_may_part(rows):
    alone = rows[(rows.mean_percent >= 40) & (rows.trees < 2)]
    assert {name.split("Pose")[0] for name in alone.environment} == {"PointMass", "myoElbow"}


def test_how_many_environments_there_are(rows):
    for page in ("README.md", "CHANGELOG.md"):
        text = " ".join((ROOT / page).read_text().split())
        assert f"{rows.environment.nunique()} environments" in text, page


def test_what_its_study_names_is_there(rows):
    study = yaml.safe_load((ROOT / "config/atlas.yaml").read_text())
    assert {name.split(":")[-1].replace("_", "-") for name in study["environments"]} == {
        name.replace("_", "-") for name in rows.environment
    }

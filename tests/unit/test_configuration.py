"""A study's config is checked before any work is done."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dynsparse.configuration import check_configuration
from dynsparse.errors import DynsparseError
from dynsparse.suite import SUITE

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def check(config):
    check_configuration(config, SCHEMA, SUITE)


def changed(path, value):
    config = copy.deepcopy(DEFAULT)
    *folders, key = path.split(".")
    inner = config
    for folder in folders:
        inner = inner[folder]
    inner[key] = value
    return config


@pytest.mark.parametrize("name", ["config.yaml", "paper.yaml"])
def test_the_shipped_studies_are_valid(name):
    check(yaml.safe_load((ROOT / "config" / name).read_text()))


def test_the_papers_study_is_the_papers():
    paper = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    sizes = paper["collection"]
    assert len(paper["seeds"]) * sizes["episodes"] * sizes["steps"] == 1_000_000
    published = (ROOT / "resources/paper/table1.csv").read_text().splitlines()[1:]
    assert set(paper["environments"]) == {line.split(",")[0] for line in published}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("collection.steps", -1, r"collection\.steps: -1 is less than the minimum of 1"),
        ("collection.steps", 1.5, r"collection\.steps: 1\.5 is not of type 'integer'"),
        ("collection.stepz", 5, r"collection: unknown key 'stepz'; did you mean 'steps'\?"),
        ("collection.block_episodes", 3, r"block_episodes must not exceed collection\.episodes"),
        ("colection", {}, r"unknown key 'colection'; did you mean 'collection'\?"),
        ("sparsity.threshold", "1e-12", r"sparsity\.threshold: .* write 1\.0e-12"),
        ("sparsity.threshold", 0, r"sparsity\.threshold"),
        ("environments", {}, r"environments"),
        ("environments.HoperHop", {"behaviours": ["random"]}, r"did you mean 'HopperHop'\?"),
        ("environments.CheetahRun", {"behaviours": ["expret"]}, r"'expret' is not one of"),
        ("seeds", [0, 0], r"seeds: .*unique"),
        ("seeds", [], r"seeds"),
        ("study", "a/b", r"study: 'a/b' does not match"),
        ("jacobian.method", "magic", r"jacobian\.method: 'magic' is not one of"),
        ("verification.least_share_right", 2, r"verification\.least_share_right"),
    ],
)
def test_a_bad_value_is_refused_by_its_key(path, value, message):
    with pytest.raises(DynsparseError, match=message) as caught:
        check(changed(path, value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", list(DEFAULT))
def test_every_key_is_required(key):
    config = {k: v for k, v in DEFAULT.items() if k != key}
    with pytest.raises(DynsparseError, match=key):
        check(config)


@given(st.text(min_size=1).filter(lambda name: name not in DEFAULT))
def test_an_unknown_key_is_always_named(name):
    with pytest.raises(DynsparseError) as caught:
        check({**DEFAULT, name: 1})
    assert repr(name) in str(caught.value)

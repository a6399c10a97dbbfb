"""Environments of MuJoCo's C engine in a study: what is refused, left out, and where files are."""

import copy
import re

import pytest
import yaml
from projects import ROOT, micro_config

from dynsparse.configuration import resolve, without_missing
from dynsparse.errors import DynsparseError
from dynsparse.study.layout import Case, Study
from dynsparse.suite import SUITE, SUITES, dataset_name, missing_module, mjcf_file, on_c_engine

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
WALK, BARE = "dm_control:quadruped-walk", "mjcf:5:models/my_robot.xml"
RANDOM = {"behaviours": ["random"]}


def study(*names, **changes):
    config = micro_config(environments=dict.fromkeys(names, RANDOM), **changes)
    return {**config, "sparsity": {"threshold": 1e-8, **changes.get("sparsity", {})}}


def resolved(config):
    return resolve(copy.deepcopy(config), SCHEMA, SUITE)


def refusal(config):
    with pytest.raises(DynsparseError) as caught:
        resolved(config)
    return str(caught.value)


def test_a_study_holds_environments_of_both_engines():
    config = resolved(study(WALK, "CheetahRun", BARE))
    layout = Study(config, "results/micro")
    assert layout.cases == [
        Case("quadruped-walk", "random"),
        Case("CheetahRun", "random"),
        Case("my-robot", "random"),
    ]
    assert layout.names == {"quadruped-walk": WALK, "CheetahRun": "CheetahRun", "my-robot": BARE}
    path = "results/micro/data/quadruped-walk/random/seed-0.h5"
    assert layout.data(layout.cases[0], 0) == path
    assert resolved(config) == config


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sparsity": {"threshold": 1e-12}}, "differences of dm_control:quadruped-walk can tell"),
        ({"simulator": {"solver": "converged"}}, "simulator.solver: converged is of MJX"),
        ({"simulator": {"dtype": "float32"}}, "simulator.dtype: float32 is of MJX"),
        ({"jacobian": {"method": "hybrid"}}, "jacobian.method: hybrid is of MJX"),
        (
            {"robustness": {"ablations": {"far": {"simulator": {"solver": "converged"}}}}},
            "simulator.solver (robustness.ablations.far): converged",
        ),
        ({"learning": {"environments": [WALK]}}, f"learning.environments: {WALK} is simulated on"),
    ],
)
def test_what_such_an_environment_cannot_have_is_refused_before_any_work(changes, text):
    assert text in refusal(study(WALK, "CheetahRun", **changes))


def test_there_are_no_policies_of_such_an_environment():
    config = study(WALK)
    config["environments"] = {WALK: {"behaviours": ["random", "expert"]}}
    expected = f"environments.{WALK}.behaviours: on MuJoCo's C engine actions are random"
    assert expected in refusal(config)


@pytest.mark.parametrize("twin", ["gymnasium:quadruped/walk", "mjcf:CheetahRun.xml"])
def test_two_environments_of_one_folder_are_refused(twin):
    assert "are both called" in refusal(study(WALK, "CheetahRun", twin))


def test_an_optional_environment_that_is_not_installed_is_left_out_with_a_line():
    missing = "gymnasium:no_such_module:Robot-v0"
    config = resolved(study("CheetahRun", missing))
    with pytest.raises(DynsparseError, match="'no_such_module' is not installed"):
        without_missing(config)
    config["environments"][missing] = {**RANDOM, "optional": True}
    config["verification"]["accept"] = {missing: ["smooth"], "CheetahRun": ["engine"]}
    left, lines = without_missing(resolved(config))
    assert list(left["environments"]) == ["CheetahRun"]
    assert lines == [f"{missing} is left out: the Python module 'no_such_module' is not installed"]
    assert without_missing(resolved(left)) == (left, [])
    del config["environments"]["CheetahRun"], config["verification"]["accept"]["CheetahRun"]
    with pytest.raises(DynsparseError, match="environments: none is left"):
        without_missing(resolved(config))


def test_a_bare_model_has_a_file(tmp_path):
    model = tmp_path / "a b:c.xml"
    there, numbered = f"mjcf:{model}", f"mjcf:5:{model}"
    assert mjcf_file(there) == mjcf_file(numbered) == str(model)
    assert dataset_name(there) == dataset_name(numbered) == "a-b-c"
    for name in (there, "mjcf:", "mjcf:5:", f"mjcf:{tmp_path}"):
        with pytest.raises(DynsparseError, match=f"environments.{re.escape(name)}: there is no f"):
            without_missing(resolved(study(name)))
    model.write_text("<mujoco/>")
    config = resolved(study(numbered))
    assert without_missing(config) == (config, [])
    for steps in ("0", "10001", "9999999999"):
        with pytest.raises(DynsparseError, match="1 to 10000 simulator steps make a control step"):
            without_missing(resolved(study(f"mjcf:{steps}:{model}")))
    model.rename(tmp_path / "{b}.xml")
    with pytest.raises(DynsparseError, match="the path has braces"):
        without_missing(resolved(study(f"mjcf:{tmp_path / '{b}.xml'}")))


def test_what_is_installed_is_not_missing():
    assert missing_module("gymnasium:json:Robot-v0") is None
    assert missing_module(BARE) is None
    assert missing_module("callable:no_such_module.inside:make") == "no_such_module"


def test_the_atlas_is_a_study_of_models_on_both_engines():
    atlas = resolve(
        yaml.safe_load((ROOT / "config/atlas.yaml").read_text()),
        SCHEMA,
        [name for suite in SUITES for name in suite.environments],
    )
    names = atlas["environments"]
    assert len(names) >= 60
    assert len({dataset_name(name) for name in names}) == len(names)
    # Whoever has the simulator alone has an atlas too.
    assert all(names[name].get("optional") for name in names if name not in SUITE)
    assert sum(map(on_c_engine, names)) >= 25
    assert {1e-9, 1e-7} <= set(atlas["sparsity"]["other_thresholds"])

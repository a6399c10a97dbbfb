"""A study's configuration: what is allowed, and what is said of what is not."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dynsparse.configuration import NOISE, check_configuration, schedules_file
from dynsparse.errors import DynsparseError
from dynsparse.suite import SUITE

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())
NESTED = [section for section, value in DEFAULT.items() if isinstance(value, dict)]
# Every number of a study's settings: section and key.
COUNTS = [
    ("collection", "episodes"),
    ("collection", "steps"),
    ("collection", "block_episodes"),
    ("collection", "batch_samples"),
    ("verification", "samples"),
]


def check(study):
    check_configuration(study, SCHEMA, SUITE)


def changed(path, value):
    """The default study with one value replaced or added."""
    study = copy.deepcopy(DEFAULT)
    *parents, last = path
    place = study
    for key in parents:
        place = place[key]
    place[last] = value
    return study


def refusal(study):
    """The message about a study that is refused: one line that begins with ``config:``."""
    with pytest.raises(DynsparseError) as caught:
        check(study)
    message = str(caught.value)
    assert re.fullmatch(r"config: .+", message), message
    return message


@pytest.mark.parametrize("name", ["config", "learning", "paper", "robustness", "verification"])
def test_shipped_studies_are_valid(name):
    check(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))


def test_the_study_of_the_example_is_valid():
    study = yaml.safe_load((ROOT / "examples/two-pendulums/study.yaml").read_text())
    check_configuration(study, SCHEMA, (*SUITE, "TwoPendulums"))
    assert set(study) == set(DEFAULT)


def test_the_default_study_is_the_one_that_was_asked_for():
    names = ["CartpoleBalance", "ReacherHard", "BallInCup", "FingerSpin", "FingerTurnEasy"]
    names += ["CheetahRun", "WalkerRun", "SwimmerSwimmer6"]
    assert list(DEFAULT["environments"]) == names
    assert len(DEFAULT["seeds"]) == 2
    assert DEFAULT["sparsity"]["threshold"] == 1e-12


def test_the_papers_study_is_the_papers():
    paper = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    size = paper["collection"]
    assert (len(paper["environments"]), len(paper["seeds"])) == (8, 10)
    assert (size["episodes"], size["steps"]) == (100, 1000)


@pytest.mark.parametrize("key", DEFAULT)
def test_every_key_is_required(key):
    study = {name: value for name, value in DEFAULT.items() if name != key}
    assert f"'{key}' is a required property" in refusal(study)


@pytest.mark.parametrize("section", NESTED)
def test_every_key_of_a_section_is_required(section):
    for key in DEFAULT[section]:
        if section == "environments":
            continue
        study = copy.deepcopy(DEFAULT)
        del study[section][key]
        message = refusal(study)
        assert message.startswith(f"config: {section}: ")
        assert f"'{key}' is a required property" in message


words = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)


@given(word=words.filter(lambda word: word not in DEFAULT))
def test_an_unknown_key_is_named(word):
    message = refusal(changed([word], 1))
    assert f"unknown key {word!r}; did you mean '" in message


@given(section=st.sampled_from([s for s in NESTED if s != "environments"]), word=words)
def test_an_unknown_key_of_a_section_is_named(section, word):
    if word in DEFAULT[section]:
        word = f"{word}_"
    message = refusal(changed([section, word], 1))
    assert message.startswith(f"config: {section}: unknown key {word!r}; did you mean '")


def test_an_unknown_key_of_an_environment_is_named():
    study = changed(["environments", "ReacherHard"], {"behaviour": ["random"]})
    assert "environments.ReacherHard" in refusal(study)
    study = changed(["environments", "ReacherHard", "behaviors"], ["random"])
    expected = "environments.ReacherHard: unknown key 'behaviors'; did you mean 'behaviours'?"
    assert expected in refusal(study)


def test_a_misspelt_key_is_told_the_nearest():
    assert "did you mean 'threshold'?" in refusal(changed(["sparsity", "treshold"], 1e-12))


def test_a_misspelt_environment_is_told_the_nearest():
    study = changed(["environments"], {"CheetaRun": {"behaviours": ["random"]}})
    expected = "environments: 'CheetaRun' does not exist; did you mean 'CheetahRun'?"
    assert refusal(study) == f"config: {expected}"


@given(name=st.text(max_size=20).filter(lambda name: name not in SUITE))
def test_an_unknown_environment_is_named(name):
    study = changed(["environments"], {name: {"behaviours": ["random"]}})
    message = refusal(study)
    assert "environments: " in message
    assert re.search(r"did you mean '(\w+)'\?$", message)[1] in SUITE


@given(key=st.sampled_from(COUNTS), value=st.integers(max_value=0))
def test_a_count_below_one_is_named(key, value):
    message = refusal(changed(key, value))
    assert message == f"config: {'.'.join(key)}: {value} is less than the minimum of 1"


not_integers = st.one_of(
    st.text(max_size=8),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer()),
    st.lists(st.integers(1), max_size=2),
)


@given(key=st.sampled_from(COUNTS), value=not_integers)
def test_a_count_of_another_type_is_named(key, value):
    message = refusal(changed(key, value))
    assert message.startswith(f"config: {'.'.join(key)}: ")
    assert "is not of type 'integer'" in message


def test_differences_need_a_threshold_above_their_noise():
    study = changed(["jacobian", "method"], "mujoco_c")
    assert "mujoco_c can tell from zero; write 1.0e-08 or more" in refusal(study)
    study["sparsity"]["threshold"] = NOISE
    check_configuration(study, SCHEMA, SUITE)


@pytest.mark.parametrize("threshold", ["1e-12", "1e-9"])
def test_a_threshold_that_yaml_reads_as_text_is_explained(threshold):
    study = yaml.safe_load(yaml.safe_dump(DEFAULT).replace("1.0e-12", threshold))
    assert study["sparsity"]["threshold"] == threshold
    message = refusal(study)
    assert message.startswith(f"config: sparsity.threshold: '{threshold}' is not of type 'number'")
    assert message.endswith("(YAML reads 1e-12 as text; write 1.0e-12)")


IMPOSSIBLE = [
    (("sparsity", "threshold"), 0, "sparsity.threshold: 0 is less than or equal to the minimum"),
    (("sparsity", "threshold"), -1e-12, "sparsity.threshold: -1e-12 is less than"),
    (("sparsity", "other_thresholds"), [1e-9, 0.0], "sparsity.other_thresholds.1: 0.0 is less"),
    (("sparsity", "other_thresholds"), ["1e-9"], "sparsity.other_thresholds.0: '1e-9' is not of"),
    (("seeds",), [0, 0], "seeds: [0, 0] has non-unique elements"),
    (("seeds",), [-1], "seeds.0: -1 is less than the minimum of 0"),
    (("seeds",), [], "seeds: "),
    (("environments",), {}, "environments: "),
    (("environments", "FingerSpin", "behaviours"), [], "environments.FingerSpin.behaviours: "),
    (
        ("environments", "FingerSpin", "behaviours"),
        ["skilled"],
        "environments.FingerSpin.behaviours.0: 'skilled' is not one of ['expert', 'half'",
    ),
    (
        ("environments", "FingerSpin", "behaviours"),
        "random",
        "environments.FingerSpin.behaviours: ",
    ),
    (("jacobian", "method"), "exact", "jacobian.method: 'exact' is not one of ['auto', "),
    (("simulator", "solver"), "fast", "simulator.solver: 'fast' is not one of ['as_shipped', "),
    (("simulator", "dtype"), "float16", "simulator.dtype: 'float16' is not one of ['float64', "),
    (("policies", "expert"), "bought", "policies.expert: 'bought' is neither 'shipped' nor "),
    (("policies", "schedules"), "", "policies.schedules: "),
    (("policies", "schedules"), {}, "policies.schedules: {} is not of type 'string'"),
    (("study",), "../elsewhere", "study: '../elsewhere' does not match"),
    (("study",), "", "study: '' does not match"),
    (("study",), None, "study: None is not of type 'string'"),
    (("collection",), None, "collection: None is not of type 'object'"),
    (("collection", "block_episodes"), 3, "collection.block_episodes must not exceed"),
]


@pytest.mark.parametrize(("path", "value", "message"), IMPOSSIBLE)
def test_an_impossible_value_is_named(path, value, message):
    assert refusal(changed(path, value)).startswith(f"config: {message}")


def test_a_file_of_schedules_is_looked_for_from_the_root(tmp_path):
    assert schedules_file(DEFAULT, ROOT) == "resources/experts/schedules.yaml"
    (tmp_path / "mine.yaml").write_text("{}")
    study = changed(("policies", "schedules"), "mine.yaml")
    assert schedules_file(study, tmp_path) == "mine.yaml"
    assert schedules_file(changed(("policies", "schedules"), str(tmp_path / "mine.yaml")), ROOT)


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_missing_file_of_schedules_is_one_error_that_names_the_key(tmp_path, name):
    study = changed(("policies", "schedules"), name)
    check(study)
    with pytest.raises(DynsparseError) as caught:
        schedules_file(study, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"config: policies.schedules: there is no file {name}; ")
    assert "\n" not in message


def test_an_empty_study_is_refused():
    assert refusal({}).startswith("config: top level: ")


def test_a_message_names_one_of_several_mistakes():
    study = changed(["collection", "steps"], -1)
    study["jacobain"] = {}
    assert "\n" not in refusal(study)


@pytest.mark.parametrize("folder", ["mine/{environment}/seed-{seed}", "/a/{environment}"])
def test_a_folder_of_ones_own_policies_is_accepted(folder):
    check(changed(("policies", "expert"), folder))


@pytest.mark.parametrize("folder", ["shiped", "mine/{seed}", "mine/{environment}/{kind}", ""])
def test_what_is_no_folder_of_policies_is_refused(folder):
    message = refusal(changed(("policies", "expert"), folder))
    assert f"policies.expert: {folder!r} is neither 'shipped' nor 'trained'" in message

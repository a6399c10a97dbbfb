"""A study's configuration: what is allowed, and what is said of what is not."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dynsparse.configuration import (
    NOISE,
    check_written,
    resolve,
    schedules_file,
)
from dynsparse.configuration.pages import default_study, written
from dynsparse.errors import DynsparseError
from dynsparse.suite import GYMNASIUM, ROBOTS, SUITE

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
DEFAULT = resolve({"study": "default"}, SCHEMA, SUITE)
SECTIONS = [name for name, part in SCHEMA["properties"].items() if part.get("default") == {}]
STUDIES = sorted((ROOT / "config").glob("*.yaml")) + [ROOT / "examples/two-pendulums/study.yaml"]
# Every number of a study's settings: section and key.
COUNTS = [
    ("collection", "episodes"),
    ("collection", "steps"),
    ("collection", "block_episodes"),
    ("verification", "samples"),
]
# Each example resolves a whole study, with every type checked.
EXAMPLES = settings(max_examples=30)
# 0 is as many as suit the device.
BATCH = ("collection", "batch_samples")


def check(study, environments=SUITE):
    return resolve(study, SCHEMA, environments)


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


def read(path):
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_is_valid_and_says_only_what_differs(path):
    check_written(path)
    environments = (*SUITE, *ROBOTS, *GYMNASIUM, "TwoPendulums")
    said, study = read(path), check(read(path), environments)
    # In full it is a study too, and the same one.
    assert json.dumps(check(study, environments)) == json.dumps(study)
    if path.stem == "config":
        assert json.dumps(study) == json.dumps(said) == json.dumps(DEFAULT)
    else:
        assert list(repeated(said, DEFAULT)) == []


def repeated(said, default):
    """The keys at which a study says what it would have without saying it."""
    for name, value in said.items():
        if isinstance(value, dict) and isinstance(default.get(name), dict):
            yield from repeated(value, default[name]) if name in SECTIONS else ()
        elif default.get(name) == value:
            yield name


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_an_editor_finds_the_schema(path):
    first = path.read_text().splitlines()[0]
    schema = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)[1]
    assert (path.parent / schema).resolve() == ROOT / "workflow/schemas/config.schema.yaml"


def test_the_pages_are_those_of_the_schema():
    files = written(SCHEMA, (ROOT / "docs/configuration.md").read_text())
    for path, text in files.items():
        assert (ROOT / path).read_text() == text, (
            f"{path} differs from the schema: python -m dynsparse.configuration.pages --fix"
        )


def test_a_changed_schema_changes_both_pages():
    schema = copy.deepcopy(SCHEMA)
    schema["properties"]["collection"]["properties"]["steps"]["default"] = 777
    for text in written(schema, (ROOT / "docs/configuration.md").read_text()).values():
        assert "777" in text
    assert yaml.safe_load(default_study(schema))["collection"]["steps"] == 777
    with pytest.raises(DynsparseError, match="docs/configuration.md"):
        written(schema, "# A page without marks\n")


def parts(schema, key=""):
    """Every key that a study in full has, with its part of the schema."""
    for name, part in schema["properties"].items():
        yield f"{key}{name}", part
        if part.get("default") == {} and "properties" in part:
            yield from parts(part, f"{key}{name}.")


def test_every_key_has_a_default_and_a_description():
    Draft202012Validator.check_schema(SCHEMA)
    found = dict(parts(SCHEMA))
    assert {"seeds", "learning.search.runs", "verification.accept"} <= set(found)
    assert all(part["description"].endswith(".") for part in found.values())
    assert [key for key, part in found.items() if "default" not in part] == ["study"]


def test_the_default_study_is_the_one_that_was_asked_for():
    names = ["CartpoleBalance", "ReacherHard", "BallInCup", "FingerSpin", "FingerTurnEasy"]
    names += ["CheetahRun", "WalkerRun", "SwimmerSwimmer6"]
    assert list(DEFAULT["environments"]) == names
    assert len(DEFAULT["seeds"]) == 2
    assert DEFAULT["sparsity"]["threshold"] == 1e-12


def test_the_papers_study_is_the_papers():
    paper = check(read(ROOT / "config/paper.yaml"))
    size = paper["collection"]
    assert (len(paper["environments"]), len(paper["seeds"])) == (8, 5)
    assert (size["episodes"], size["steps"]) == (200, 1000)


def test_a_study_needs_a_name_and_nothing_else():
    assert "'study' is a required property" in refusal({"seeds": [0]})
    assert check({"study": "mine"}) == {**DEFAULT, "study": "mine"}


def test_sections_are_filled_in_and_all_else_is_replaced():
    random = {"HopperHop": {"behaviours": ["random"]}}
    said = {
        "study": "mine",
        "environments": random,
        "collection": {"steps": 7},
        "learning": {"learners": {"mine": {"loss": "state"}}, "search": {"runs": {}}},
    }
    before = copy.deepcopy(said)
    study = check(said)
    assert said == before
    assert study["environments"] == random
    assert study["collection"] == {**DEFAULT["collection"], "steps": 7}
    assert study["learning"]["learners"] == {"mine": {"architecture": "mlp", "loss": "state"}}
    assert study["learning"]["search"] == {**DEFAULT["learning"]["search"], "runs": {}}
    assert study["learning"]["environments"] == []
    study["learning"]["search"]["seeds"].append(3)
    assert check(said)["learning"]["search"]["seeds"] == DEFAULT["learning"]["search"]["seeds"]


def test_experts_act_where_nothing_else_is_said():
    study = check({"study": "mine", "environments": {"FingerSpin": {}, "BallInCup": {}}})
    assert study["environments"]["FingerSpin"] == {"behaviours": ["expert"]}
    assert study["learning"]["environments"] == ["BallInCup", "FingerSpin"]


@EXAMPLES
@given(order=st.permutations(list(DEFAULT)))
def test_the_order_in_which_a_study_is_written_does_not_matter(order):
    assert json.dumps(check({name: DEFAULT[name] for name in order})) == json.dumps(DEFAULT)


def test_an_ablation_differs_from_its_own_study():
    study = check(
        {
            "study": "mine",
            "simulator": {"solver": "converged"},
            "robustness": {"ablations": {"f": {"simulator": {"dtype": "float32"}}}},
        }
    )
    both = {"solver": "converged", "dtype": "float32"}
    assert study["robustness"]["ablations"] == {"f": {"simulator": both}}


words = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)


@EXAMPLES
@given(word=words.filter(lambda word: word not in DEFAULT))
def test_an_unknown_key_is_named(word):
    message = refusal(changed([word], 1))
    assert f"unknown key {word!r}; did you mean '" in message


@EXAMPLES
@given(section=st.sampled_from(SECTIONS), word=words)
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


@EXAMPLES
@given(name=st.text(max_size=20).filter(lambda name: name not in SUITE))
def test_an_unknown_environment_is_named(name):
    study = changed(["environments"], {name: {"behaviours": ["random"]}})
    message = refusal(study)
    assert "environments: " in message
    assert re.search(r"did you mean '(\w+)'\?$", message)[1] in SUITE


@EXAMPLES
@given(key=st.sampled_from(COUNTS), value=st.integers(max_value=0))
def test_a_count_below_one_is_named(key, value):
    message = refusal(changed(key, value))
    assert message == f"config: {'.'.join(key)}: {value} is less than the minimum of 1"


@EXAMPLES
@given(value=st.integers(max_value=-1))
def test_a_batch_below_nothing_is_named(value):
    message = refusal(changed(BATCH, value))
    assert message == f"config: {'.'.join(BATCH)}: {value} is less than the minimum of 0"


not_integers = st.one_of(
    st.text(max_size=8),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer()),
    st.lists(st.integers(1), max_size=2),
)


@EXAMPLES
@given(key=st.sampled_from([*COUNTS, BATCH]), value=not_integers)
def test_a_count_of_another_type_is_named(key, value):
    message = refusal(changed(key, value))
    assert message.startswith(f"config: {'.'.join(key)}: ")
    assert "is not of type 'integer'" in message


def test_differences_need_a_threshold_above_their_noise():
    study = changed(["jacobian", "method"], "mujoco_c")
    assert "mujoco_c can tell from zero; write 1.0e-08 or more" in refusal(study)
    study["sparsity"]["threshold"] = NOISE
    check(study)


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
    (("seeds",), [0, 0], "seeds: 0 stands there twice"),
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
    (("policies", "expert"), "bought", "policies.expert: 'bought' is none of shipped, trained, "),
    (("policies", "schedules"), "", "policies.schedules: "),
    (("statistics",), ["docs"], "statistics: ['docs'] is not of type 'string'"),
    (("statistics",), "", "statistics: "),
    (("policies", "schedules"), {}, "policies.schedules: {} is not of type 'string'"),
    (("study",), "../elsewhere", "study: '../elsewhere' may have letters, digits, - and _ only"),
    (("study",), "", "study: '' may have letters"),
    (("study",), None, "study: None is not of type 'string'"),
    (("collection",), None, "collection: None is not of type 'object'"),
    (("collection", "block_episodes"), 3, "collection.block_episodes must not exceed"),
    (("learning", "splits"), {"half": 2}, "learning.splits.half: 2 is greater than the maximum of"),
    (
        ("learning", "splits"),
        {"hlaf": 1},
        "learning.splits: unknown key 'hlaf'; did you mean 'half'",
    ),
    (
        ("learning", "splits"),
        {"episode": 1, "half": 1},
        "learning.splits.half: BallInCup has no behaviour half to test on; add it to environments.",
    ),
    (
        ("learning", "splits"),
        {"expert": 1},
        "learning.splits: expert: no behaviour of BallInCup is left to learn; add one to env",
    ),
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
    assert f"policies.expert: {folder!r} is none of shipped, trained, shipped_or_trained" in message


def test_robots_have_no_policies_and_what_is_left_out_is_told_why():
    study = copy.deepcopy(DEFAULT)
    study["environments"] = {"Go1JoystickFlatTerrain": {"behaviours": ["expert", "random"]}}
    study["learning"]["environments"] = []
    study["verification"]["accept"] = {}
    with pytest.raises(DynsparseError, match="no policies of robots; write \\[random\\]"):
        check(study, (*SUITE, *ROBOTS))
    study["environments"] = {"Go1JoystickRoughTerrain": {"behaviours": ["random"]}}
    with pytest.raises(DynsparseError, match="is not offered: on its terrain"):
        check(study, (*SUITE, *ROBOTS))

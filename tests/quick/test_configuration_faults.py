"""Studies that say something else than their writers meant: each is refused, or taken as meant."""

import datetime
import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_configuration import DEFAULT, SCHEMA, changed, check, refusal

from dynsparse.cli import LAST_SEED
from dynsparse.configuration import check_written, experts_folder, schedules_file
from dynsparse.configuration.resolving import referred
from dynsparse.errors import DynsparseError


def keys_of(*types, schema=SCHEMA, path=()):
    """The places of a study in full whose values, or elements of lists, have one of these types."""
    for name, written in schema["properties"].items():
        part = referred(written, SCHEMA)
        items = referred(part.get("items", {}), SCHEMA)
        if part.get("default") == {} and "properties" in part:
            yield from keys_of(*types, schema=part, path=(*path, name))
        elif part.get("type") in types:
            yield (*path, name), False
        elif items.get("type") in types:
            yield (*path, name), True


NUMBERS = list(keys_of("number", "integer"))
INTEGERS = list(keys_of("integer"))
SEEDS = [("seeds",), ("learning", "seeds"), ("learning", "search", "seeds")]


def at(key, value):
    """The default study with a value, or with a list of it, at one of ``keys_of``."""
    path, in_list = key
    return changed(path, [value] if in_list else value)


def value_of(study, key):
    path, in_list = key
    for name in path:
        study = study[name]
    return study[0] if in_list else study


def test_there_are_numbers_to_try():
    assert (("verification", "least_share_right"), False) in NUMBERS
    assert (("learning", "evaluation", "rollout_steps"), True) in INTEGERS


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("key", NUMBERS, ids=str)
def test_numbers_are_finite(key, value):
    message = refusal(at(key, value))
    assert message.startswith(f"config: {'.'.join(key[0])}")
    assert message.endswith("(it is not finite)")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_under_names_of_the_users_are_finite(value):
    place = ["learning", "learners", "state-jacobian", "weight"]
    assert "learning.learners.state-jacobian.weight: " in refusal(changed(place, value))
    place = ["learning", "search", "runs", "run_2"]
    assert "run_2.weight_decay.0: " in refusal(changed(place, {"weight_decay": [value]}))


@pytest.mark.parametrize("key", INTEGERS, ids=str)
def test_a_whole_number_with_a_point_is_an_integer(key):
    taken = value_of(check(at(key, 1.0)), key)
    assert (taken, type(taken)) == (1, int)


def test_whole_numbers_with_a_point_are_integers_in_lists_and_grids():
    study = yaml.safe_load(
        "{study: mine, seeds: [0.0, 2.0e+1], learning: {search: {runs: {depth: {depth: [2.0]}}}}}"
    )
    full = check(study)
    assert repr(full["seeds"]) == "[0, 20]"
    assert repr(full["learning"]["search"]["runs"]) == "{'depth': {'depth': [2]}}"


@pytest.mark.parametrize("value", [True, "7", "seven", None, datetime.date(2026, 1, 1), [1], {}])
@pytest.mark.parametrize("key", NUMBERS, ids=str)
def test_what_is_no_number_is_refused(key, value):
    message = refusal(at(key, value))
    assert message.startswith(f"config: {'.'.join(key[0])}")
    assert "is not of type" in message


@pytest.mark.parametrize("value", [2**400, -(2**400), 1e300])
@pytest.mark.parametrize("key", INTEGERS, ids=str)
def test_enormous_counts_are_refused_in_a_line(key, value):
    assert len(refusal(at(key, value))) < 250


@pytest.mark.parametrize("path", SEEDS, ids=str)
def test_seeds_have_32_bits(path):
    assert check(changed(path, [0, 2**32 - 1]))
    assert SCHEMA["$defs"]["seed"]["maximum"] == LAST_SEED
    for seed in (-1, 2**32, 2**64):
        assert str(seed) in refusal(changed(path, [seed]))
    assert "0 stands there twice" in refusal(changed(path, [0, 0.0]))


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("1e-12", "(YAML reads 1e-12 as text; write 1.0e-12)"),
        ("'0.001'", "(YAML reads it as text; take the quotes away)"),
        ("1/1000", "is not of type 'number'"),
        ("seven", "is not of type 'number'"),
    ],
)
def test_text_where_a_number_is_meant(written, hint):
    message = refusal(yaml.safe_load(f"{{study: mine, sparsity: {{threshold: {written}}}}}"))
    assert message.endswith(hint)


@pytest.mark.parametrize("written", ["2026", "2026-11-27", "on", "1.5"])
def test_a_name_that_yaml_takes_for_something_else(written):
    assert "put it in quotes" in refusal(yaml.safe_load(f"study: {written}"))
    ablation = f"{{study: mine, robustness: {{ablations: {{{written}: {{}}}}}}}}"
    assert "put it in quotes" in refusal(yaml.safe_load(ablation))


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "/a", ".", "", "größe", "a b", "a\n", "a\x00", "$HOME", "{x}"]
)
def test_a_study_has_a_plain_name(name):
    assert refusal({"study": name}).endswith("may have letters, digits, - and _ only")


def test_names_have_a_length_that_folders_can_have():
    assert check({"study": "a" * 100})
    message = refusal({"study": "a" * 250})
    assert message.endswith(" has 250 letters, and may have at most 100")
    ablations = {"a" * 60: {"jacobian": {"method": "hybrid"}}}
    assert "at most 50" in refusal(changed(["robustness", "ablations"], ablations))


def test_accepted_environments_are_the_studys():
    place, accept = ["verification", "accept"], {"WalkerRun": ["engine"]}
    assert refusal(changed(place, {"CartpolBalance": ["engine"]})) == (
        "config: verification.accept: 'CartpolBalance' is not among this study's environments; "
        "did you mean 'CartpoleBalance'?"
    )
    assert "'HopperHop' is not among" in refusal(changed(place, {"HopperHop": ["engine"]}))
    assert check(changed(place, accept))["verification"]["accept"] == accept


def test_an_ablation_is_checked_as_the_study_that_it_is():
    ablations = {"differences": {"jacobian": {"method": "mujoco_c"}}}
    message = refusal(changed(["robustness", "ablations"], ablations))
    assert "mujoco_c (robustness.ablations.differences) can tell from zero" in message


def test_something_is_left_to_train_on():
    study = changed(["learning", "test_share"], 0.5)
    study["learning"]["validation_share"] = 0.5
    assert "leave nothing to train on" in refusal(study)


@pytest.mark.parametrize("section", [s for s in DEFAULT if isinstance(DEFAULT[s], dict)])
def test_a_section_with_nothing_in_it_is_refused(section):
    message = refusal(yaml.safe_load(f"study: mine\n{section}:\n"))
    assert message == (
        f"config: {section}: None is not of type 'object' (nothing is written; give it a value, or"
        " leave the key out)"
    )


def test_a_choice_that_does_not_exist_is_told_the_nearest():
    message = refusal(changed(["jacobian", "method"], "implicid"))
    assert message.endswith("; did you mean 'implicit'?")


def test_a_home_folder_may_be_written_as_such(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    study = check(changed(["policies", "expert"], "~/experts/{environment}/seed-{seed}"))
    # The record of the study keeps what was written.
    assert study["policies"]["expert"].startswith("~")
    assert experts_folder(study) == f"{tmp_path}/experts/{{environment}}/seed-{{seed}}"
    (tmp_path / "mine.yaml").write_text("{}")
    study = changed(["policies", "schedules"], "~/mine.yaml")
    assert schedules_file(study, tmp_path / "elsewhere") == f"{tmp_path}/mine.yaml"
    study = changed(["policies", "expert"], "~nobody-of-this-name/{environment}")
    with pytest.raises(DynsparseError, match="policies.expert: ~nobody-of-this-name"):
        experts_folder(study)


def written(tmp_path, text, encoding="utf-8"):
    """What is said of a file with this text; nothing where it is taken."""
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding=encoding)
    try:
        check_written(path)
    except DynsparseError as error:
        assert "\n" not in str(error)
        return str(error).replace(str(path), "study.yaml")
    return ""


TWICE = {
    "study: a\nseeds: [0, 1]\nseeds: [0]\n": ("3: seeds", 2),
    "study: a\nenvironments:\n  A: {}\n  B: {}\n  A: {x: 1}\n": ("5: environments.A", 3),
    "study: a\nlearning:\n  model: {depth: 1, width: 2, depth: 2}\n": (
        "3: learning.model.depth",
        3,
    ),
    'study: a\n"study": b\n': ("2: study", 1),
    '{"study": "a", "study": "b"}': ("1: study", 1),
    "a: &x {b: 1, b: 2}\nc: *x\n": ("1: a.b", 1),
    "a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n": ("4: c.<<", 3),
    "- {a: 1, a: 2}\n": ("1: 0.a", 1),
}


@pytest.mark.parametrize("text", TWICE)
def test_a_key_written_twice_is_refused_by_name_and_line(tmp_path, text):
    where, first = TWICE[text]
    assert written(tmp_path, text) == (
        f"config: study.yaml, line {where} is written twice, first in line {first}; keep one"
    )


@pytest.mark.parametrize(
    ("number", "value"), [("010", 8), ("00", 0), ("1:30", 90), ("0_7", 7), ("-012", -10)]
)
def test_a_number_that_yaml_reads_in_another_base_is_refused(tmp_path, number, value):
    message = written(tmp_path, f"study: a\nseeds: [0, {number}]\n")
    assert message == (
        f"config: study.yaml, line 2: seeds.1: YAML reads {number} as {value}; write the number"
        " that is meant"
    )


SOUND = [
    "",
    "study: a\nseeds: [0, 10, 1_000, 0x10, 08]\n",
    "a: &x {b: 1}\nc: {<<: *x, b: 2}\n",
    "a: &x [1]\nb: *x\nc: *x\n",
    "a: &x {b: *x}\n",
    "1: a\n'1': b\n",
    "a: '010'\nb: 0.10\nc: 1.0e-12\n",
    "? [a, b]\n: c\n? [a, b]\n: d\n",
]


@pytest.mark.parametrize("text", SOUND)
def test_all_else_is_taken_as_it_is_written(tmp_path, text):
    assert written(tmp_path, text) == ""


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    assert written(tmp_path, "study: a\n", "utf-8-sig") == ""


@pytest.mark.parametrize(
    "text", ["study: a\n\tseeds: [0]\n", "study: [a\n", "a: *nowhere\n", "a: b: c"]
)
def test_what_is_no_yaml_is_one_line_that_names_the_file(tmp_path, text):
    assert written(tmp_path, text).startswith("config: study.yaml: ")


def test_what_is_no_text_is_one_line_that_names_the_file(tmp_path):
    assert written(tmp_path, "study: größe\n", "latin-1").startswith("config: study.yaml: ")


names = st.text("abc", min_size=1, max_size=2)


@settings(deadline=None)
@given(keys=st.lists(names, min_size=1, max_size=6))
def test_keys_are_refused_exactly_where_one_stands_twice(tmp_path_factory, keys):
    text = "".join(f"{name}: 1\n" for name in keys)
    message = written(tmp_path_factory.mktemp("twice"), text)
    assert bool(message) == (len(set(keys)) < len(keys))

"""Learners of a study: what is filled in, what is refused, and in which words."""

import json

import pytest
import yaml
from test_configuration import DEFAULT, SCHEMA, changed, check, refusal

from dynsparse.audit.manifest import NAME, Manifest, read_manifest, write_manifest
from dynsparse.errors import DynsparseError
from dynsparse.learning import learners
from dynsparse.learning.training.losses import LOSSES

STATE = {"loss": "state"}
# Beside one that is trained on the state alone: a learner, and what is said of it.
REFUSED = {
    "loss": ({"loss": "stat"}, "a.loss: 'stat' is not one of"),
    "no loss": ({"width": 3}, "a: 'loss' is a required property"),
    "nothing": (None, "a: None is not of type 'object' (nothing is written"),
    "architecture": (
        {"loss": "state", "architecture": "taugth"},
        "a.architecture: 'taugth' is not one of ['mlp', 'masked', 'gated',",
    ),
    "setting": (
        {"loss": "state", "widht": 3},
        "a: 'widht' is no setting of a learner of architecture mlp; did you mean 'width'?",
    ),
    "weight of state": (
        {"loss": "state", "width": 3, "weight": 1.0},
        "a.weight: 1.0 weighs nothing, since the loss state has no Jacobian term; leave it out",
    ),
    "negative weight": (
        {"loss": "state-jacobian", "weight": -1.0},
        "a.weight: -1.0 is less than the minimum of 0",
    ),
    "width": ({"loss": "state", "width": 0}, "a.width: 0 is less than the minimum of 1"),
    "the same": ({"loss": "state"}, " 'plain' and 'a' are the same learner under two names"),
    "the same, said otherwise": (
        {"loss": "state", "architecture": "mlp", "width": 64.0},
        " 'plain' and 'a' are the same learner under two names",
    ),
}


def study(**named):
    return changed(["learning", "learners"], named)


@pytest.mark.parametrize("case", REFUSED)
def test_a_learner_that_cannot_be_is_refused_in_a_line(case):
    learner, message = REFUSED[case]
    said = refusal(study(plain=STATE, a=learner))
    assert said.removeprefix("config: learning.learners").lstrip(".:").startswith(message)


def test_a_setting_that_is_the_studys_own_makes_no_other_learner():
    same = study(plain=STATE, a={"loss": "state", "width": 16})
    check(same)
    same["learning"]["model"]["width"] = 16
    assert "'plain' and 'a' are the same learner" in refusal(same)


@pytest.mark.parametrize(
    "name", ["controls", "search", "linear", "mean", "persistence", "untrained"]
)
def test_names_of_folders_and_controls_are_taken(name):
    assert f"learning.learners: {name!r} is the name of" in refusal(study(**{name: STATE}))


@pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "a.b", "..", "a\n", "_a", "-a"])
def test_names_are_those_of_folders(name):
    assert "may have small letters, digits, - and _ only" in refusal(study(**{name: STATE}))


def test_somebody_is_trained_on_the_state_alone():
    message = refusal(study(a={"loss": "state-jacobian"}))
    advice = yaml.safe_load(message.partition("as in ")[2])["learners"]
    check(study(a={"loss": "state-jacobian"}, **advice))
    assert "should be non-empty" in refusal(study())


def test_what_a_learner_does_not_say_is_filled_in_and_order_is_kept():
    said = {"b": {"width": 32.0, "loss": "state-jacobian"}, "a": STATE}
    full = check({"study": "mine", "learning": {"learners": said}})["learning"]["learners"]
    b = {"architecture": "mlp", "loss": "state-jacobian", "weight": 1.0, "width": 32}
    assert json.dumps(full) == json.dumps({"b": b, "a": {"architecture": "mlp", "loss": "state"}})


@pytest.mark.parametrize(
    "losses",
    [
        {"state": 0.0, "state-jacobian": 1.0, "state-jacobian-l1": 2.5},
        {"state": 0},
        None,
        ["state"],
    ],
)
def test_an_old_study_is_told_what_to_write(losses):
    old = {"study": "old", "learning": {"losses": losses, "model": {"architecture": "mlp"}}}
    message = refusal(old)
    assert message.startswith("config: learning.losses is now learning.learners")
    learning = yaml.safe_load(message.partition("; write ")[2])
    found = check({"study": "new", "learning": learning})["learning"]["learners"]
    weights = {name: learner.get("weight", 0) for name, learner in found.items()}
    assert weights == (losses if isinstance(losses, dict) else {"state": 0})
    assert [learner["loss"] for learner in found.values()] == list(weights)


def test_a_finished_study_of_before_is_not_read(tmp_path):
    config = {**DEFAULT, "learning": {"losses": {"state": 0.0}}}
    code = {"commit": "unknown", "changed": [], "packages": {}, "python": "3", "machine": "m"}
    write_manifest(Manifest("old", config, code, (), {}, {}, {}), tmp_path / NAME)
    with pytest.raises(DynsparseError, match="made by code that had no learners"):
        read_manifest(tmp_path)


def test_an_architecture_of_all_is_told_where_it_belongs():
    message = refusal({"study": "old", "learning": {"model": {"architecture": "mlp"}}})
    assert message.startswith("config: learning.model.architecture: each learner has its own")
    check({"study": "new", "learning": yaml.safe_load(message.partition("as in ")[2])})


def test_the_default_study_has_the_papers_network_under_its_losses():
    section = DEFAULT["learning"]
    names = learners.plain(section)
    assert names == list(section["learners"])[: len(names)]
    assert set(names) == set(LOSSES) - {"state-jacobian-l2-regularizer"}
    assert learners.reference(section) == "state"
    assert learners.twins(section)[0] == names


def test_the_default_study_has_a_learner_of_each_family():
    found = [learner["architecture"] for learner in DEFAULT["learning"]["learners"].values()]
    # piecewise is the cheap baseline of switching, and taught is no family but a control.
    families = {*SCHEMA["$defs"]["architectures"]} - {"mlp", "piecewise", "taught"}
    assert sorted(set(found) - {"mlp"}) == sorted(families)
    assert all(found.count(family) == 1 for family in families)


def test_epochs_of_its_own_are_a_learners_and_leave_its_network_the_same():
    section = check(study(state=STATE, short={**STATE, "epochs": 3}))["learning"]
    assert learners.plain(section) == ["state"]
    assert learners.twins(section) == [["state", "short"]]


def test_who_is_plain_who_is_the_reference_and_who_begins_as_the_same_network():
    section = check(
        study(
            wide={"loss": "state", "width": 128},
            state=STATE,
            heavy={"loss": "state-jacobian", "weight": 9.0},
            **{"state-jacobian": {"loss": "state-jacobian"}},
            **{"state-jacobian-l1": {"loss": "state-jacobian-l1", "width": 128}},
        )
    )["learning"]
    assert learners.plain(section) == ["state", "state-jacobian"]
    assert learners.reference(section) == "wide"
    wide, same = ["wide", "state-jacobian-l1"], ["state", "heavy", "state-jacobian"]
    assert learners.twins(section) == [wide, same]
    assert learners.own(section, "wide") == {"width": 128}
    assert learners.whole(section, "wide")["depth"] == section["model"]["depth"]


def test_a_learner_whose_epochs_are_those_of_all_is_the_same_learner():
    epochs = DEFAULT["learning"]["training"]["epochs"]
    message = refusal(study(a=STATE, b={**STATE, "epochs": epochs}))
    assert "'a' and 'b' are the same learner under two names" in message

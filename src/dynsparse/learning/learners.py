"""What a study calls its learners, as its section ``learning`` has them; no network is built."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

Section = Mapping[str, Any]
Settings = dict[str, Any]

# The paper's network (``models.mlp``), and the loss without a Jacobian term.
PLAIN = "mlp"
REFERENCE_LOSS = "state"

# What a learner may be told beside states and actions.
NOTHING = "nothing"
JACOBIANS = "Jacobians in training"
ZEROS = "zeros in training"
TRUTH = "true zeros in tests"
MODEL = "the model's file"
NO_MASK = "mask ones"
TOLD_BY_LOSS = {
    "state": None,
    "state-jacobian": JACOBIANS,
    "state-jacobian-l1": JACOBIANS,
    "state-jacobian-l1-regularizer": None,
    "state-jacobian-l1-sparse-only": ZEROS,
    "state-jacobian-l2-regularizer": None,
}
TOLD_BY_ARCHITECTURE = {"taught": ZEROS, "contact-graph": MODEL}
TOLD_BY_MASK = {
    "structural": MODEL,
    "union": ZEROS,
    "other": ZEROS,
    "random": ZEROS,
    "contacts": "contacts, and zeros in training",
    "oracle": TRUTH,
}


def whole(section: Section, name: str) -> Settings:
    """A learner, with the study's settings where it has none of its own."""
    return {**section["model"], **section["learners"][name]}


def own(section: Section, name: str) -> Settings:
    """The settings that a learner has of its own, beside what every learner has."""
    learner = section["learners"][name]
    return {k: v for k, v in learner.items() if k not in ("architecture", "loss", "weight")}


def told(section: Section, name: str) -> str:
    """What a learner knows of the truth beside states and actions, in words."""
    return "; ".join(facts_told(section["learners"][name])) or NOTHING


def facts_told(learner: Mapping[str, Any]) -> list[str]:
    """What a learner knows of the truth, each in words."""
    found = (
        TOLD_BY_LOSS[learner["loss"]],
        TOLD_BY_MASK.get(learner.get("mask", "")),
        TOLD_BY_ARCHITECTURE.get(learner["architecture"]),
    )
    return list(dict.fromkeys(words for words in found if words))


class Series(NamedTuple):
    """What a learner is among those that are compared by mask and number of samples.

    Attributes:
        label: its architecture, or its mask and what is wrong with it.
        samples: that it trains on at most; None: all.
        told: as ``told``.
        against: the learner with the same samples and no mask, or the learner itself.
    """

    label: str
    samples: int | None
    told: str
    against: str


def series_of(section: Section) -> dict[str, Series]:
    """All learners as ``Series``."""
    listed = section["learners"]
    labels = {name: _label(learner) for name, learner in listed.items()}
    return {
        name: Series(
            labels[name],
            learner.get("samples"),
            told(section, name),
            next(
                (
                    other
                    for other in listed
                    if labels[other] == NO_MASK
                    and listed[other].get("samples") == learner.get("samples")
                ),
                name,
            ),
        )
        for name, learner in listed.items()
    }


def _label(learner: Mapping[str, Any]) -> str:
    """What a learner is called beside others: in words, whatever its name."""
    if "mask" not in learner:
        return f"{learner['architecture']}, {learner['loss']}"
    words = [f"mask {learner['mask']}"]
    words += [f"{key} {learner[key]:g}" for key in ("miss", "false_alarm") if learner[key]]
    words += [] if learner["shut"] else ["not shut"]
    words += ["told"] if learner["bits"] else []
    return ", ".join(words)


def plain(section: Section) -> list[str]:
    """The learners that are the paper's network under the loss whose name they have."""
    return [
        name
        for name, learner in section["learners"].items()
        if (learner["architecture"], learner["loss"]) == (PLAIN, name) and not own(section, name)
    ]


def reference(section: Section) -> str:
    """The learner that others are held against: the first one trained on the state alone."""
    learners = section["learners"].items()
    return next(name for name, learner in learners if learner["loss"] == REFERENCE_LOSS)


def twins(section: Section) -> list[list[str]]:
    """The learners in groups that are one and the same network before they are trained."""
    groups: dict[str, list[str]] = {}
    for name in section["learners"]:
        learner = whole(section, name).items()
        trained = ("loss", "weight", "samples", "epochs")
        network = {k: v for k, v in learner if k not in trained}
        groups.setdefault(json.dumps(network, sort_keys=True), []).append(name)
    return list(groups.values())

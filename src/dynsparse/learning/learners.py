"""What a study calls its learners, as its section ``learning`` has them; no network is built."""

import json
from collections.abc import Mapping
from typing import Any

Section = Mapping[str, Any]
Settings = dict[str, Any]

# The paper's network (``models.mlp``), and the loss without a Jacobian term.
PLAIN = "mlp"
REFERENCE_LOSS = "state"


def whole(section: Section, name: str) -> Settings:
    """A learner, with the study's settings where it has none of its own."""
    return {**section["model"], **section["learners"][name]}


def own(section: Section, name: str) -> Settings:
    """The settings that a learner has of its own, beside what every learner has."""
    learner = section["learners"][name]
    return {k: v for k, v in learner.items() if k not in ("architecture", "loss", "weight")}


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
        network = {k: v for k, v in whole(section, name).items() if k not in ("loss", "weight")}
        groups.setdefault(json.dumps(network, sort_keys=True), []).append(name)
    return list(groups.values())

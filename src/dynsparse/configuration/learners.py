"""What a schema cannot say about learners, and what to write where a study has none yet."""

from collections.abc import Mapping
from typing import Any

import yaml

from dynsparse.errors import DynsparseError
from dynsparse.learning.learners import PLAIN, REFERENCE_LOSS, whole


def refuse_losses(config: Mapping[str, Any]) -> None:
    """Refuse a study that was written when one network was trained under a list of losses.

    Raises:
        DynsparseError: says what to write instead.
    """
    learning = config.get("learning")
    if not isinstance(learning, Mapping):
        return
    model, losses = learning.get("model"), learning.get("losses")
    if "losses" in learning:
        losses = losses if isinstance(losses, Mapping) else {REFERENCE_LOSS: 0.0}
        raise DynsparseError(
            "config: learning.losses is now learning.learners, and learning.model has no"
            f" architecture; write {_flow({'learners': _learners(losses)})}"
        )
    if isinstance(model, Mapping) and "architecture" in model:
        one = {REFERENCE_LOSS: {"architecture": model["architecture"], "loss": REFERENCE_LOSS}}
        raise DynsparseError(
            "config: learning.model.architecture: each learner has its own; write it there, as in"
            f" {_flow({'learners': one})}"
        )


def _learners(losses: Mapping[str, Any]) -> dict[str, Any]:
    """The learners that are trained as these losses were, by their weights."""
    return {
        loss: {"loss": loss} | ({"weight": weight} if weight not in (0, 1) else {})
        for loss, weight in losses.items()
    }


def _flow(value: object) -> str:
    """One line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.strip().removeprefix("{").removesuffix("}")


def check_learners(learning: Mapping[str, Any]) -> None:
    """Check how the learners of a study that its schema allows fit together.

    Raises:
        DynsparseError: two are the same, or none is trained on the state alone.
    """
    seen: list[tuple[str, dict[str, Any]]] = []
    for name in learning["learners"]:
        mine = {"epochs": learning["training"]["epochs"], **whole(learning, name)}
        for other, settings in seen:
            if settings == mine:
                raise DynsparseError(
                    f"config: learning.learners: {other!r} and {name!r} are the same learner"
                    " under two names; leave one out, or change it"
                )
        seen.append((name, mine))
    if not any(settings["loss"] == REFERENCE_LOSS for _, settings in seen):
        wanted = {"learners": {REFERENCE_LOSS: {"architecture": PLAIN, "loss": REFERENCE_LOSS}}}
        raise DynsparseError(
            f"config: learning.learners: none has the loss {REFERENCE_LOSS}, which errors of the"
            f" others are relative to; add one, as in {_flow(wanted)}"
        )

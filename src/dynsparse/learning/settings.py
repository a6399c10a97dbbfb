"""What a learner is and how it is trained (paper, Table A2.1)."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.learning.learners import whole
from dynsparse.learning.models import ARCHITECTURES, ModelSettings


@dataclass(frozen=True)
class TrainingSettings:
    """One training, of all seeds together.

    Attributes:
        architecture: a name in ``models.ARCHITECTURES``.
        model: the network, in that architecture's own settings.
        epochs: passes over the training samples.
        batch: samples per step; what is left of an epoch's last batch is dropped.
        learning_rate: AdamW's at the start; it falls to nothing over the epochs.
        weight_decay: AdamW's.
        loss: a name in ``losses.LOSSES``.
        loss_weight: what the loss's Jacobian term is multiplied with; 0 where it has none.
        samples: at most so many samples to train on, seen the more often; None: all.
    """

    architecture: str
    model: ModelSettings
    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    loss: str
    loss_weight: float
    samples: int | None = None

    def digest(self) -> str:
        """A short name for these settings; equal settings have equal names."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def knowing(self, environment: str) -> "TrainingSettings":
        """These settings with what the network needs to know of an environment.

        Raises:
            DynsparseError: as ``ModelSettings.knowing``.
        """
        return dataclasses.replace(self, model=self.model.knowing(environment))

    def changed(self, **values: Any) -> "TrainingSettings":
        """These settings with some values replaced, of the model or of the training.

        Raises:
            DynsparseError: a setting that does not exist.
        """
        of_model = set(self.model.choices())
        of_training = {field.name for field in dataclasses.fields(self)}
        of_training -= {"architecture", "model"}
        for name in values:
            if name not in of_model | of_training:
                near = did_you_mean(name, of_model | of_training)
                raise DynsparseError(f"{name!r} is no setting of a training; {near}")
        model = dataclasses.replace(
            self.model, **{k: v for k, v in values.items() if k in of_model}
        )
        rest = {k: v for k, v in values.items() if k in of_training}
        return dataclasses.replace(self, model=model, **rest)


def training_settings(section: Mapping[str, Any], name: str) -> TrainingSettings:
    """The settings that a study's section ``learning`` gives for one of its learners.

    Raises:
        DynsparseError: the section does not list the learner.
    """
    if name not in section["learners"]:
        near = did_you_mean(name, section["learners"])
        raise DynsparseError(f"config: learning.learners: {name!r} is not listed; {near}")
    learner = whole(section, name)
    kind = ARCHITECTURES[learner["architecture"]].Settings
    training = {k: learner.get(k, v) for k, v in section["training"].items()}
    return TrainingSettings(
        architecture=learner["architecture"],
        model=kind(**{name: learner[name] for name in kind.choices()}),
        loss=learner["loss"],
        loss_weight=learner.get("weight", 0.0),
        samples=learner.get("samples"),
        **training,
    )

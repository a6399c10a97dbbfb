"""What a model is and how it is trained (paper, Table A2.1)."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dynsparse.errors import DynsparseError, did_you_mean


@dataclass(frozen=True)
class ModelSettings:
    """One network.

    Attributes:
        architecture: a name in ``models.ARCHITECTURES``.
        depth: number of hidden layers.
        width: units of each hidden layer.
        activation: a name in ``models.activations.ACTIVATIONS``.
        dropout: the share of hidden units that is switched off for a training sample.
    """

    architecture: str
    depth: int
    width: int
    activation: str
    dropout: float


@dataclass(frozen=True)
class TrainingSettings:
    """One training, of all seeds together.

    Attributes:
        model: the network.
        epochs: passes over the training samples.
        batch: samples per step; what is left of an epoch's last batch is dropped.
        learning_rate, weight_decay: AdamW's.
        loss: a name in ``losses.LOSSES``.
        loss_weight: what the loss's Jacobian term is multiplied with.
    """

    model: ModelSettings
    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    loss: str
    loss_weight: float

    def digest(self) -> str:
        """A short name for these settings; equal settings have equal names."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def changed(self, **values: Any) -> "TrainingSettings":
        """These settings with some values replaced, of the model or of the training.

        Raises:
            DynsparseError: a setting that does not exist.
        """
        of_model = {field.name for field in dataclasses.fields(ModelSettings)}
        of_training = {field.name for field in dataclasses.fields(TrainingSettings)} - {"model"}
        for name in values:
            if name not in of_model | of_training:
                near = did_you_mean(name, of_model | of_training)
                raise DynsparseError(f"{name!r} is no setting of a training; {near}")
        model = dataclasses.replace(
            self.model, **{k: v for k, v in values.items() if k in of_model}
        )
        rest = {k: v for k, v in values.items() if k in of_training}
        return dataclasses.replace(self, model=model, **rest)


def training_settings(section: Mapping[str, Any], loss: str) -> TrainingSettings:
    """The settings that a study's section ``learning`` gives for one of its losses.

    Raises:
        DynsparseError: the section does not list the loss.
    """
    if loss not in section["losses"]:
        near = did_you_mean(loss, section["losses"])
        raise DynsparseError(f"config: learning.losses: {loss!r} is not listed; {near}")
    return TrainingSettings(
        model=ModelSettings(**section["model"]),
        loss=loss,
        loss_weight=section["losses"][loss],
        **section["training"],
    )

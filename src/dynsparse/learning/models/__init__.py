"""Architectures of world models, by name. A new one is a file here and a line below."""

from typing import Protocol

from jaxtyping import PRNGKeyArray

from dynsparse.learning.models.base import WorldModel
from dynsparse.learning.models.mlp import MLP
from dynsparse.learning.settings import ModelSettings

__all__ = ["ARCHITECTURES", "MLP", "WorldModel"]


class Create(Protocol):
    """Makes an untrained model."""

    def __call__(  # noqa: D102
        self, settings: ModelSettings, inputs: int, outputs: int, *, key: PRNGKeyArray
    ) -> WorldModel: ...


ARCHITECTURES: dict[str, Create] = {"mlp": MLP.create}

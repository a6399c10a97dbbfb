"""Architectures of world models, by name. A new one is a file here and a line below."""

from dynsparse.learning.models.base import ModelSettings, WorldModel
from dynsparse.learning.models.masked import Masked
from dynsparse.learning.models.mlp import MLP

__all__ = ["ARCHITECTURES", "MLP", "ModelSettings", "WorldModel"]

ARCHITECTURES: dict[str, type[WorldModel]] = {"mlp": MLP, "masked": Masked}

"""Architectures of world models, by name. A new one is a file here and a line below."""

from dynsparse.learning.models.attention import Attention
from dynsparse.learning.models.base import ModelSettings, WorldModel
from dynsparse.learning.models.contact_graph import ContactGraph
from dynsparse.learning.models.gated import Gated
from dynsparse.learning.models.masked import Masked
from dynsparse.learning.models.mlp import MLP
from dynsparse.learning.models.piecewise import Piecewise
from dynsparse.learning.models.quantised import Quantised
from dynsparse.learning.models.switching import Switching
from dynsparse.learning.models.taught import Taught

__all__ = ["ARCHITECTURES", "MLP", "ModelSettings", "WorldModel"]

ARCHITECTURES: dict[str, type[WorldModel]] = {
    "mlp": MLP,
    "masked": Masked,
    "gated": Gated,
    "taught": Taught,
    "quantised": Quantised,
    "switching": Switching,
    "piecewise": Piecewise,
    "attention": Attention,
    "contact-graph": ContactGraph,
}

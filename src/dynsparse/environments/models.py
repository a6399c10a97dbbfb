"""The model behind an environment, whatever engine simulates it."""

from dynsparse.c_engine.collection import record
from dynsparse.environments.physics import SimulatedModel, simulated_model
from dynsparse.suite import on_c_engine


def model_of(name: str) -> SimulatedModel:
    """The model that an environment simulates, on the C engine in the episode of seed 0.

    Raises:
        DynsparseError: there is no such environment, or it cannot be loaded.
    """
    if not on_c_engine(name):
        return simulated_model(name)
    recorded = record(name, 0, 1, 1)[0]
    return SimulatedModel(recorded.model, recorded.substeps)

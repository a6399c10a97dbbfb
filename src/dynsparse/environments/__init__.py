"""Environments: a name in, a pure differentiable step and its vocabulary out."""

from dynsparse.environments.c_steps import engine_solves, engine_steps, observed_engine_steps
from dynsparse.environments.dynamics import Dynamics, StepRecord, load
from dynsparse.environments.physics import Physics, SimulatedModel, simulated_model, vocabulary
from dynsparse.environments.playground import playground_environment

__all__ = [
    "Dynamics",
    "Physics",
    "SimulatedModel",
    "StepRecord",
    "engine_solves",
    "engine_steps",
    "load",
    "observed_engine_steps",
    "playground_environment",
    "simulated_model",
    "vocabulary",
]

"""Environments: a Playground name in, a pure differentiable step and its vocabulary out."""

from dynsparse.environments.dynamics import Dynamics, StepRecord, load
from dynsparse.environments.playground import playground_environment

__all__ = [
    "Dynamics",
    "StepRecord",
    "load",
    "playground_environment",
]

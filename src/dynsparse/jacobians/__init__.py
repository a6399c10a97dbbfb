"""Jacobians of a control step by a named method, behind one interface."""

from dynsparse.jacobians.batches import batched_jacobians, in_batches
from dynsparse.jacobians.methods import ENGINE, METHODS, Linearisation, linearise, resolve_method

__all__ = [
    "ENGINE",
    "METHODS",
    "Linearisation",
    "batched_jacobians",
    "in_batches",
    "linearise",
    "resolve_method",
]

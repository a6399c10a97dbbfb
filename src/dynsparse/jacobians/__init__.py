"""Jacobians of a control step by a named method, behind one interface."""

from dynsparse.jacobians.methods import METHODS, Linearisation, linearise

__all__ = ["METHODS", "Linearisation", "linearise"]

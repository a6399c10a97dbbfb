"""Ground-truth sparsity of simulated dynamics: load it, look at it, train and score against it.

Nothing is imported before it is asked for, neither NumPy nor JAX. What is not in ``__all__`` may
change from one version to the next. docs/python.md shows how all of it is used.
"""

from importlib import import_module
from typing import Any

# Name -> module. By their names alone: a study makes anew what imports an edited module
# (``dynsparse.running.code_digests``), and every stage imports this package.
_WHERE = {
    "Card": "benchmark.card",
    "Case": "api.episode",
    "Dataset": "api.dataset",
    "DynsparseError": "errors",
    "Episode": "api.episode",
    "Evaluator": "benchmark.evaluator",
    "Jacobians": "api.simulator",
    "Simulator": "api.simulator",
    "Study": "api.study",
    "WorldModel": "api.world_model",
    "Zeros": "api.statistics",
    "environment_names": "suite",
    "load": "api.loading",
    "simulator": "api.simulator",
    "zeros": "api.statistics",
}
# Not "torch": `from dynsparse import *` and `help(dynsparse)` work without PyTorch.
__all__ = [*_WHERE, "__version__"]  # noqa: PLE0604, F822  # strings all of them


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("dynsparse")
    if name == "torch":
        return import_module("dynsparse.torch")
    if name not in _WHERE:
        raise AttributeError(f"module 'dynsparse' has no attribute {name!r}")
    value = getattr(import_module(f"dynsparse.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

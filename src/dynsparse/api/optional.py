"""Packages that only some of the library needs: one line says which extra brings them."""

from importlib import import_module
from typing import Any

from dynsparse.errors import DynsparseError


def needed(package: str, extra: str, what: str) -> Any:
    """A package that the base install does without.

    Args:
        package: to import.
        extra: of dynsparse, which brings it.
        what: needs it; the message begins with it.

    Raises:
        DynsparseError: it is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or not package.startswith(error.name):
            raise
        raise DynsparseError(
            f"{what} needs {package}, which is not installed: pip install 'dynsparse[{extra}]'"
        ) from None

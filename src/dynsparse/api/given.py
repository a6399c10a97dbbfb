"""What a person may hand over by mistake: one line says what would be right."""

import math
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from dynsparse.api.names import bare
from dynsparse.errors import DynsparseError


def positive(value: Any, name: str) -> float:
    """A finite number above zero: of Python, of NumPy, or an array without dimensions.

    Raises:
        DynsparseError: it is none; a truth value is no number.
    """
    try:
        number = float(value) if _is_real(value) else math.nan
    except (ValueError, OverflowError):  # a signalling NaN; more than any float
        number = math.nan
    if not math.isfinite(number) or not number > 0:
        raise DynsparseError(f"{name}: {value!r} should be positive, and a finite number")
    return number


def _is_real(value: Any) -> bool:
    if getattr(value, "shape", None) == ():
        return np.asarray(value).dtype.kind in "fiu"
    return isinstance(value, (Real, Decimal)) and not isinstance(value, bool)


def whole(value: Any, name: str, least: int) -> int:
    """A whole number, of NumPy or not.

    Raises:
        DynsparseError: it is none, or less than ``least``.
    """
    try:
        number = -1 if isinstance(value, bool) else value.__index__()
    except (AttributeError, TypeError):
        number = -1
    if number < least:
        raise DynsparseError(f"{name}: {value!r} should be a whole number, at least {least}")
    return number


def check_distinct(state_names: Sequence[str], action_names: Sequence[str], origin: str) -> None:
    """Refuse dimensions that a name would not tell apart.

    Raises:
        DynsparseError: two have the same name, units aside.
    """
    names = list(map(bare, (*state_names, *action_names)))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DynsparseError(
            f"{origin}: {twice[0]!r} names two dimensions of state and action; names differ in"
            " more than their units"
        )

"""Numbers to three significant digits, in 16 bits that order and compress well.

What the page shows of a number is what ``f"{number:.2e}"`` says, digit for digit.
"""

import math

import numpy as np
from jaxtyping import Float, UInt16

DIGITS = 3
# Codes below this stand for no digits: zero, below the threshold, too large for a code.
ZERO, BELOW, BEYOND, FIRST = 0, 1, 2, 3
_MANTISSAS = 9 * 10 ** (DIGITS - 1)
# Powers of ten for which 16 bits have room.
POWERS = (2**16 - FIRST) // (2 * _MANTISSAS)
# Sign, digits, point, exponent with its sign: "+1.23e-04".
_WIDTH = DIGITS + 6


def lowest_power(threshold: float) -> int:
    """The power of ten of the smallest number that has a code of its own."""
    return math.floor(math.log10(threshold))


def encode(values: Float[np.ndarray, "*shape"], threshold: float) -> UInt16[np.ndarray, "*shape"]:
    """A code for each number: ``FIRST + 2 * (900 * (power - lowest) + digits - 100) + negative``.

    Args:
        values: numbers; what is not finite gets the code of what is too large.
        threshold: below it a number that is not 0 has the code ``BELOW``.
    """
    lowest, size = lowest_power(threshold), np.abs(values)
    # The largest that is still below the end of the range when it is rounded.
    end = float(f"{10 - 6 * 10.0**-DIGITS}e{min(lowest + POWERS - 1, 99)}")
    plain = (size >= threshold) & (size <= end)
    digits, power, negative = _read(values[plain])
    codes = np.where(size < threshold, np.where(size == 0, ZERO, BELOW), BEYOND).astype(np.uint16)
    place = _MANTISSAS * (power - lowest) + digits - 10 ** (DIGITS - 1)
    codes[plain] = FIRST + 2 * place + negative
    return codes


def _read(values: Float[np.ndarray, " n"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Digits as a whole number, power of ten, and sign, as Python prints them."""
    pattern = f"%+.{DIGITS - 1}e".encode()
    texts = np.array([pattern % value for value in values.tolist()], dtype=f"S{_WIDTH}")
    letters = texts.view(np.uint8).reshape(-1, _WIDTH).astype(np.int64)
    figures = letters - ord("0")
    shown = figures[:, [1, *range(3, DIGITS + 2)]]
    digits = shown @ 10 ** np.arange(DIGITS - 1, -1, -1)
    power = figures[:, -2] * 10 + figures[:, -1]
    return digits, np.where(letters[:, -3] == ord("-"), -power, power), letters[:, 0] == ord("-")

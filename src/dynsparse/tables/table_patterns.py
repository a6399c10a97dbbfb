"""Distinct zero patterns, their frequencies and entropy, and what contacts tell of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.information import entropy
from dynsparse.tables.writing import item

# A column's name begins with the cause that is held against the patterns.
CAUSES = {"contacts": "contacts", "contacts and constraints": "constraints_too"}
SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("samples", pa.int64()),
        ("patterns", pa.int64()),
        ("state_patterns", pa.int64()),
        ("action_patterns", pa.int64()),
        ("seen_once", pa.int64()),
        ("most_frequent_percent", pa.float64()),
        ("patterns_of_90_percent", pa.int64()),
        ("patterns_of_99_percent", pa.int64()),
        ("entropy_bits", pa.float64()),
        ("entropy_corrected_bits", pa.float64()),
        *(
            (f"{cause}_{name}", kind)
            for cause in CAUSES.values()
            for name, kind in (
                ("raw_percent", pa.float64()),
                ("by_chance_percent", pa.float64()),
                ("adjusted_percent", pa.float64()),
                ("beyond_chance", pa.bool_()),
            )
        ),
    ]
)
# Of an entropy: what is closer to it is equal, but for rounding.
ROUNDING = 1e-9


def table_patterns(occurrences: Sequence[pa.Table], information: Sequence[pa.Table]) -> pa.Table:
    """How many zero patterns there are, and how much of them the contacts explain.

    Args:
        occurrences: tables of kind ``occurrences``, merged, one per environment and behaviour.
        information: tables of kind ``information`` of the same, in the same order.

    Returns:
        ``SCHEMA``: a pattern is that of both Jacobians together. The corrected entropy is Miller
        and Madow's. Of the entropy H, ``raw_percent`` is what the set of touching pairs (and
        active constraints) shares with the pattern, I / H; ``by_chance_percent`` what it would
        share without a tie, E / H; ``adjusted_percent`` how far it is on the way from there to all,
        (I - E) / (H - E), null where chance alone gives all. ``beyond_chance``: more than the
        largest of the untied copies. Null where there is but one pattern.
    """
    pairs = zip(occurrences, information, strict=True)
    rows = [_row(counted, told) for counted, told in pairs]
    return item(rows, SCHEMA, "table_patterns", [*occurrences, *information])


def pattern_counts(occurrences: pa.Table, columns: Sequence[str]) -> np.ndarray:
    """How often each distinct value of some columns occurs, the most frequent first."""
    sums = occurrences.group_by(list(columns)).aggregate([("samples", "sum")])
    return np.sort(sums["samples_sum"].to_numpy())[::-1]


def miller_madow(counts: np.ndarray) -> float:
    """Entropy in bits, with the first-order correction of its bias, (states - 1) / 2 samples."""
    if not counts.sum():
        return 0.0
    return entropy(counts) + (np.count_nonzero(counts) - 1) / (2 * counts.sum() * np.log(2))


def _row(occurrences: pa.Table, information: pa.Table) -> dict[str, Any]:
    counts = pattern_counts(occurrences, ["state_pattern", "action_pattern"])
    share = np.cumsum(counts) / max(counts.sum(), 1)
    told = {
        row["cause"]: row
        for row in information.filter(pc.equal(information["effect"], "pattern")).to_pylist()
    }
    row: dict[str, Any] = {
        "environment": information["environment"][0].as_py(),
        "behaviour": information["behaviour"][0].as_py(),
        "samples": int(counts.sum()),
        "patterns": len(counts),
        "state_patterns": len(pattern_counts(occurrences, ["state_pattern"])),
        "action_patterns": len(pattern_counts(occurrences, ["action_pattern"])),
        "seen_once": int((counts == 1).sum()),
        "most_frequent_percent": 100 * float(share[0]) if len(share) else None,
        "patterns_of_90_percent": int((share < 0.9).sum()) + bool(len(share)),
        "patterns_of_99_percent": int((share < 0.99).sum()) + bool(len(share)),
        "entropy_bits": entropy(counts),
        "entropy_corrected_bits": miller_madow(counts),
    }
    for cause, name in CAUSES.items():
        row |= {f"{name}_{key}": value for key, value in _explained(told[cause]).items()}
    return row


def _explained(told: dict[str, Any]) -> dict[str, Any]:
    """Raw and adjusted shares of the entropy; nothing where there is none."""
    whole, shared, chance = (
        told[f"{name}_bits"] for name in ("effect_entropy", "information", "by_chance")
    )
    if not whole:
        return {}
    beyond = shared - told["by_chance_high_bits"] > ROUNDING * whole
    room = whole - chance
    return {
        "raw_percent": 100 * shared / whole,
        "by_chance_percent": 100 * chance / whole,
        "adjusted_percent": 100 * (shared - chance) / room if room > ROUNDING * whole else None,
        "beyond_chance": beyond,
    }

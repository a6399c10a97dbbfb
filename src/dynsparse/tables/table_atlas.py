"""The atlas: one row per environment, to see where dynamics are sparse (beyond the paper)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynsparse.sparsity.merging import at_threshold, total_over_seeds
from dynsparse.sparsity.survival import survival
from dynsparse.storage.tables import metadata_of
from dynsparse.tables.table_1_seeds import known
from dynsparse.tables.table_contacts import read_occurrences
from dynsparse.tables.table_patterns import table_patterns
from dynsparse.tables.table_structure import table_structure
from dynsparse.tables.verification import verification_table
from dynsparse.tables.writing import item

MODEL = ("trees", "free_bodies", "pairs", "limits", "friction_losses", "equalities", "muscles")
SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("suite", pa.string()),
        ("behaviour", pa.string()),
        ("states", pa.int64()),
        ("actions", pa.int64()),
        *((name, pa.int64()) for name in MODEL),
        ("samples", pa.int64()),
        ("known_percent", pa.float64()),
        ("undecided_percent", pa.float64()),
        ("whole_percent", pa.float64()),
        ("structural_percent", pa.float64()),
        ("always_zero_percent", pa.float64()),
        ("contingent_percent", pa.float64()),
        ("mean_percent", pa.float64()),
        ("low_percent", pa.float64()),
        ("high_percent", pa.float64()),
        ("touching_percent", pa.float64()),
        ("mean_touching_percent", pa.float64()),
        ("mean_apart_percent", pa.float64()),
        ("patterns", pa.int64()),
        ("patterns_of_90_percent", pa.int64()),
        ("told_by_contacts_percent", pa.float64()),
        ("told_by_constraints_percent", pa.float64()),
        ("zero_median_steps", pa.float64()),
        ("zero_median_s", pa.float64()),
        ("method", pa.string()),
        ("share_right", pa.float64()),
        ("largest_error", pa.float64()),
    ]
)
# Between these sizes differences do not tell zeros from what is none (docs/environments.md).
UNDECIDED = (1e-9, 1e-7)
BY_DIFFERENCES = "mujoco_c"
# Of the sparsities of samples: the lowest and highest are often of a single one.
LOW, HIGH = 5, 95


def table_atlas(
    elements: Sequence[pa.Table],
    steps: Sequence[pa.Table],
    strides: Sequence[pa.Table],
    occurrences: Sequence[pa.Table],
    information: Sequence[pa.Table],
    samples: Sequence[pa.Table],
    replays: Sequence[pa.Table],
    structure: pa.Table,
    threshold: float,
) -> pa.Table:
    """What the state Jacobian of each environment is like, the sparsest first.

    Args:
        elements: merged tables of this kind, one per environment and behaviour; those that follow
            likewise, in the same order; ``samples`` and ``replays`` are those of verification.
        steps: of sparsity at every step.
        strides: of durations.
        occurrences: of patterns with contacts.
        information: of what contacts tell of patterns.
        samples: of checked Jacobians.
        replays: of steps taken again.
        structure: table of kind ``structure`` with these environments.
        threshold: zero means ``|x| < threshold``.

    Returns:
        ``SCHEMA``. Percentages are of elements: *structural* ones are zero by the model, *always
        zero* ones were so in all samples, and *contingent* ones are the latter without the
        former. ``mean`` is how often an element is zero, of the samples in which it is known.
        ``low`` and ``high`` are percentiles 5 and 95 of *whole* samples, of which all elements are
        known; their mean is also given for those with and without a contact, null where there are
        none. *Known* is the share of elements that have a derivative, and *undecided* that of
        known ones between ``UNDECIDED`` in size, for derivatives by differences; null where the
        study does not count zeros at these two. Patterns and what tells of them are those of
        ``table_patterns``; medians are Kaplan and Meier's, null where most zeros outlast what was
        seen; the last columns are those of ``verification``. Counts of the ``MODEL`` are its
        kinematic trees, its bodies that float, pairs of geoms that may touch, limits,
        friction losses, equalities, and muscles.
    """
    made_from = [*elements, *steps, *strides, *occurrences, *information, *samples, structure]
    zeros = table_structure(elements, structure, {}, threshold).to_pylist()
    state_zeros = [row for row in zeros if row["jacobian"] == "state"]
    patterns = table_patterns(occurrences, information).to_pylist()
    judged = verification_table(samples, replays).to_pylist()
    stored = [row for row in judged if row["stored"]]
    models = metadata_of(structure)["models"]
    rows = [
        {key: zero[key] for key in ("environment", "behaviour", "samples")}
        | models[zero["environment"]]
        | _zeros(zero)
        | _known(counted, measured, verdict["method"])
        | _sparsity(counted, measured, threshold)
        | _contacts(occurred)
        | _told(pattern)
        | _lasting(stride)
        | _verified(verdict)
        for zero, counted, measured, occurred, pattern, stride, verdict in zip(
            state_zeros, elements, steps, occurrences, patterns, strides, stored, strict=True
        )
    ]
    rows.sort(
        key=lambda row: (-(row.get("mean_percent") or 0), row["environment"], row["behaviour"])
    )
    return item(rows, SCHEMA, "table_atlas", made_from)


def _zeros(row: dict[str, Any]) -> dict[str, Any]:
    """Shares of the elements of which anything is known."""
    kinds = ("structural", "contingent", "rarely_nonzero", "sometimes_zero", "never_zero")
    # Each element is of one kind, or there is nothing to say of it.
    told = sum(row[kind] for kind in kinds)
    if not told:
        return {}
    return {
        "structural_percent": 100 * row["structural"] / told,
        "always_zero_percent": 100 * row["observed"] / told,
        "contingent_percent": 100 * row["contingent"] / told,
    }


def _known(elements: pa.Table, steps: pa.Table, method: str) -> dict[str, Any]:
    """What there is a derivative for, and how much of that differences leave open."""
    levels = metadata_of(elements)["threshold"]
    rows = _state(elements, levels[0])
    samples = pc.sum(rows["samples"]).as_py()
    found = {
        "whole_percent": 100 * pc.mean(steps["jacobian_ok"]).as_py(),
        "known_percent": 100 * samples / (rows.num_rows * steps.num_rows),
    }
    if method == BY_DIFFERENCES and samples and set(UNDECIDED) <= set(levels):
        below, above = (pc.sum(_state(elements, size)["zeros"]).as_py() for size in UNDECIDED)
        found["undecided_percent"] = 100 * (above - below) / samples
    return found


def _state(elements: pa.Table, threshold: float) -> pa.Table:
    rows = total_over_seeds(at_threshold(elements, threshold))
    return rows.filter(pc.equal(rows["jacobian"], "state"))


def _sparsity(elements: pa.Table, steps: pa.Table, threshold: float) -> dict[str, Any]:
    """The mean over elements, each in the samples where it is known; whole samples' percentiles."""
    rows = _state(elements, threshold)
    rows = rows.filter(pc.greater(rows["samples"], 0))
    if not rows.num_rows:
        return {}
    share = rows["zeros"].to_numpy() / rows["samples"].to_numpy()
    found = {"mean_percent": 100 * share.mean()}
    ok = steps.filter(steps["jacobian_ok"])
    if ok.num_rows:
        percent = 100 * ok["state_zeros"].to_numpy() / ok["state_elements"].to_numpy()
        found["low_percent"], found["high_percent"] = np.percentile(percent, [LOW, HIGH])
    return found


def _contacts(occurrences: pa.Table) -> dict[str, Any]:
    """Mean sparsity of samples in which anything touches, and of the others."""
    found, elements = read_occurrences(occurrences), metadata_of(occurrences)["elements"]["state"]
    touching = np.asarray(found.touching.any(axis=1))
    weight = found.samples.astype(float)
    share = 100 * found.zeros["state"] / elements

    def mean(chosen: np.ndarray) -> float | None:
        return known(np.average(share[chosen], weights=weight[chosen])) if chosen.any() else None

    return {
        "touching_percent": 100 * weight[touching].sum() / weight.sum() if weight.sum() else None,
        "mean_touching_percent": mean(touching),
        "mean_apart_percent": mean(~touching),
    }


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "patterns": row["patterns"],
        "patterns_of_90_percent": row["patterns_of_90_percent"],
        "told_by_contacts_percent": row["contacts_adjusted_percent"],
        "told_by_constraints_percent": row["constraints_too_adjusted_percent"],
    }


def _lasting(strides: pa.Table) -> dict[str, Any]:
    every = pc.and_(pc.equal(strides["stride"], 1), pc.equal(strides["jacobian"], "state"))
    median = survival(strides.filter(every), zero=True).median
    if not np.isfinite(median):
        return {}
    dt = metadata_of(strides)["control_dt_s"]
    return {"zero_median_steps": median, "zero_median_s": median * dt}


def _verified(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "method": row["method"],
        "share_right": row["share_right"],
        "largest_error": row["max_error"],
    }

"""How often each Jacobian element is zero, and how sparse samples are, at every threshold.

Paper, section 5.1, Table 1 and Figure 3; section 5.2, Figure 5.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int

from dynsparse.sparsity.counting import BLOCK_STEPS, count_block
from dynsparse.sparsity.source import (
    JACOBIANS,
    Info,
    Jacobian,
    elements_of,
    identity_columns,
    source_name,
)
from dynsparse.storage.tables import with_metadata

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("jacobian", pa.string()),
        ("row", pa.int32()),
        ("column", pa.int32()),
        ("row_name", pa.string()),
        ("column_name", pa.string()),
        ("threshold", pa.float64()),
        ("zeros", pa.int64()),
        ("samples", pa.int64()),
    ]
)

SPARSITIES_SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seed", pa.int64()),
        ("jacobian", pa.string()),
        ("elements", pa.int32()),
        ("threshold", pa.float64()),
        ("zeros", pa.int32()),
        ("samples", pa.int64()),
    ]
)


class ElementCounter:
    """Counts zeros of one dataset, one episode after the other, at several thresholds."""

    def __init__(self, info: Info, thresholds: Sequence[float], threshold: float) -> None:
        """``threshold`` is the one whose zeros are handed back; it is added to the others."""
        self._info = info
        self._thresholds = sorted({float(value) for value in (*thresholds, threshold)})
        self._threshold = threshold
        levels = len(self._thresholds)
        sizes = {jacobian: len(elements_of(info, jacobian).row) for jacobian in JACOBIANS}
        self._zeros = {j: np.zeros((levels, size), dtype=np.int64) for j, size in sizes.items()}
        # Histogram over the number of zeros of a sample, from none to all.
        self._sparsities = {
            j: np.zeros((levels, size + 1), dtype=np.int64) for j, size in sizes.items()
        }
        self._samples = {j: np.zeros(size, dtype=np.int64) for j, size in sizes.items()}
        self._steps = 0

    def add(
        self,
        values: dict[Jacobian, Float[np.ndarray, "T _elements"]],
        ok: Bool[np.ndarray, " T"],
        known: dict[Jacobian, Bool[np.ndarray, "T _elements"] | None],
    ) -> dict[Jacobian, Bool[np.ndarray, "T _elements"]]:
        """Count one episode; gives its zeros at the study's threshold.

        Args:
            values: both Jacobians of every step, flattened.
            ok: samples that are not ok (not finite) are left out.
            known: elements that have a derivative, where that is told element by element. Those
                of samples that are not ok count for the elements, and for no sample's sparsity.
        """
        self._steps += len(ok)
        return {j: self._add(j, values[j], ok, known[j]) for j in JACOBIANS}

    def _add(
        self,
        jacobian: Jacobian,
        values: Float[np.ndarray, "T elements"],
        ok: Bool[np.ndarray, " T"],
        known: Bool[np.ndarray, "T elements"] | None,
    ) -> Bool[np.ndarray, "T elements"]:
        self._samples[jacobian] += ok.sum() if known is None else known.sum(axis=0)
        zero = np.empty(values.shape, dtype=bool)
        histograms = self._sparsities[jacobian]
        for first in range(0, len(values), BLOCK_STEPS):
            block = slice(first, first + BLOCK_STEPS)
            counts = count_block(values[block], ok[block], self._thresholds, self._threshold)
            zero[block] = counts.zero
            self._zeros[jacobian] += counts.per_element
            if known is not None:
                self._zeros[jacobian] += self._apart(values[block], known[block] & ~ok[block, None])
            levels, bins = histograms.shape
            keys = np.arange(levels)[:, None] * bins + counts.per_sample[:, ok[block]]
            histograms += np.bincount(keys.ravel(), minlength=histograms.size).reshape(levels, bins)
        return zero

    def _apart(
        self, values: Float[np.ndarray, "T elements"], known: Bool[np.ndarray, "T elements"]
    ) -> Int[np.ndarray, "thresholds elements"]:
        """Zeros of the known elements, samples that are not ok included."""
        size, every = np.where(known, values, np.inf), np.ones(len(values), bool)
        return count_block(size, every, self._thresholds, self._threshold).per_element

    def elements(self) -> pa.Table:
        """``SCHEMA``: one row per element and threshold.

        The metadata's ``steps`` counts all samples, those left out included.
        """
        parts = [self._element_rows(jacobian) for jacobian in JACOBIANS]
        return self._finished(pa.concat_tables(parts), "elements")

    def sparsities(self) -> pa.Table:
        """``SPARSITIES_SCHEMA``: how many samples have how many zeros, at every threshold."""
        parts = [self._sparsity_rows(jacobian) for jacobian in JACOBIANS]
        return self._finished(pa.concat_tables(parts), "sparsities")

    def _finished(self, table: pa.Table, kind: str) -> pa.Table:
        return with_metadata(
            table,
            kind,
            threshold=self._thresholds,
            control_dt_s=self._info.control_dt_s,
            steps=self._steps,
            sources=[source_name(self._info)],
        )

    def _element_rows(self, jacobian: Jacobian) -> pa.Table:
        elements = elements_of(self._info, jacobian)
        zeros = self._zeros[jacobian]
        levels, size = zeros.shape
        columns = identity_columns(self._info, zeros.size) | {
            "jacobian": pa.repeat(pa.scalar(jacobian), zeros.size),
            "row": np.tile(elements.row, levels),
            "column": np.tile(elements.column, levels),
            "row_name": np.tile(elements.row_name, levels),
            "column_name": np.tile(elements.column_name, levels),
            "threshold": np.repeat(np.asarray(self._thresholds), size),
            "zeros": zeros.ravel(),
            "samples": np.tile(self._samples[jacobian], levels),
        }
        return pa.table(columns, schema=SCHEMA)

    def _sparsity_rows(self, jacobian: Jacobian) -> pa.Table:
        histograms = self._sparsities[jacobian]
        level, zeros = np.nonzero(histograms)
        columns = identity_columns(self._info, len(level)) | {
            "jacobian": pa.repeat(pa.scalar(jacobian), len(level)),
            "elements": np.full(len(level), histograms.shape[1] - 1, dtype=np.int32),
            "threshold": np.asarray(self._thresholds)[level],
            "zeros": zeros.astype(np.int32),
            "samples": histograms[level, zeros],
        }
        return pa.table(columns, schema=SPARSITIES_SCHEMA)

"""Which stretch of an episode is shown: chosen by a rule, not by hand."""

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

WINDOW_STEPS = 57  # eight pictures, eight control steps apart
FRAMES = 8
ORDER = [("seed", "ascending"), ("episode", "ascending"), ("step", "ascending")]


def combined_zeros(steps: pa.Table) -> Float[np.ndarray, " rows"]:
    """Zero elements of both Jacobians together; NaN where the sample is not finite."""
    counts = (steps[f"{jacobian}_zeros"].to_numpy() for jacobian in ("state", "action"))
    return np.sum([count.astype(np.float64) for count in counts], axis=0)


def combined_sparsity(steps: pa.Table) -> Float[np.ndarray, " rows"]:
    """Share of the elements of both Jacobians that are zero (the colour of Figure 4)."""
    elements = (steps[f"{jacobian}_elements"].to_numpy() for jacobian in ("state", "action"))
    return combined_zeros(steps) / np.sum(list(elements), axis=0)


def shown_window(steps: pa.Table, length: int = WINDOW_STEPS) -> pa.Table:
    """The consecutive steps of one episode in which sparsity varies most.

    Args:
        steps: table of kind ``steps``, merged over seeds.
        length: control steps to show; a shorter episode is shown whole.

    Returns:
        The rows of the stretch with the largest variance of the combined sparsity, in order. Of
        equals the first; a stretch with a sample that is not finite only if there is no other.
    """
    ordered = steps.sort_by(ORDER)
    zeros = combined_zeros(ordered)
    best, most = (0, 0), -np.inf
    for start, end in _episodes(ordered):
        spread = _spread(zeros[start:end], min(length, end - start))
        first = int(spread.argmax())
        if spread[first] > most:
            most, best = spread[first], (start + first, min(length, end - start))
    return ordered.slice(*best)


def frame_rows(window: pa.Table, frames: int = FRAMES) -> pa.Table:
    """At most ``frames`` rows of the window, evenly spaced from its first to its last."""
    count = min(frames, window.num_rows)
    return window.take(np.linspace(0, window.num_rows - 1, count).round().astype(np.int64))


def _spread(zeros: Float[np.ndarray, " T"], length: int) -> Float[np.ndarray, " starts"]:
    windows = np.lib.stride_tricks.sliding_window_view(zeros, length)
    return np.nan_to_num(windows.var(axis=1), nan=-1.0)


def _episodes(ordered: pa.Table) -> list[tuple[int, int]]:
    """First row, and the row after the last, of every episode, or of a part that begins anew."""
    keys: Int[np.ndarray, "2 rows"] = np.stack(
        [ordered[name].to_numpy() for name in ("seed", "episode")]
    )
    # Between two finite samples changes are unknown only where something begins anew.
    ok = ordered["jacobian_ok"].to_numpy()
    unknown = ordered["state_changes"].is_null().to_numpy()
    anew = (unknown & ok)[1:] & ok[:-1]
    new = np.flatnonzero((np.diff(keys, axis=1) != 0).any(axis=0) | anew) + 1
    edges = [0, *new.tolist(), ordered.num_rows] if ordered.num_rows else []
    return list(zip(edges[:-1], edges[1:], strict=True))

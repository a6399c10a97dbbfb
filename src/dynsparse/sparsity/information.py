"""How much of the zero pattern the contacts explain (paper, section 5.2), in bits."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from dynsparse.sparsity.occurrences import row_numbers
from dynsparse.sparsity.patterns import PatternSource
from dynsparse.sparsity.steps import ones
from dynsparse.storage.tables import with_metadata

# Untied copies that say what a finite and slowly changing series gives by chance.
COPIES = 40
CAUSES = ("contacts", "contacts and constraints")
EFFECTS = ("pattern", "sparsity")

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("cause", pa.string()),
        ("effect", pa.string()),
        ("samples", pa.int64()),
        ("cause_states", pa.int64()),
        ("effect_states", pa.int64()),
        ("cause_entropy_bits", pa.float64()),
        ("effect_entropy_bits", pa.float64()),
        ("information_bits", pa.float64()),
        ("by_chance_bits", pa.float64()),
        ("by_chance_high_bits", pa.float64()),
    ]
)


class Series(NamedTuple):
    """Numbered states of every finite sample, and the first sample of each episode."""

    causes: dict[str, Int[np.ndarray, " samples"]]
    effects: dict[str, Int[np.ndarray, " samples"]]
    starts: Int[np.ndarray, " episodes"]


def measure_information(patterns: Sequence[PatternSource]) -> pa.Table:
    """Mutual information between what touches and what is zero, over all seeds of one case.

    The plug-in estimate is too large in small and in slowly changing samples. What it gives by
    chance is measured, ``COPIES`` times: each episode is given the contacts of another, shifted in
    a circle by a random number of steps. That keeps both series, and breaks their tie within
    episodes and between them (an episode that is all contact is all of one pattern).

    Args:
        patterns: the seeds of one environment and behaviour.

    Returns:
        ``SCHEMA``: ``by_chance_bits`` is the mean over the untied copies, and
        ``by_chance_high_bits`` the largest of them.
    """
    series = _series(patterns)
    rng = np.random.default_rng(0)
    info = patterns[0].info
    rows = []
    for cause in CAUSES:
        x = series.causes[cause]
        copies = [untied(x, series.starts, rng) for _ in range(COPIES)]
        for effect in EFFECTS:
            y = series.effects[effect]
            chance = [mutual_information(each, y) for each in copies]
            rows.append(
                {
                    "environment": info.environment,
                    "behaviour": info.behaviour,
                    "cause": cause,
                    "effect": effect,
                    "samples": len(x),
                    "cause_states": len(np.unique(x)),
                    "effect_states": len(np.unique(y)),
                    "cause_entropy_bits": entropy(np.bincount(x)),
                    "effect_entropy_bits": entropy(np.bincount(y)),
                    "information_bits": mutual_information(x, y),
                    "by_chance_bits": float(np.mean(chance)),
                    "by_chance_high_bits": float(np.max(chance)),
                }
            )
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    sources = sorted(source for each in patterns for source in each.info.facts()["sources"])
    return with_metadata(table, "information", threshold=info.threshold, sources=sources)


def entropy(counts: Int[np.ndarray, " states"]) -> float:
    """Shannon entropy in bits of a histogram (the plug-in estimate); zero for no samples."""
    share = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(share * np.log2(share)).sum()) + 0.0


def mutual_information(x: Int[np.ndarray, " samples"], y: Int[np.ndarray, " samples"]) -> float:
    """Mutual information in bits of two series of small numbers (the plug-in estimate)."""
    if not len(x):
        return 0.0
    _, joint = np.unique(x.astype(np.int64) * (int(y.max()) + 1) + y, return_counts=True)
    return entropy(np.bincount(x)) + entropy(np.bincount(y)) - entropy(joint)


def untied(
    x: Int[np.ndarray, " samples"], starts: Int[np.ndarray, " episodes"], rng: np.random.Generator
) -> Int[np.ndarray, " samples"]:
    """The episodes of a series in another place each, and shifted in a circle by a random step.

    A single episode is shifted alone; episodes of unequal length are laid end to end.
    """
    parts = np.split(x, starts[1:])
    # Each takes the place of the next in a random round, so that none stays where it is.
    around = rng.permutation(len(parts))
    order = np.empty_like(around)
    order[around] = np.roll(around, -1)
    return np.concatenate([np.roll(parts[k], rng.integers(len(parts[k]) or 1)) for k in order])


def _series(patterns: Sequence[PatternSource]) -> Series:
    numbers: dict[str, dict[bytes, int]] = {name: {} for name in (*CAUSES, *EFFECTS)}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in numbers}
    starts, samples = [], 0
    for source in patterns:
        for episode in source.episodes():
            ok = episode.jacobian_ok
            pattern = np.concatenate([episode.state_pattern, episode.action_pattern], axis=1)[ok]
            contact, active = episode.contact[ok], episode.constraint_active[ok]
            zeros = ones(pattern)[:, None]
            states = {
                "contacts": contact,
                "contacts and constraints": np.concatenate([contact, active], axis=1),
                "pattern": pattern,
                "sparsity": zeros.view(np.uint8),
            }
            for name, rows in states.items():
                parts[name].append(_numbered(rows, numbers[name]))
            # What is measured over time does not reach over a step that begins anew.
            anew = np.flatnonzero(np.diff(np.cumsum(episode.begins)[ok])) + 1
            starts += [samples, *(samples + anew).tolist()]
            samples += int(ok.sum())
    whole = {name: np.concatenate([np.empty(0, np.int64), *each]) for name, each in parts.items()}
    return Series(
        {name: whole[name] for name in CAUSES},
        {name: whole[name] for name in EFFECTS},
        np.asarray(starts, dtype=np.int64),
    )


def _numbered(rows: np.ndarray, numbers: dict[bytes, int]) -> Int[np.ndarray, " T"]:
    """One number per row; equal rows of all episodes share theirs, kept in ``numbers``."""
    distinct, number, _ = row_numbers(rows)
    known = [numbers.setdefault(row.tobytes(), len(numbers)) for row in distinct]
    return np.asarray(known, dtype=np.int64)[number]

"""Table A1.1: the return of the policies behind the data, ours beside the paper's."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dynsparse.storage.tables import metadata_of, with_metadata

PAPER_STEPS_PER_EPISODE = 1000

SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("behaviour", pa.string()),
        ("seeds", pa.int64()),
        ("episodes", pa.int64()),
        ("steps_per_episode", pa.float64()),
        ("mean_return", pa.float64()),
        ("std_return", pa.float64()),
        ("mean_return_per_1000_steps", pa.float64()),
        ("paper_mean_reward", pa.float64()),
        ("difference", pa.float64()),
    ]
)


def table_a1_1(steps: Sequence[pa.Table], published: Mapping[str, Mapping[str, float]]) -> pa.Table:
    """Mean episode return of the dataset's own rollouts, one row per environment and behaviour.

    Args:
        steps: tables of kind ``steps``, merged over seeds, one per environment and behaviour.
        published: the paper's Table A1.1 by environment (``read_published``).

    Returns:
        ``SCHEMA``, in the order of ``steps``. Returns are sums of rewards over an episode; their
        standard deviation is taken over episodes (null for a single one). The paper's episodes
        have 1000 steps, so ``difference`` (ours minus the paper's) compares with ours scaled to
        1000 steps. It is null where the paper has no such environment.
    """
    rows = [_row(table, published) for table in steps]
    sources = sorted(source for table in steps for source in metadata_of(table)["sources"])
    return with_metadata(pa.Table.from_pylist(rows, schema=SCHEMA), "table_a1_1", sources=sources)


def _row(table: pa.Table, published: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    episodes = table.group_by(["seed", "episode"]).aggregate([("reward", "sum"), ("step", "count")])
    returns = episodes["reward_sum"].to_numpy()
    lengths = episodes["step_count"].to_numpy()
    scaled = PAPER_STEPS_PER_EPISODE * returns.sum() / lengths.sum()
    environment = table["environment"][0].as_py()
    paper = published.get(environment, {}).get("mean_reward")
    return {
        "environment": environment,
        "behaviour": table["behaviour"][0].as_py(),
        "seeds": len(metadata_of(table)["sources"]),
        "episodes": len(returns),
        "steps_per_episode": float(lengths.mean()),
        "mean_return": float(returns.mean()),
        "std_return": float(np.std(returns, ddof=1)) if len(returns) > 1 else None,
        "mean_return_per_1000_steps": float(scaled),
        "paper_mean_reward": paper,
        "difference": None if paper is None else float(scaled) - paper,
    }

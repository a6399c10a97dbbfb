"""What a training run leaves behind while it runs, so that a killed one can go on."""

import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save

from dynsparse.errors import DynsparseError
from dynsparse.policies.checkpoint import Policy, save_policy
from dynsparse.storage.files import whole_file

CURVE_SCHEMA = pa.schema(
    [
        ("environment", pa.string()),
        ("seed", pa.int64()),
        ("steps", pa.int64()),
        ("seconds", pa.float64()),
        ("reward_mean", pa.float64()),
        ("reward_std", pa.float64()),
    ],
    metadata={b"dynsparse": b'{"kind": "training_curve", "schema_version": 1}'},
)
"""One row per evaluation; ``seconds`` of wall clock since training began, pauses left out."""


class TrainingRecord:
    """The folder of an unfinished run: curve, a policy per evaluation, the last full parameters.

    Attributes:
        folder: where all of it is.
        settings: what the run is made with, as JSON can hold it.
        curve: the evaluations so far.
    """

    def __init__(self, folder: Path, environment: str, seed: int, settings: dict[str, Any]):
        """Open a folder, or begin one.

        Raises:
            DynsparseError: the folder holds a run with other settings.
        """
        self.folder = folder
        self.settings = settings
        _same_settings(folder / "settings.json", settings)
        self._key = (environment, seed)
        self._began = time.monotonic()
        path = folder / "curve.parquet"
        self.curve = pq.ParquetFile(path).read() if path.is_file() else CURVE_SCHEMA.empty_table()
        self._seconds_before = self.curve["seconds"][-1].as_py() if len(self.curve) else 0.0

    @property
    def steps(self) -> int:
        """Control steps trained so far."""
        return self.curve["steps"][-1].as_py() if len(self.curve) else 0

    def append(
        self, steps: int, reward_mean: float, reward_std: float, policy: Policy, parameters: Any
    ) -> None:
        """Save one evaluation. The curve is written last: it says how far the rest is valid."""
        save_policy(self.policy_path(steps), policy, card={})
        arrays = {name: np.asarray(leaf) for name, leaf in _named_leaves(parameters)}
        with whole_file(self._parameters_path(steps)) as temporary:
            temporary.write_bytes(save(arrays))
        seconds = self._seconds_before + time.monotonic() - self._began
        row = (*self._key, steps, seconds, reward_mean, reward_std)
        columns = [[value] for value in row]
        self.curve = pa.concat_tables([self.curve, pa.table(columns, schema=CURVE_SCHEMA)])
        self.write_curve(self.folder / "curve.parquet")
        for path in self.folder.glob("parameters-*.safetensors"):
            if path != self._parameters_path(steps):
                path.unlink()

    def restore(self, template: Any) -> Any:
        """The full parameters at ``steps``, in the structure of ``template``."""
        saved = load_file(self._parameters_path(self.steps))
        leaves = [jax.numpy.asarray(saved[name]) for name, _ in _named_leaves(template)]
        return jax.tree.unflatten(jax.tree.structure(template), leaves)

    def write_curve(self, path: Path) -> None:
        """Write the curve as Parquet."""
        with whole_file(path) as temporary:
            pq.write_table(self.curve, temporary)

    def policy_path(self, steps: int) -> Path:
        """Where the policy after ``steps`` control steps is."""
        return self.folder / f"policy-{steps}.safetensors"

    def _parameters_path(self, steps: int) -> Path:
        return self.folder / f"parameters-{steps}.safetensors"


def _same_settings(path: Path, settings: dict[str, Any]) -> None:
    text = json.dumps(settings, sort_keys=True, indent=2)
    if not path.is_file():
        with whole_file(path) as temporary:
            temporary.write_text(text)
    elif path.read_text() != text:
        raise DynsparseError(
            f"{path.parent}: an unfinished training run with other settings; remove the folder,"
            " or restore its settings to go on"
        )


def _named_leaves(tree: Any) -> list[tuple[str, Any]]:
    named, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in named]

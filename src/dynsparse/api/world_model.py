"""A world model that a study trained, with its scaler: it predicts and linearises in real units."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from dynsparse.api.names import bare
from dynsparse.api.optional import needed
from dynsparse.errors import DynsparseError, did_you_mean


class Linear(NamedTuple):
    """A prediction and its derivatives."""

    next_state: Float[np.ndarray, "*n ds"]
    state_jacobian: Float[np.ndarray, "*n ds ds"]
    action_jacobian: Float[np.ndarray, "*n ds da"]


class WorldModel:
    """A trained network of one seed and split; ``study.world_model`` gives one.

    It computes in float32, as it was trained.

    Attributes:
        state_names: what the state's dimensions are called, of inputs and outputs.
        action_names: what the action's are called.
        scaler: mean and scale of the samples that it was trained on.
        about: how it was trained.
    """

    def __init__(self, model: Any, scaler: Any, about: dict[str, Any]) -> None:
        """Take a network, the scaler that it was trained with, and what it belongs to."""
        self._model, self.scaler, self.about = model, scaler, about
        self.state_names = tuple(map(bare, about["state_names"]))
        self.action_names = tuple(map(bare, about["action_names"]))

    def __call__(self, state: np.ndarray, action: np.ndarray) -> Float[np.ndarray, "*n ds"]:
        """The predicted next states, of one sample or of many; see ``linearise``."""
        return self.linearise(state, action).next_state

    def linearise(self, state: np.ndarray, action: np.ndarray) -> Linear:
        """Predictions, and their Jacobians by state and action.

        Args:
            state: (ds,), or a row per sample.
            action: (da,), likewise.

        Raises:
            DynsparseError: shapes do not fit.
        """
        import jax.numpy as jnp

        from dynsparse.precision import precision

        scaler, ds, da = self.scaler, len(self.state_names), len(self.action_names)
        state, action = np.asarray(state, np.float64), np.asarray(action, np.float64)
        lead = state.shape[:-1]
        if state.shape != (*lead, ds) or action.shape != (*lead, da):
            raise DynsparseError(
                f"state {state.shape} and action {action.shape} should be (..., {ds}) and"
                f" (..., {da})"
            )
        inputs = scaler.inputs(np.concatenate([state, action], axis=-1).reshape(-1, ds + da))
        with precision("float32"):
            found = self._model.linearise(jnp.asarray(inputs, np.float32))
        following, jacobian = (np.asarray(values, np.float64) for values in found)
        whole = scaler.derivative(jacobian).reshape(*lead, ds, ds + da)
        following = scaler.next_states(following).reshape(*lead, ds)
        return Linear(following, whole[..., :ds], whole[..., ds:])


def read_world_model(path: Path, seed: int | None, split: str | None) -> WorldModel:
    """The network of one seed and split in a study's ``models.safetensors``.

    Raises:
        DynsparseError: no such file, seed or split; a damaged file; or JAX is not installed.
    """
    for package in ("jax", "equinox", "optax", "safetensors"):
        needed(package, "learn", "a world model")
    from dynsparse.learning.training import checkpoint

    if not path.is_file():
        raise DynsparseError(f"{path}: no such file; the study has trained no such model")
    arrays, about = checkpoint.read(path)
    try:
        return _model(arrays, about, seed, split)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DynsparseError(f"{path}: holds no world model, or is damaged: {error}") from error
    except DynsparseError as error:
        raise DynsparseError(f"{path}: {error}") from None


def _model(
    arrays: dict[str, np.ndarray], about: dict[str, Any], seed: int | None, split: str | None
) -> WorldModel:
    import jax

    from dynsparse.learning.data.normalisation import Scaler
    from dynsparse.learning.settings import training_settings
    from dynsparse.learning.training import checkpoint
    from dynsparse.learning.training.epochs import outline
    from dynsparse.precision import precision

    splits = sorted({name.partition(".")[0] for name in arrays})
    division = split or splits[0]
    if division not in splits:
        raise DynsparseError(f"split {division!r} does not exist; {did_you_mean(division, splits)}")
    seed = about["seeds"][0] if seed is None else seed
    if seed not in about["seeds"]:
        raise DynsparseError(f"seed {seed} was not trained; trained were {about['seeds']}")
    outputs = len(about["state_names"])
    inputs = outputs + len(about["action_names"])
    if about["told"]:
        raise DynsparseError(
            f"this model is told {', '.join(about['told'])} beside state and action: it is a"
            " control, and does not predict from these alone"
        )
    settings = training_settings(about["section"], about["learner"])
    known = settings.model.recalling(about["settings"].get("model", {}))
    settings = dataclasses.replace(settings, model=known)
    with precision("float32"):
        made = outline(settings, inputs, outputs, tuple(about["seeds"]))
        stacked = checkpoint.restored(f"{division}.model", made.model, arrays)
        shapes = [[leaf.shape for leaf in jax.tree.leaves(m)] for m in (stacked, made.model)]
        if shapes[0] != shapes[1]:
            raise ValueError("weights have other shapes than its settings say")
        number = about["seeds"].index(seed)
        model = jax.tree.map(lambda leaf: leaf[number], stacked)
    scaler = Scaler(*(arrays[f"{division}.scaler.{name}"] for name in Scaler._fields))
    return WorldModel(model, scaler, {**about, "seed": seed, "split": division})

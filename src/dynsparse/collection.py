"""Collection: roll a behaviour out, differentiate every step, write the dataset."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dynsparse.dataset import BlockWriter, DatasetInfo, have_derivatives, starts_elsewhere
from dynsparse.environments import Dynamics, load, vocabulary
from dynsparse.environments.identity import environment_identity, model_digest, simulator_identity
from dynsparse.environments.playground import Solver
from dynsparse.errors import DynsparseError
from dynsparse.jacobians import batched_jacobians, resolve_method
from dynsparse.jacobians.batches import Derive
from dynsparse.jacobians.tangent import tangent_jacobians, tangent_names
from dynsparse.policies.behaviours import Behaviour, make_behaviour
from dynsparse.precision import Precision, precision
from dynsparse.programs import kept
from dynsparse.provenance import provenance
from dynsparse.running.console import progress, say

Arrays = dict[str, np.ndarray]

# What datasets of robots say of themselves.
ROBOT_NOTE = (
    "action: the controls that the environment made of its policy's action. After a step that is"
    " terminated the episode begins again at its first state; before the episode's end, a step is"
    " truncated after which the environment pushed the robot."
)


@dataclass(frozen=True)
class CollectionSettings:
    """What a dataset depends on, beside environment, behaviour and seed.

    Attributes:
        episodes: episodes per seed.
        steps: control steps per episode.
        method: how Jacobians are computed, a name of ``dynsparse.jacobians.METHODS``, or ``auto``.
        solver: the simulator's constraint solver, as shipped or converged.
        dtype: precision of simulation and Jacobians.
        block_episodes: episodes rolled out together and written at once.
        batch_samples: samples differentiated together; 0: as many as suit the device.
    """

    episodes: int
    steps: int
    method: str
    solver: Solver
    dtype: Precision
    block_episodes: int
    batch_samples: int


def collect(
    path: Path | str,
    environment: str,
    behaviour: str,
    seed: int,
    settings: CollectionSettings,
    policy: Path | None = None,
    samples: int | None = None,
) -> None:
    """Write the dataset of one environment, behaviour and seed (paper, section 5).

    An earlier run that was killed is continued at its next block; the file ends up the same,
    bit for bit, since every episode depends on the seed and its own index alone.

    Args:
        path: the HDF5 file to write.
        environment: Playground's name.
        behaviour: who acts, a name of ``dynsparse.policies.behaviours.KINDS``.
        seed: the repetition; all randomness comes from it.
        settings: sizes and methods.
        policy: the checkpoint behind the behaviour; None: the shipped one of this seed.
        samples: of the longer file that this is to be the beginning of, to the last bit.

    Raises:
        DynsparseError: unknown environment or method, unusable policy, no space to write.
    """
    with precision(settings.dtype):
        dynamics = load(environment, settings.solver, settings.dtype)
        actor = make_behaviour(behaviour, environment, seed, policy)
        info = dataset_info(dynamics, actor, seed, settings)
        rollout = _rollouts(dynamics, actor, settings.steps)
        size, count = settings.block_episodes, settings.episodes
        own = count * settings.steps
        among = samples or own
        derive = batched_jacobians(dynamics, settings.method, settings.batch_samples, among)
        label = f"{environment} {actor.kind} seed {seed}"
        say(f"{label}: compiling the rollout and its Jacobians (a minute or two, once)")
        with BlockWriter(path, info) as writer:
            written = writer.written
            blocks = [k for k in range(0, count, size) if not written[k : k + size].all()]
            done = (count - sum(min(size, count - k) for k in blocks)) * settings.steps
            with progress(own, label, "step", initial=done) as bar:
                for first in blocks:
                    keys = _episode_keys(seed, range(first, first + size))
                    steps = _to_numpy(rollout(actor.parameters, keys))
                    _check_forces(dynamics.name, steps.pop("forced", np.zeros(0)))
                    block = _with_jacobians(dynamics, derive, steps, bar.update)
                    writer.write(first, {k: v[: count - first] for k, v in block.items()})
            writer.finish()


def dataset_info(
    dynamics: Dynamics, behaviour: Behaviour, seed: int, settings: CollectionSettings
) -> DatasetInfo:
    """The attributes of the dataset that ``collect`` writes."""
    acting = behaviour.digest or behaviour.kind
    # Robots are not of Playground's package, and may be had from elsewhere.
    model = {"model_sha256": model_digest(dynamics.mj_model)} if dynamics.robot else {}
    return DatasetInfo(
        environment=dynamics.name,
        behaviour=behaviour.kind,
        seed=seed,
        **vocabulary(dynamics),
        method=resolve_method(settings.method, dynamics.methods),
        dtype=settings.dtype,
        episodes=settings.episodes,
        steps=settings.steps,
        provenance=provenance(dynamics.name, asdict(settings), acting, **model),
        tangent_names=tangent_names(dynamics.mj_model),
        note=ROBOT_NOTE if dynamics.robot else "",
    )


def _episode_keys(seed: int, episodes: range) -> jax.Array:
    """One key per episode, so that an episode does not depend on the block it is in."""
    return jax.vmap(partial(jax.random.fold_in, jax.random.key(seed)))(jnp.array(list(episodes)))


def _rollouts(dynamics: Dynamics, actor: Behaviour, steps: int) -> Callable[..., Any]:
    """``_rollout`` as one program for all seeds."""
    identities = (
        simulator_identity(dynamics),
        environment_identity(dynamics.name, dynamics.environment),
    )
    identity = None if None in identities else [identities, actor.rule, steps]
    name = f"{dynamics.name}-rollout-{actor.rule}"
    return kept(name, __name__, partial(_rollout, dynamics, actor.act, steps), identity)


def _rollout(
    dynamics: Dynamics, act: Callable, steps: int, parameters: Any, keys: jax.Array
) -> dict[str, jax.Array]:
    """Episodes of the environment under a policy; arrays are (episode, time, ...)."""

    def step(start: Any, current: Any, key: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        action = act(parameters, current.obs, key)
        following, given = dynamics.observed_advance(current, action)
        taken = {
            "state": dynamics.to_state(given.data),
            "action": given.control,
            "memory": given.data.qacc_warmstart,
            "next_state": dynamics.to_state(following.data),
            "reward": following.reward,
            "terminated": following.done > 0,
        }
        if not dynamics.robot:
            return following, taken
        return _again_where_done(start, following), {**taken, "forced": given.forced}

    def episode(key: jax.Array) -> dict[str, jax.Array]:
        reset_key, action_key = jax.random.split(key)
        start, action_keys = dynamics.begin_rollout(reset_key), jax.random.split(action_key, steps)
        return jax.lax.scan(partial(step, start), start, action_keys)[1]

    return jax.vmap(episode)(keys)


def _again_where_done(start: Any, following: Any) -> Any:
    """Where an episode is done, its first data and observation once more.

    That is how Playground trains: what else the environment carries goes on.
    """

    def chosen(first: jax.Array, then: jax.Array) -> jax.Array:
        return jnp.where(following.done > 0, first, then)

    data = jax.tree.map(chosen, start.data, following.data)
    seen = jax.tree.map(chosen, start.obs, following.obs)
    return following.replace(data=data, obs=seen, done=jnp.zeros_like(following.done))


def _with_jacobians(
    dynamics: Dynamics,
    derive: Derive,
    steps: Mapping[str, np.ndarray],
    advance: Callable[[int], Any],
) -> Arrays:
    """Add Jacobians and what touched to rolled-out episodes."""
    shape = steps["reward"].shape
    state, action, memory = (_flat(steps[name]) for name in ("state", "action", "memory"))
    next_state, model = _flat(steps["next_state"]), dynamics.mj_model
    derived = _to_numpy(derive(state, action, memory, advance))
    _check_step(dynamics.name, next_state, derived.next_state)
    by_state, by_action = derived.state_jacobian, derived.action_jacobian
    flat: Arrays = {
        "state_jacobian": by_state,
        "action_jacobian": by_action,
        "contact": derived.record.contact,
        "constraint_active": derived.record.constraint_active,
        "solver_converged": derived.record.solver_converged,
        "jacobian_ok": have_derivatives(by_state, by_action),
    }
    if model.nq != model.nv:
        tangent = tangent_jacobians(model, state, next_state, by_state, by_action)
        flat["tangent_state_jacobian"], flat["tangent_action_jacobian"] = tangent
    truncated = _truncated(steps, dynamics.robot)
    return {**steps, "truncated": truncated, **{k: _unflat(v, shape) for k, v in flat.items()}}


def _truncated(steps: Mapping[str, np.ndarray], robot: bool) -> np.ndarray:
    """Steps after which nothing goes on, though the environment reported no end."""
    truncated = np.zeros(steps["terminated"].shape, bool)
    truncated[:, -1] = True
    if robot:
        # Some push the robot between two steps: its velocities are others than it was left with.
        moved = np.stack(list(map(starts_elsewhere, steps["state"], steps["next_state"])))
        truncated[:, :-1] = moved[:, 1:]
    return truncated & ~steps["terminated"]


def _check_forces(environment: str, forced: np.ndarray) -> None:
    if forced.any():
        raise DynsparseError(
            f"environment {environment!r}: in {int(forced.sum())} steps forces act beside the"
            " actuators, which a dataset does not hold; switch its kicks off"
        )


def _check_step(environment: str, taken: np.ndarray, differentiated: np.ndarray) -> None:
    """The environment's step has to be the one that is differentiated; rounding aside.

    Verification compares every step. This is for environments of one's own that do something
    else altogether, such as to move the controls towards the action.
    """
    scale = np.maximum(1, np.abs(taken).max(axis=1))
    differing = float(np.nanmedian(np.abs(taken - differentiated).max(axis=1) / scale))
    # Half of the digits; rounding differs between two programs by a few times the last one.
    if differing > np.sqrt(np.finfo(taken.dtype).eps):
        raise DynsparseError(
            f"environment {environment!r}: its step moves the state by something else than"
            " mjx_env.step(self.mjx_model, state.data, action, self.n_substeps); next states"
            f" differ by {differing:.2g}"
        )


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def _unflat(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return values.reshape(*shape, *values.shape[1:])


def _to_numpy(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)

"""A system whose Jacobian and zeros are known, as dataset files, and small trainings of it."""

import numpy as np

from dynsparse.dataset import BlockWriter, DatasetInfo
from dynsparse.learning.models.mlp import MLPSettings
from dynsparse.learning.settings import TrainingSettings

STATE_NAMES = ("qpos:slider [m]", "qvel:slider [m/s]", "qpos:wall [m]")
INFO = {
    "environment": "Slider",
    "behaviour": "random",
    "state_names": STATE_NAMES,
    "action_names": ("ctrl:push [1]",),
    "contact_names": ("slider:wall",),
    "constraint_names": (),
    "control_dt_s": 0.1,
    "method": "hybrid",
    "dtype": "float64",
    "provenance": "{}",
}


def slider(state, action):
    """Next state, its Jacobians and whether there is contact, in closed form.

    A slider at p with velocity v is pushed by u; where the wall's position w is positive it is
    driven by it: p' = p + v/10, v' = v/2 + u + [w > 0] w, w' = 0.9 w. Of the nine elements of the
    state Jacobian four are always zero, and d v'/d w is zero without contact.
    """
    p, v, w = state.T
    touch = w > 0
    after = np.stack([p + 0.1 * v, 0.5 * v + action[:, 0] + touch * w, 0.9 * w], axis=1)
    jacobian = np.zeros((len(state), 3, 3))
    jacobian[:, 0, 0], jacobian[:, 0, 1] = 1, 0.1
    jacobian[:, 1, 1], jacobian[:, 1, 2] = 0.5, touch
    jacobian[:, 2, 2] = 0.9
    actions = np.zeros((len(state), 3, 1))
    actions[:, 1, 0] = 1
    return after, jacobian, actions, touch


def slider_arrays(seed, episodes, steps):
    """Arrays of a dataset; each step is an independent sample but for its number."""
    rng = np.random.default_rng(seed)
    blocks = []
    for _ in range(episodes):
        state, action = rng.normal(size=(steps, 3)), rng.uniform(-1, 1, size=(steps, 1))
        after, jacobian, actions, touch = slider(state, action)
        blocks.append(
            {
                "state": state,
                "action": action,
                "memory": np.zeros((steps, 1)),
                "next_state": after,
                "reward": np.zeros(steps),
                "terminated": np.zeros(steps, bool),
                "truncated": np.arange(steps) == steps - 1,
                "state_jacobian": jacobian,
                "action_jacobian": actions,
                "contact": touch[:, None],
                "constraint_active": np.zeros((steps, 0), bool),
                "jacobian_ok": np.ones(steps, bool),
                "solver_converged": np.ones(steps, bool),
            }
        )
    return {name: np.stack([block[name] for block in blocks]) for name in blocks[0]}


def write_slider(path, seed=0, episodes=4, steps=200, behaviour="random", **changes):
    """A dataset file of the slider; ``changes`` replace arrays."""
    facts = {**INFO, "behaviour": behaviour}
    info = DatasetInfo(seed=seed, episodes=episodes, steps=steps, **facts)
    with BlockWriter(path, info) as writer:
        writer.write(0, slider_arrays(seed, episodes, steps) | changes)
        writer.finish()
    return path


def settings(**changes):
    """A small training."""
    base = TrainingSettings(
        architecture="mlp",
        model=MLPSettings(depth=2, width=16, activation="elu", dropout=0.1),
        epochs=3,
        batch=64,
        learning_rate=0.01,
        weight_decay=0.001,
        loss="state-jacobian-l1",
        loss_weight=1.0,
    )
    return base.changed(**changes)


def section(**changes):
    """A study's section ``learning`` for the slider."""
    return {
        "seeds": [1, 2],
        "learners": {
            "state": {"architecture": "mlp", "loss": "state"},
            "sparse": {
                "architecture": "mlp",
                "loss": "state-jacobian-l1-sparse-only",
                "weight": 1.0,
            },
        },
        "model": {"depth": 2, "width": 16, "activation": "elu", "dropout": 0.1},
        "training": {"epochs": 2, "batch": 64, "learning_rate": 0.01, "weight_decay": 0.001},
        "splits": {"episode": 1, "sample": 1},
        "test_share": 0.25,
        "validation_share": 0.25,
        "zero_threshold": 1e-12,
        "model_thresholds": [1e-6, 1e-1],
        "evaluation": {
            "every": 1,
            "samples": 150,
            "control_samples": 300,
            "neighbours": 5,
            "rollouts": 7,
            "rollout_steps": [1, 5, 10_000],
        },
        "search": {
            "seeds": [1, 2],
            "training": {"epochs": 1},
            "runs": {"depth": {"depth": [1, 2]}},
        },
        **changes,
    }

"""What tests that compile share: JAX's settings, loaded environments, and small datasets made once.

Every compilation goes into JAX's cache on disk, in the same folder as that of the jobs, and so do
the programs that are kept (``dynsparse.programs``).
"""

import fcntl

import jax
import numpy as np
import pytest

from dynsparse import programs
from dynsparse.collection import CollectionSettings, collect
from dynsparse.environments import load
from dynsparse.precision import precision
from dynsparse.running.compiling import prepare_to_compile


def pytest_configure(config):
    prepare_to_compile()


@pytest.fixture(autouse=True)
def patched_code_is_not_kept(request):
    """A test that puts other code in place neither reads programs nor leaves any behind."""
    if "monkeypatch" in request.fixturenames:
        request.getfixturevalue("monkeypatch").setattr(programs, "_folder", lambda: None)


@pytest.fixture
def float64():
    """Run a test in double precision."""
    with precision("float64"):
        yield


@pytest.fixture(scope="session")
def cartpole():
    return load("CartpoleBalance")


@pytest.fixture(scope="session")
def reacher():
    return load("ReacherHard")


@pytest.fixture(scope="session")
def finger():
    return load("FingerSpin")


def settings(**changes):
    """A collection of three short episodes, in a block of two and one of one."""
    values = {
        "episodes": 3,
        "steps": 40,
        "method": "hybrid",
        "solver": "as_shipped",
        "dtype": "float64",
        "block_episodes": 2,
        "batch_samples": 30,
    }
    return CollectionSettings(**{**values, **changes})


@pytest.fixture(scope="session")
def small_settings():
    return settings


def _collected(tmp_path_factory, worker_id, environment):
    """Collected by whichever worker comes first, for all of them."""
    folder = tmp_path_factory.getbasetemp()
    path = (folder if worker_id == "master" else folder.parent) / f"{environment}.h5"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            collect(path, environment, "random", 3, settings())
    return path


@pytest.fixture(scope="session")
def cartpole_file(tmp_path_factory, worker_id):
    """Three episodes of 40 steps of CartpoleBalance, random behaviour, seed 3."""
    return _collected(tmp_path_factory, worker_id, "CartpoleBalance")


@pytest.fixture(scope="session")
def reacher_file(tmp_path_factory, worker_id):
    return _collected(tmp_path_factory, worker_id, "ReacherHard")


@pytest.fixture(scope="session")
def wander():
    """``wander(dynamics, samples, seed)``: what random actions see from random starts.

    Returns state, action and memory of ``samples`` control steps along short trajectories, so
    that the solver's memory fits the state, as it does in a dataset.
    """

    def trajectories(dynamics, samples, seed, steps=25):
        rng = np.random.default_rng(seed)
        count = -(-samples // steps)
        model = dynamics.mj_model
        with precision("float64"):
            reset = jax.jit(jax.vmap(dynamics.environment.reset))
            data = reset(jax.random.split(jax.random.key(seed), count)).data
            state = np.concatenate([data.qpos, rng.normal(size=(count, model.nv))], axis=1)
            action = rng.uniform(-1, 1, size=(steps, count, model.nu))
            step = jax.vmap(dynamics.step)

            def move(carry, action):
                return step(carry[0], action, carry[1]), (carry[0], action, carry[1])

            seen = jax.jit(lambda *x: jax.lax.scan(move, x[:2], x[2])[1])
            result = seen(state, np.zeros((count, model.nv)), action)
        return tuple(np.asarray(x).reshape(-1, x.shape[-1])[:samples] for x in result)

    return trajectories

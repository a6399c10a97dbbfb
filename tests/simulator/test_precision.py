"""What decides numbers is the project's own, whatever a shell or another program has set."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_dataset import INFO

from dynsparse.audit.traceability import changed_settings
from dynsparse.environments import load
from dynsparse.errors import DynsparseError
from dynsparse.jacobians import batched_jacobians
from dynsparse.precision import DEFAULTS, SETTINGS, current_precision, precision, settings_in_force

# What a shell may say of JAX, each the opposite of what is needed here.
SHELL = {
    "JAX_THREEFRY_PARTITIONABLE": "0",
    "JAX_DEFAULT_PRNG_IMPL": "rbg",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_ENABLE_X64": "1",
    "JAX_DEBUG_NANS": "1",
    "JAX_DEBUG_INFS": "1",
    "JAX_DISABLE_JIT": "1",
    "JAX_TRANSFER_GUARD": "disallow",
    "JAX_LEGACY_PRNG_KEY": "error",
    "JAX_ENABLE_CUSTOM_PRNG": "1",
    "JAX_CHECK_TRACER_LEAKS": "1",
}
NUMBERS = """
import jax, jax.numpy as jnp
from dynsparse.precision import precision
for dtype in ("float32", "float64"):
    with precision(dtype):
        x = jax.random.normal(jax.random.PRNGKey(3), (2, 40))
        y = jax.jit(lambda x: (x @ x.T + jnp.ones(2)) / jnp.zeros(2).at[0].set(1))(x)
        print(x.dtype, x.tolist(), y.tolist())
"""


def printed(**variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    command = [sys.executable, "-c", NUMBERS]
    return subprocess.run(
        command, env=environment | variables, check=True, capture_output=True, text=True
    ).stdout


def test_a_shell_full_of_settings_changes_no_number():
    assert printed(**SHELL) == printed()


def test_settings_of_jax_come_back_behind_the_block():
    with jax.numpy_rank_promotion("raise"), jax.threefry_partitionable(False):
        with precision("float64"):
            assert jax.config.jax_numpy_rank_promotion == "allow"
        assert jax.config.jax_numpy_rank_promotion == "raise"
        assert not jax.config.jax_threefry_partitionable
    assert current_precision() == "float32"


def test_all_settings_are_jaxs_own_defaults_but_for_products(monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    values = jax.config.values
    differs = {name for name, value in SETTINGS.items() if _plain(values[f"jax_{name}"]) != value}
    assert differs == {"default_matmul_precision", "transfer_guard"}  # both are None by default
    assert settings_in_force() == SETTINGS
    assert {name: values[name] for name in DEFAULTS} == DEFAULTS


def _plain(value):
    return getattr(value, "value", value)


@pytest.mark.parametrize(
    "flag",
    [
        "--xla_cpu_enable_fast_math=true",
        "--xla_cpu_enable_fast_min_max",
        "--xla_allow_excess_precision=false",
        "--xla_backend_optimization_level=0",
        "--xla_gpu_exclude_nondeterministic_ops",
    ],
)
def test_flags_of_xla_that_may_change_numbers_are_refused_by_name(monkeypatch, flag):
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to=/tmp/x {flag}")
    with pytest.raises(DynsparseError, match=f"^XLA_FLAGS has {flag}, which may change"):
        load("CartpoleBalance")
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    with precision("float32"):
        assert settings_in_force()["XLA_FLAGS"] == "--xla_force_host_platform_device_count=2"


def test_settings_for_the_whole_process_are_refused_by_name():
    jax.config.update("jax_random_seed_offset", 7)
    try:
        with pytest.raises(DynsparseError, match="^JAX_RANDOM_SEED_OFFSET=7: "):
            load("CartpoleBalance")
    finally:
        jax.config.update("jax_random_seed_offset", 0)


def test_an_environment_carries_double_precision_whoever_loads_it():
    assert current_precision() == "float32"
    cartpole = load("CartpoleBalance")
    inputs = np.array([[0.1, 0.2, 0.3, 0.4]] * 3), np.full((3, 1), 0.5), np.zeros((3, 2))
    found = batched_jacobians(cartpole, "hybrid", 2)(*inputs)
    assert {np.asarray(x).dtype for x in found[:3]} == {np.dtype("float64")}
    with precision("float64"):
        inside = batched_jacobians(cartpole, "hybrid", 2)(*inputs)
        stepped, _ = jax.jit(cartpole.step)(*(jnp.asarray(x[0]) for x in inputs))
    np.testing.assert_array_equal(found.state_jacobian, inside.state_jacobian)
    # Two programs that do the same arithmetic in another order.
    np.testing.assert_allclose(found.next_state[0], stepped, rtol=1e-14)


def test_a_step_inside_a_program_in_single_precision_is_computed_in_double(cartpole):
    single = jnp.full(4, 0.5), jnp.full(1, 0.5), jnp.zeros(2)
    theirs, memory = jax.jit(cartpole.step)(*single)
    assert single[0].dtype == "float32"
    assert theirs.dtype == memory.dtype == "float64"
    with precision("float64"):
        ours, _ = jax.jit(cartpole.step)(*(np.asarray(x, float) for x in single))
    np.testing.assert_allclose(theirs, ours, rtol=1e-14)


def test_single_precision_is_what_is_asked_for():
    cartpole = load("CartpoleBalance", dtype="float32")
    assert cartpole.template.qpos.dtype == jnp.float32
    with precision("float64"):
        state = jax.eval_shape(cartpole.step, jnp.zeros(4), jnp.zeros(1), jnp.zeros(2))[0]
    assert state.dtype == jnp.float32


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Unknown backend: 'gpu'")])
def test_a_device_that_is_not_there_is_one_line(monkeypatch, error):
    def devices():
        raise error

    monkeypatch.setattr(jax, "devices", devices)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(DynsparseError, match="^JAX_PLATFORMS=cuda: JAX finds no such device here"):
        load("CartpoleBalance")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"threefry_partitionable": False}, "JAX's threefry_partitionable False, here it is True"),
        ({"XLA_FLAGS": "--xla_dump_to=x"}, "JAX's XLA_FLAGS --xla_dump_to=x, here it is None"),
    ],
)
def test_the_audit_sees_other_settings(monkeypatch, changed, said):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    settings = {**settings_in_force(), **changed}
    text = json.dumps({"settings": settings})
    found = changed_settings(replace(INFO, provenance=text))
    assert found is None if said is None else said in found


def test_the_audit_sees_where_nothing_is_said():
    assert "does not say" in changed_settings(INFO)

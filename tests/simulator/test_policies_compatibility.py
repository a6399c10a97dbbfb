import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynsparse.policies.compatibility import brax_on_this_jax, device_put_replicated


def test_changes_nothing_where_jax_has_the_function(monkeypatch):
    def original(tree, devices):
        raise NotImplementedError

    # Not as an attribute: where JAX answers for the name without having it, it would stay.
    monkeypatch.setitem(vars(jax), "device_put_replicated", original)
    with brax_on_this_jax():
        assert jax.device_put_replicated is original
    assert jax.device_put_replicated is original


@pytest.fixture
def jax_without_the_function(monkeypatch):
    """JAX as from 0.10 on: older ones still answer for the name through ``__getattr__``."""

    def removed(name):
        raise AttributeError(name)

    monkeypatch.setattr(jax, "__getattr__", removed)


def test_lends_the_function_only_inside_the_block(jax_without_the_function):
    with brax_on_this_jax():
        assert jax.device_put_replicated is device_put_replicated
    assert not hasattr(jax, "device_put_replicated")


def test_takes_the_function_back_after_an_error(jax_without_the_function):
    with pytest.raises(ZeroDivisionError), brax_on_this_jax():
        raise ZeroDivisionError
    assert not hasattr(jax, "device_put_replicated")


def test_result_goes_through_pmap():
    tree = {"a": jnp.arange(3.0), "b": 2}
    replicated = device_put_replicated(tree, jax.local_devices()[:1])
    assert replicated["a"].shape == (1, 3)
    assert replicated["b"].shape == (1,)
    doubled = jax.pmap(lambda t: jax.tree.map(lambda x: 2 * x, t))(replicated)
    np.testing.assert_array_equal(doubled["a"], [[0.0, 2.0, 4.0]])


def test_brax_compiles_its_training_loop_once():
    traced = []

    def step(x):
        traced.append(x.shape)
        return x + 1

    train = jax.pmap(step, axis_name="i")
    train(train(device_put_replicated(jnp.ones(3), jax.local_devices()[:1])))
    assert len(traced) == 1

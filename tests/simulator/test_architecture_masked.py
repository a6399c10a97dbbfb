"""The masked network: its closed form, its masks, and what a mask is worth on two bodies."""

import sys
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest
import two_bodies
from jax.test_util import check_grads
from learning_fakes import section, write_slider

from dynsparse.learning.data import masks
from dynsparse.learning.data.masks import MASKS, Given, mask
from dynsparse.learning.data.preparation import Division, prepare
from dynsparse.learning.models import WorldModel
from dynsparse.learning.models.base import MaskRecipe
from dynsparse.learning.models.masked import Masked, MaskedSettings
from dynsparse.learning.training import epochs

SMALL = {"units": 16, "features": 3, "miss": 0.0, "false_alarm": 0.0, "shut": True, "bits": False}
TRAIN, TEST = two_bodies.samples(2000, 1), two_bodies.samples(500, 2)


def made(name, asked, miss=0.0, false_alarm=0.0):
    return mask(MaskRecipe(name, miss, false_alarm), Given("none", TRAIN, asked, 0))


def with_mask(name, asked, **errors):
    return asked._replace(mask=made(name, asked, **errors))


def model(**changes):
    chosen = MaskedSettings(**{**SMALL, "mask": "oracle", **changes})

    @jax.jit
    def made():
        model = Masked.create(chosen, 5, 4, key=jax.random.key(0))
        # Biases and bits are zero at first; a trained model has others.
        return jax.tree.map(lambda leaf: leaf + 0.1 * jnp.cos(1.0 + leaf), model)

    return made()


@jax.jit
def linearised(model, x, *mask):
    return model.linearise(x, *mask)


def told(model, asked):
    return model.told(epochs.facts_of(model, asked))


@pytest.mark.parametrize("bits", [True, False])
@pytest.mark.parametrize("shut", [True, False])
def test_the_closed_form_equals_forward_differentiation(float64, shut, bits):
    mine = told(model(shut=shut, bits=bits), with_mask("oracle", TEST))
    x = jnp.asarray(TEST.inputs, float)
    prediction, jacobian = linearised(mine, x)
    theirs = jax.jit(WorldModel.linearise)(mine, x)
    # Rounding of a few hundred float64 additions.
    np.testing.assert_allclose(prediction, theirs[0], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(jacobian, theirs[1], rtol=1e-11, atol=1e-12)


def test_what_is_shut_is_zero_to_the_last_bit_and_nothing_else():
    mine, x = told(model(), with_mask("oracle", TEST)), jnp.asarray(TEST.inputs)
    jacobian = np.asarray(linearised(mine, x)[1])
    assert jacobian.dtype == np.float32
    np.testing.assert_array_equal(jacobian == 0, TEST.zero)
    np.testing.assert_array_equal(np.asarray(mine.graph(x)) == 0, TEST.zero)


def test_a_mask_of_ones_changes_no_bit():
    body, x = model().body, jnp.asarray(TEST.inputs)
    plain = linearised(body, x)
    masked = linearised(body, x, jnp.ones((len(x), 4, 5), x.dtype))
    for one, other in zip(plain, masked, strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def test_gradients_agree_with_finite_differences(float64):
    x = jnp.asarray(TEST.inputs[:6], float)
    facts = epochs.facts_of(model(), with_mask("oracle", TEST.take(np.arange(6))))

    @jax.jit
    def loss(mine):
        return sum(jnp.sin(values).sum() for values in mine.told(facts).linearise(x))

    check_grads(loss, (model(bits=True),), order=1, modes=["rev"], eps=1e-6, atol=1e-6, rtol=1e-6)


def test_masks_are_what_their_names_say():
    found = {name: made(name, TEST) for name in MASKS if name != "structural"}
    always = TRAIN.zero.all(axis=0)
    assert found["ones"].all()
    np.testing.assert_array_equal(found["oracle"], ~TEST.zero)
    np.testing.assert_array_equal(found["union"], np.broadcast_to(~always, TEST.zero.shape))
    # Two bodies have one condition, and it decides the pattern.
    np.testing.assert_array_equal(found["contacts"], found["oracle"])
    switching = TEST.zero.any(axis=0) & ~TEST.zero.all(axis=0)
    for name in ("other", "random"):
        assert not found[name][:, always].any()
        # A touch is a fair coin: 500 samples of 6 elements that move together, or singly.
        np.testing.assert_allclose(found[name][:, switching].mean(), 0.5, atol=0.07)
        agree = (found[name] == found["oracle"])[:, switching].mean()
        np.testing.assert_allclose(agree, 0.5, atol=0.07)
    patterns = {tuple(row) for row in found["other"][:, switching].tolist()}
    assert len(patterns) == 2
    assert len({tuple(row) for row in found["random"][:, switching].tolist()}) > 30


def test_errors_of_a_mask_have_the_rates_asked_for():
    wrong = made("oracle", TEST, miss=0.2, false_alarm=0.1)
    # 500 samples of 20 elements: a rate is known to within about 0.02.
    np.testing.assert_allclose(1 - wrong[~TEST.zero].mean(), 0.2, atol=0.02)
    np.testing.assert_allclose(wrong[TEST.zero].mean(), 0.1, atol=0.02)
    np.testing.assert_array_equal(wrong, made("oracle", TEST, miss=0.2, false_alarm=0.1))


def test_the_samples_of_a_study_come_with_their_masks(tmp_path):
    path, division = write_slider(tmp_path / "a.h5"), Division("episode", 0)
    without = prepare([path], section(), division)
    told = prepare([path], section(), division, MaskRecipe("oracle", 0.0, 0.0))
    for part in (told.samples, told.validation, told.test):
        np.testing.assert_array_equal(part.mask, ~part.zero)
    assert without.samples.mask is without.test.mask is None
    # An unfinished training under one mask is not continued under another.
    assert without.identity() != told.identity()


def test_the_structural_mask_is_what_the_models_file_proves(monkeypatch):
    proved = {("state", 0, 2), ("action", 3, 0)}
    rows = [
        {
            "jacobian": kind,
            "row": row,
            "column": column,
            "structural": (kind, row, column) in proved,
        }
        for kind, columns in (("state", 4), ("action", 1))
        for row in range(4)
        for column in range(columns)
    ]
    module = "dynsparse.environments.structures"
    stand_in = SimpleNamespace(structures=lambda names: pa.Table.from_pylist(rows))
    monkeypatch.setitem(sys.modules, module, stand_in)
    found = masks.structural(Given("Two", TRAIN, TEST, 0))
    assert found.shape == TEST.zero.shape
    for sample in (0, -1):
        assert np.argwhere(~found[sample]).tolist() == [[0, 2], [3, 4]]


# A mask comes with the samples, so that one program trains under all of them.
CHOSEN = two_bodies.settings("masked", epochs=80, **SMALL, mask="oracle")


def trained(name, seeds=(1, 2)):
    return two_bodies.trained(CHOSEN, with_mask(name, TRAIN), with_mask(name, TEST), seeds)


@pytest.fixture(scope="module")
def found():
    """Models under three masks, two seeds each."""
    return {name: trained(name) for name in ("oracle", "ones", "other")}


def test_the_true_mask_is_worth_something_and_anothers_costs(found):
    error = {name: each.squared.mean(axis=(1, 2)) for name, each in found.items()}
    assert (error["oracle"] < 0.5 * error["ones"]).all()
    assert (error["other"] > 2 * error["ones"]).all()
    # The mean alone has an error of about one.
    assert (error["oracle"] < 0.02).all()


def test_the_oracle_has_every_zero_and_no_wrong_one(found):
    assert (two_bodies.skill(found["oracle"], TEST, TRAIN) == 1).all()
    for share in two_bodies.exact(found["oracle"], TEST):
        assert (share == 1).all()
    assert not (found["ones"].size == 0).any()


def test_a_seed_is_not_touched_by_the_others(found):
    """The same seed, among others and in another place: the same bits."""
    here, there = found["oracle"].models, trained("oracle", seeds=(2, 3)).models
    for one, other in zip(jax.tree.leaves(here), jax.tree.leaves(there), strict=True):
        np.testing.assert_array_equal(one[1], other[0])

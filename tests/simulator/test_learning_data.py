"""From files to normalised, split samples."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from learning_fakes import section, slider_arrays, write_slider

from dynsparse.errors import DynsparseError
from dynsparse.learning.data.normalisation import Scaler, fit
from dynsparse.learning.data.preparation import Division, divisions, prepare
from dynsparse.learning.data.samples import some_of
from dynsparse.learning.data.splits import (
    SPLITS,
    Episodes,
    by_behaviour,
    by_episode,
    by_policy,
    most,
)
from dynsparse.learning.models.base import MaskRecipe
from dynsparse.precision import precision

VALUES = st.floats(-1e3, 1e3)
FIRST = Division("episode", 0)


def numbers(columns, rows=7):
    return arrays(np.float64, (rows, columns), elements=VALUES)


@given(numbers(2), numbers(2))
def test_the_scaler_does_not_depend_on_how_samples_are_cut(x, y):
    whole = fit([(x, y)])
    cut = fit([(x[:1], y[:1]), (x[1:1], y[1:1]), (x[1:5], y[1:5]), (x[5:], y[5:])])
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(whole.input_mean, x.mean(axis=0), rtol=1e-9, atol=1e-9)


def test_z_scores_have_mean_zero_and_variance_one():
    x = np.random.default_rng(0).normal([3, -100], [2, 0.001], size=(1000, 2))
    scaler = fit([(x, x)])
    z = scaler.inputs(x)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-9)
    # The paper's epsilon of 1e-8 beside a standard deviation of 1e-3.
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=2e-5)


def test_constant_columns_become_zero_and_keep_jacobians_finite():
    x = np.random.default_rng(0).normal(size=(50, 3))
    x[:, 1] = 1e6 / 3
    scaler = fit([(x, x)])
    assert scaler.input_scale[1] == scaler.output_scale[1] == 1
    np.testing.assert_allclose(scaler.inputs(x)[:, 1], 0, atol=1e-9)
    assert np.isfinite(scaler.jacobian(np.ones((3, 3)))).all()


@given(st.integers(0, 10_000))
@hypothesis_settings(deadline=None, max_examples=30)
def test_the_normalised_jacobian_is_the_derivative_of_the_normalised_map(seed):
    rng = np.random.default_rng(seed)
    scaler = Scaler(
        rng.normal(size=4), rng.uniform(0.1, 9, 4), rng.normal(size=3), rng.uniform(0.1, 9, 3)
    )
    matrix = rng.normal(size=(3, 4))
    with precision("float64"):

        def step(x):
            return jax.numpy.sin(matrix @ x)

        def normalised(z):
            return (step(z * scaler.input_scale + scaler.input_mean) - scaler.output_mean) / (
                scaler.output_scale
            )

        x = rng.normal(size=4)
        expected = jax.jacfwd(normalised)(scaler.inputs(x))
        derivative = np.asarray(jax.jacfwd(step)(x))
    found = scaler.jacobian(derivative)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    # And back, but for the rounding of products and quotients.
    np.testing.assert_allclose(scaler.derivative(found), derivative, rtol=1e-12)
    y = rng.normal(size=(5, 3))
    np.testing.assert_allclose(scaler.next_states(scaler.outputs(y)), y, rtol=1e-12, atol=1e-13)


def episodes_of(*policies, steps=20):
    """Episodes of equal length, so many of each policy."""
    policy = np.repeat(np.arange(len(policies)), policies)
    return Episodes(np.repeat(np.arange(len(policy)), steps), np.repeat(policy, steps))


@given(
    st.lists(st.integers(1, 9), min_size=4, max_size=12),
    st.floats(0.05, 0.3),
    st.sampled_from(sorted(SPLITS)),
)
def test_splits_use_every_sample_once(lengths, share, kind):
    episode = np.repeat(np.arange(len(lengths)), lengths)
    episodes = Episodes(episode, episode % 2)
    split = SPLITS[kind](episodes, share, share, 0)
    together = np.sort(np.concatenate(split))
    np.testing.assert_array_equal(together, np.arange(len(episode)))
    assert all(len(part) for part in split)
    again = SPLITS[kind](episodes, share, share, 0)
    for part, same in zip(split, again, strict=True):
        np.testing.assert_array_equal(part, same)


def test_splits_by_episode_share_no_episode_and_by_sample_are_as_large():
    episodes = episodes_of(5, 5)
    whole, loose = (SPLITS[kind](episodes, 0.1, 0.2, 0) for kind in ("episode", "sample"))
    sets = [set(episodes.episode[part]) for part in whole]
    assert [len(found) for found in sets] == [7, 1, 2]
    assert not sets[0] & sets[1] and not sets[0] & sets[2] and not sets[1] & sets[2]
    assert [len(part) for part in whole] == [len(part) for part in loose]
    assert set(episodes.episode[loose.test]) & set(episodes.episode[loose.train])
    other = SPLITS["sample"](episodes, 0.1, 0.2, 1)
    assert set(other.test) != set(loose.test)


@pytest.mark.parametrize("policies", [(2, 2), (3, 1), (4, 4, 4)])
def test_every_episode_tests_once_and_training_has_every_policy(policies):
    episodes = episodes_of(*policies)
    count, tested = sum(policies), []
    for number in range(count):
        split = by_episode(episodes, 0.0, 0.0, number)
        tested += set(episodes.episode[split.test])
        # A policy of one episode cannot be in two parts.
        missing = set(episodes.policy) - set(episodes.policy[split.train])
        assert all(policies[policy] == 1 for policy in missing)
    assert sorted(tested) == list(range(count))
    assert most("episode", episodes, 0.0) == count
    assert most("episode", episodes, 0.5) == 2


def test_the_first_split_of_two_policies_is_the_one_that_published_numbers_are_of():
    split = by_episode(episodes_of(2, 2), 0.1, 0.1, 0)
    parts = [set(episodes_of(2, 2).episode[part]) for part in split]
    assert parts == [{1, 3}, {0}, {2}]


def test_a_policy_that_tests_is_in_no_other_part():
    episodes, tested = episodes_of(2, 3, 4), []
    for number in range(3):
        split = by_policy(episodes, 0.1, 0.1, number)
        (policy,) = set(episodes.policy[split.test])
        assert (episodes.policy[split.test] == policy).sum() == (episodes.policy == policy).sum()
        tested.append(policy)
    assert sorted(tested) == [0, 1, 2]
    assert [most("policy", each, 0.1) for each in (episodes, episodes_of(4))] == [3, 0]
    with pytest.raises(DynsparseError, match="1 episodes of other policies cannot be split"):
        by_policy(episodes_of(1, 1), 0.1, 0.1, 0)


def test_too_few_episodes_to_split():
    with pytest.raises(DynsparseError, match=r"2 episodes cannot be split .* collect more"):
        by_episode(episodes_of(1, 1), 0.1, 0.1, 0)


@given(st.lists(st.integers(1, 4), min_size=3, max_size=6), st.data())
def test_another_behaviour_tests_and_what_trains_does_not_depend_on_it(policies, data):
    own = data.draw(st.integers(1, len(policies) - 1))
    policies[0] += 1
    episodes, alone = episodes_of(*policies), episodes_of(*policies[:own])
    split = by_behaviour(episodes, own, 0.2)
    assert (np.sort(np.concatenate(split)) == np.arange(len(episodes.episode))).all()
    assert (episodes.policy[split.test] >= own).all()
    assert len(split.train) and len(split.validation)
    fewer = by_behaviour(episodes_of(*policies[:own], 1), own, 0.2)
    for part, same in zip(split[:2], fewer[:2], strict=True):
        assert (part < len(alone.episode)).all()
        np.testing.assert_array_equal(part, same)
    with pytest.raises(DynsparseError, match="1 episodes cannot be split into training and"):
        by_behaviour(episodes_of(1, 3), 1, 0.2)


def test_a_study_has_as_many_splits_as_it_asks_for_or_as_there_are(tmp_path):
    paths = [write_slider(tmp_path / f"{seed}.h5", seed, episodes=2, steps=5) for seed in (0, 1)]

    def found(paths, **splits):
        return [str(each) for each in divisions(paths, section(splits=splits, test_share=0.1))]

    assert found(paths, policy=9, episode=3) == [
        *("policy-0", "policy-1"),
        *("episode-0", "episode-1", "episode-2"),
    ]
    assert found(paths, episode=9)[-1] == "episode-3"
    assert found(paths[:1], policy=2, sample=2) == ["sample-0", "sample-1"]
    with pytest.raises(DynsparseError, match="data of one policy have no split by policy"):
        found(paths[:1], policy=1)


def test_some_of_many_rows_are_evenly_spaced():
    assert some_of(np.arange(5), 9).tolist() == [0, 1, 2, 3, 4]
    assert some_of(np.arange(11), 3).tolist() == [0, 5, 10]


def test_files_are_pooled_normalised_and_labelled(tmp_path):
    ok = np.ones((4, 200), bool)
    ok[1, 7] = False
    jacobian = slider_arrays(1, 4, 200)["state_jacobian"]
    jacobian[1, 7] = np.nan
    paths = [
        write_slider(tmp_path / "a.h5", 0),
        write_slider(tmp_path / "b.h5", 1, state_jacobian=jacobian, jacobian_ok=ok),
    ]
    prepared = prepare(paths, section(), FIRST)
    samples, split = prepared.samples, prepared.split
    assert len(samples.inputs) == 1599
    assert samples.inputs.shape[1] == 4
    assert samples.jacobian.dtype == np.float32
    assert np.isfinite(samples.jacobian).all()
    assert len(np.unique(samples.episode)) == 8
    # The left-out sample is the eighth of its episode.
    assert 7 not in samples.step[samples.episode == 5]
    for part in (samples.inputs, samples.next_state):
        np.testing.assert_allclose(part[split.train].mean(axis=0), 0, atol=1e-5)
    # Of the state's elements four are always zero and one without contact, of the action's two.
    np.testing.assert_array_equal(samples.zero.sum(axis=(1, 2)), 6 + ~samples.contact)
    assert prepared.origin.sources == ("Slider/random/seed-0", "Slider/random/seed-1")
    assert len(prepared.test.inputs) == 150


def test_an_identity_tells_all_samples_truths_and_splits_apart(tmp_path):
    arrays = slider_arrays(0, 4, 200)
    paths = {
        name: write_slider(tmp_path / f"{name}.h5", **changes)
        for name, changes in (
            ("plain", {}),
            ("again", {}),
            ("method", {"state_jacobian": arrays["state_jacobian"] * (1 + 1e-6)}),
            ("order", {"next_state": arrays["next_state"][:, ::-1]}),
        )
    }
    wide = {"validation_share": 0.25, "test_share": 0.5}
    fewer = {**section()["evaluation"], "samples": 100}

    def identity(name="plain", **changes):
        return prepare([paths[name]], section(**{**wide, **changes}), FIRST).identity()

    assert identity() == identity("again")
    others = [
        identity("method"),
        identity("order"),
        identity(validation_share=0.5, test_share=0.25),
        identity(zero_threshold=0.2),
        identity(evaluation=fewer),
    ]
    digests = {found["data"] for found in (identity(), *others)}
    assert len(digests) == 1 + len(others)


def test_files_of_different_origin_are_refused(tmp_path):
    first = write_slider(tmp_path / "a.h5")
    other = write_slider(tmp_path / "b.h5", 1, behaviour="expert")
    with pytest.raises(DynsparseError, match="Slider/expert, Slider/random"):
        prepare([first, other], section(), FIRST)
    with pytest.raises(DynsparseError, match="no dataset"):
        prepare([], section(), FIRST)


@pytest.fixture(scope="module")
def behaviours(tmp_path_factory):
    """Two files of a behaviour that is learned, and one each of two others, which lie elsewhere."""
    folder = tmp_path_factory.mktemp("behaviours")
    # All that the learned one's wall ever does is to be out of reach.
    far = slider_arrays(0, 4, 50)["state"] - [0, 0, 10]
    away = {"state": far, "state_jacobian": np.tile(np.eye(3), (4, 50, 1, 1))}
    away["contact"] = np.zeros((4, 50, 1), bool)
    return [
        write_slider(folder / "half.h5", 3, 2, 50, "half"),
        write_slider(folder / "0.h5", 0, 4, 50, "expert", **away),
        write_slider(folder / "1.h5", 1, 4, 50, "expert", **away),
        write_slider(folder / "random.h5", 2, 3, 50, "random"),
    ]


def test_all_that_is_learned_is_of_the_behaviour_that_is_learned(behaviours):
    asked = section(splits={"half": 1, "random": 1, "episode": 1})
    assert [str(each) for each in divisions(behaviours, asked)] == [
        *("half-0", "random-0", "episode-0"),
    ]
    recipe = MaskRecipe("union", 0.0, 0.0)
    half, random, alone = (
        prepare(behaviours, asked, Division(kind, 0), recipe)
        for kind in ("half", "random", "episode")
    )
    assert [len(each.split.test) for each in (half, random)] == [100, 150]
    assert alone.origin.sources == ("Slider/expert/seed-0", "Slider/expert/seed-1")
    assert half.origin.sources == (*alone.origin.sources, "Slider/half/seed-3")
    assert {each.origin.behaviour for each in (half, random, alone)} == {"expert"}
    for one, other in zip(half.scaler, random.scaler, strict=True):
        np.testing.assert_array_equal(one, other)
    for part in ("train", "validation"):
        known, same = (each.samples.take(getattr(each.split, part)) for each in (half, random))
        for one, other in zip(known, same, strict=True):
            np.testing.assert_array_equal(one, other)
    # What is tested is not normalised to mean 0, and its contacts are not in the mask.
    assert half.test.inputs[:, 2].mean() > 5
    assert half.test.contact.any() and not half.samples.take(half.split.train).contact.any()
    assert not half.test.mask[:, 1, 2].any() and not half.test.zero[:, 1, 2].all()


def test_files_that_a_split_by_behaviour_lacks_or_does_not_ask_for(behaviours):
    with pytest.raises(DynsparseError, match="no dataset of behaviour half to test on"):
        prepare(behaviours[1:3], section(splits={"half": 1}), Division("half", 0))
    with pytest.raises(DynsparseError, match="different datasets at once: Slider/expert, Slider/h"):
        divisions(behaviours, section(splits={"random": 1}))
    with pytest.raises(DynsparseError, match="no dataset to learn from"):
        divisions(behaviours[:1], section(splits={"half": 1}))

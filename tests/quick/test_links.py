"""What open links allow, against unions of sets, and what is true of any linkage."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynsparse.sparsity.links import Link, Linkage, Part, incidence, reached


@st.composite
def linkages(draw):
    """A linkage as JSON has it."""
    sizes = draw(st.lists(st.integers(1, 2), min_size=1, max_size=4))
    ends = np.cumsum([0, *sizes]).tolist()
    inputs = ends[-1] + draw(st.integers(0, 2))

    def some(most, least=0):
        chosen = st.sets(st.integers(0, most - 1), min_size=least)
        return sorted(draw(chosen))

    parts = [
        {"rows": list(range(*rows)), "columns": some(inputs)}
        for rows in zip(ends[:-1], ends[1:], strict=True)
    ]
    links = [
        {
            "name": f"link {k}",
            "parts": some(len(parts), 1),
            "columns": some(inputs),
            "seen": some(inputs),
        }
        for k in range(draw(st.integers(0, 4)))
    ]
    own = [sorted({row, *some(inputs)}) for row in range(ends[-1])]
    return {"inputs": inputs, "own": own, "parts": parts, "links": links}


@st.composite
def with_open(draw):
    """A linkage, and how open each link is in three samples; never a half."""
    plain = draw(linkages())
    count = len(plain["links"])
    shares = st.sampled_from([0.0, 0.1, 0.3, 0.4, 0.6, 0.8, 1.0])
    rows = draw(st.lists(st.lists(shares, min_size=count, max_size=count), min_size=3, max_size=3))
    return plain, np.array(rows, float).reshape(3, count)


def opened(case):
    plain, shares = case
    return Linkage.from_plain(plain), shares


def by_sets(linkage, open_now):
    """The same by merging sets of parts until no open link has ends in two of them."""
    groups = [{number} for number in range(len(linkage.parts))]
    used = [link for link, is_open in zip(linkage.links, open_now, strict=True) if is_open]
    for link in used:
        joined = set().union(*(group for group in groups if group & set(link.parts)))
        groups = [group for group in groups if not group & joined] + [joined]
    allowed = np.zeros((linkage.outputs, linkage.inputs), bool)
    for row, columns in enumerate(linkage.own):
        allowed[row, list(columns)] = True
    for group in groups:
        rows = [row for number in group for row in linkage.parts[number].rows]
        columns = {column for number in group for column in linkage.parts[number].columns}
        for link in used:
            if set(link.parts) & group:
                columns |= set(link.columns)
        allowed[np.ix_(rows, sorted(columns))] = True
    return allowed


@given(with_open())
def test_what_is_reached_is_what_merged_sets_allow(case):
    linkage, shares = opened(case)
    for sample in shares > 0.5:
        np.testing.assert_array_equal(reached(linkage, sample), by_sets(linkage, sample))


@given(with_open())
def test_a_way_is_as_open_as_its_least_open_link(case):
    linkage, shares = opened(case)
    graph = reached(linkage, shares)
    assert graph.shape == (3, linkage.outputs, linkage.inputs)
    for share in (0.25, 0.5):
        np.testing.assert_array_equal(graph > share, reached(linkage, shares > share))


@given(with_open(), st.integers(0, 3))
def test_to_open_a_link_closes_no_element(case, number):
    linkage, shares = opened(case)
    more = shares.copy()
    more[:, number : number + 1] = 1.0
    assert (reached(linkage, more) >= reached(linkage, shares)).all()


@given(with_open())
def test_what_is_tied_acts_alike_and_each_output_on_itself(case):
    linkage, shares = opened(case)
    graph = reached(linkage, shares > 0.5)
    own = incidence(linkage).own
    assert graph[:, own].all()
    for sample, open_now in zip(graph, shares > 0.5, strict=True):
        for link, is_open in zip(linkage.links, open_now, strict=True):
            rows = [row for number in link.parts for row in linkage.parts[number].rows]
            if is_open:
                assert sample[np.ix_(rows, list(link.columns))].all()
                others = sample[rows][:, ~own[rows].any(axis=0)]
                assert (others == others[0]).all()


@given(linkages())
def test_a_linkage_is_the_same_after_json(plain):
    linkage = Linkage.from_plain(plain)
    assert json.loads(json.dumps(dataclasses.asdict(linkage))) == plain
    assert Linkage.from_plain(plain) == linkage
    assert hash(Linkage.from_plain(plain)) == hash(linkage)
    with pytest.raises(KeyError, match="parts"):
        Linkage.from_plain({"inputs": 3, "own": [], "links": []})


def test_the_matrices_say_what_belongs_to_what():
    parts = Part((0, 2), (0,)), Part((1,), (1, 3))
    touch = Link("touch", (0, 1), (2,), (0, 3))
    two = Linkage(4, ((0,), (1,), (1, 2)), parts, (touch,))
    found = incidence(two)
    np.testing.assert_array_equal(found.own, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0]])
    assert found.rows.tolist() == [[True, False], [False, True], [True, False]]
    assert found.columns.tolist() == [[True, False, False, False], [False, True, False, True]]
    assert found.ends.tolist() == [[True, True]]
    assert found.felt.tolist() == [[False, False, True, False]]
    assert found.seen.tolist() == [[True, False, False, True]]
    closed, whole = (reached(two, np.array([is_open])) for is_open in (False, True))
    allowed = [[1, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 0]]
    np.testing.assert_array_equal(closed, np.array(allowed, bool))
    assert whole.all()

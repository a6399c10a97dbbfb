"""Tests that share what is slow to make run in one worker."""

import pytest


def test_a_file_is_a_group(request):
    """pytest-xdist tells groups by what it adds to a name, which a new pytest may not heed."""
    if not request.config.getoption("loadgroup", False):
        pytest.skip("tests are not distributed by groups")
    assert request.node.nodeid.endswith("@test_groups")

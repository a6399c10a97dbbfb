"""What all tests share: types are checked, XLA is quiet, what is slow comes first or is marked."""

import os

import hypothesis
import pytest
from jaxtyping import install_import_hook

# Every annotated shape and type of the library is checked while the tests run.
install_import_hook("dynsparse", "beartype.beartype")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# How long an example takes is a property of the machine's load.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

# A worker that begins a study last keeps the others waiting.
FOLDERS = ("workflow", "simulator", "quick")
# Left to `make test-all`, so that `make test` is worth a person's wait: what compiles many programs
# for one question, and what drives studies of its own.
THOROUGH = {
    *("test_architecture_graphs", "test_architecture_links", "test_gymnasium_v5", "test_robots"),
    *("test_learning_models", "test_mjx_at_rest", "test_mjx_internals"),
    *("test_model_links", "test_own_environments", "test_policies_behaviours"),
    *("test_policies_c_training", "test_policies_sac", "test_policies_wrappers", "test_programs"),
    *("test_runge_kutta", "test_audited_study", "test_cache", "test_elsewhere", "test_experts"),
    *("test_faults", "test_learning", "test_own_environment", "test_published"),
    "test_simulated_study",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests of a file share a worker, hence its fixtures; files may share one by a mark.

    Before pytest-xdist looks at the marks.
    """
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        if item.path.stem in THOROUGH:
            item.add_marker(pytest.mark.thorough)
    folders = {name: place for place, name in enumerate(FOLDERS)}
    items.sort(key=lambda item: folders.get(item.path.parent.name, len(FOLDERS)))

"""What all tests share: types are checked, XLA is quiet, and what is slow comes first."""

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests of a file share a worker, hence its fixtures; files may share one by a mark.

    Before pytest-xdist looks at the marks.
    """
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    folders = {name: place for place, name in enumerate(FOLDERS)}
    items.sort(key=lambda item: folders.get(item.path.parent.name, len(FOLDERS)))

"""The lists of the configuration's schema are the code's, much of which needs the simulator."""

from pathlib import Path
from typing import get_args

import yaml

from dynsparse.cli import METHOD_NAMES
from dynsparse.configuration import BEHAVIOURS, resolve
from dynsparse.environments.playground import Solver
from dynsparse.jacobians import ENGINE, METHODS
from dynsparse.learning.data.masks import MASKS
from dynsparse.learning.data.splits import SPLITS
from dynsparse.learning.models import ARCHITECTURES
from dynsparse.learning.models.activations import ACTIVATIONS
from dynsparse.learning.training.losses import LOSSES
from dynsparse.policies.behaviours import KINDS
from dynsparse.precision import Precision
from dynsparse.suite import SUITE

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
DEFAULT = resolve({"study": "default"}, SCHEMA, SUITE)


def test_what_the_schema_lists_is_what_there_is():
    listed, learning = SCHEMA["$defs"], SCHEMA["properties"]["learning"]["properties"]
    behaviours = SCHEMA["properties"]["environments"]["additionalProperties"]["properties"]
    judged = SCHEMA["properties"]["verification"]["properties"]["methods"]["items"]
    assert set(listed["method"]["enum"]) == {"auto", *METHODS, ENGINE} == set(METHOD_NAMES)
    assert set(judged["enum"]) == set(METHODS)
    assert set(listed["solver"]["enum"]) == set(get_args(Solver))
    assert set(listed["dtype"]["enum"]) == set(get_args(Precision))
    assert set(listed["activation"]["enum"]) == set(ACTIVATIONS)
    assert set(behaviours["behaviours"]["items"]["enum"]) == set(KINDS)
    learner = listed["learner"]["properties"]
    assert learner["loss"]["enum"] == list(LOSSES)
    assert learner["architecture"]["enum"] == list(ARCHITECTURES) == list(listed["architectures"])
    assert listed["architectures"]["masked"]["properties"]["mask"]["enum"] == list(MASKS)
    for name, architecture in ARCHITECTURES.items():
        fields = list(architecture.Settings.choices())
        part = listed["architectures"][name]
        assert list(part["properties"]) == [*learner, *fields]
        # Each has a default, of its own or the study's.
        defaults = {key for key, said in part["properties"].items() if "default" in said}
        assert set(fields) <= defaults | set(DEFAULT["learning"]["model"])
    assert set(learning["splits"]["properties"]) == {*SPLITS, *BEHAVIOURS}
    assert set(BEHAVIOURS) == set(KINDS)

"""Small dataset files and studies, made without a simulator."""

from pathlib import Path

import numpy as np
import yaml
from projects import micro_config

from dynsparse.dataset import BlockWriter, DatasetInfo
from dynsparse.dataset.schema import DIGEST, layout

ROOT = Path(__file__).parents[2]
SHIPPED_GROUPS = ROOT / "src/dynsparse/api/groups.json"
STATES = ("qpos:slider [m]", "qpos:hinge_1 [rad]", "qvel:slider [m/s]", "qvel:hinge_1 [rad/s]")


def info(**changes):
    values = {
        "environment": "CartpoleBalance",
        "behaviour": "random",
        "seed": 0,
        "state_names": STATES,
        "action_names": ("ctrl:slide [1]",),
        "contact_names": (),
        "constraint_names": ("limit:slider",),
        "control_dt_s": 0.01,
        "method": "hybrid",
        "dtype": "float64",
        "episodes": 4,
        "steps": 6,
        "provenance": "{}",
    }
    return DatasetInfo(**{**values, **changes})


def planted(about):
    """Random numbers, a third of the derivatives zero, the last step of episode 0 without any."""
    rng = np.random.default_rng(about.seed)
    arrays = {}
    for name, (shape, dtype) in layout(about).items():
        values = rng.normal(size=shape)
        if name.endswith("_jacobian"):
            values[rng.random(shape) < 1 / 3] = 0
        arrays[name] = values.astype(dtype) if dtype != "bool" else rng.random(shape) < 0.5
    # Each goes on to its last step.
    arrays["terminated"][:] = arrays["truncated"][:] = False
    arrays["truncated"][:, -1] = True
    arrays["jacobian_ok"] = np.ones(arrays["jacobian_ok"].shape, bool)
    arrays["jacobian_ok"][0, -1] = False
    return {name: values for name, values in arrays.items() if name != DIGEST}


def write(path, edits=None, **changes):
    """Write a dataset; gives its arrays. ``edits`` has what is done to which of them before."""
    about = info(**changes)
    arrays = planted(about)
    for name, edit in (edits or {}).items():
        edit(arrays[name])
    with BlockWriter(path, about) as writer:
        writer.write(0, arrays)
        writer.finish()
    return arrays


def write_study(folder, **changes):
    """The folder of a study with two seeds of data; gives its configuration."""
    config = micro_config(seeds=[0, 1], **changes)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (behaviour,) = config["environments"]["CartpoleBalance"]["behaviours"]
    for seed in config["seeds"]:
        path = folder / f"data/CartpoleBalance/{behaviour}/seed-{seed}.h5"
        write(path, seed=seed, behaviour=behaviour)
    return config

"""The default study's learning, cut down to a minute."""

import yaml
from projects import ROOT

LEARNING = yaml.safe_load((ROOT / "config/config.yaml").read_text())["learning"]
TINY = {
    **LEARNING,
    "environments": ["CartpoleBalance"],
    "seeds": [1, 2],
    "learners": {
        name: LEARNING["learners"][name] for name in ("state", "state-jacobian-l1-sparse-only")
    },
    "model": {**LEARNING["model"], "width": 8},
    "training": {**LEARNING["training"], "epochs": 2, "batch": 16},
    "splits": {"episode": 2, "policy": 1},
    "evaluation": {**LEARNING["evaluation"], "every": 1, "rollout_steps": [1, 5]},
    "search": {
        "seeds": [1],
        "training": {"epochs": 1},
        "runs": {"depth": {"depth": [1, 2]}, "run_3": {"activation": ["elu", "leaky_relu"]}},
    },
}
COLLECTION = {"episodes": 3, "steps": 30, "block_episodes": 1, "batch_samples": 30}

"""What a schema cannot say: how a study's keys fit together, and what has to be there."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dynsparse.configuration.learners import check_learners
from dynsparse.configuration.simulations import check_simulations
from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.suite import LEFT_OUT, begins_again, on_c_engine

# What rounding leaves where the derivative is zero, in Jacobians by MuJoCo's C engine; the
# largest that was found is 4e-9 (docs/which-method.md).
NOISE = 1e-8

# Who can act in an environment.
BEHAVIOURS = ("expert", "half", "random")

# Where policies come from, if not from a folder of the user's own.
EXPERTS = ("shipped", "trained", "shipped_or_trained")
# A folder of policies: a name with {environment} in it, {seed} too or not, and no other braces.
_FOLDER = re.compile(r"(?=.*\{environment\})(?:[^{}]|\{environment\}|\{seed\})+")


def check(study: Mapping[str, Any], environments: Iterable[str]) -> None:
    """Check a study that its schema allows.

    Args:
        study: filled in.
        environments: the names of those that exist.

    Raises:
        DynsparseError: names the key, what is wrong with it, and what would be right.
    """
    known = tuple(environments)
    for name in study["environments"]:
        if name not in known and not on_c_engine(name):
            why = f"is not offered: {LEFT_OUT[name]}" if name in LEFT_OUT else "does not exist"
            near = did_you_mean(name, known)
            raise DynsparseError(f"config: environments: {name!r} {why}; {near}")
        behaviours = study["environments"][name]["behaviours"]
        if begins_again(name) and set(behaviours) != {"random"}:
            raise DynsparseError(
                f"config: environments.{name}.behaviours: there are no policies of robots; write"
                " [random]"
            )
    check_simulations(study, known)
    _check_listed("verification.accept", study["verification"]["accept"], study)
    expert = study["policies"]["expert"]
    if expert not in EXPERTS and not _FOLDER.fullmatch(expert):
        raise DynsparseError(
            f"config: policies.expert: {expert!r} is none of {', '.join(EXPERTS)}, and no folder"
            " of the form my-experts/{environment}/seed-{seed}"
        )
    if study["collection"]["block_episodes"] > study["collection"]["episodes"]:
        raise DynsparseError(
            "config: collection.block_episodes must not exceed collection.episodes "
            f"({study['collection']['episodes']})"
        )
    _check_method("", study)
    for name, changes in study["robustness"]["ablations"].items():
        _check_method(f" (robustness.ablations.{name})", {**study, **changes})
    _check_learning(study)


def schedules_file(config: Mapping[str, Any], root: Path) -> str:
    """The file of settings by which a study trains experts; others may do without it.

    Args:
        config: the study.
        root: the folder that relative paths start from.

    Raises:
        DynsparseError: there is no such file.
    """
    path = _from_home("policies.schedules", config["policies"]["schedules"])
    if not (root / path).is_file():
        raise DynsparseError(
            f"config: policies.schedules: there is no file {path}; experts are trained by its"
            " settings, or by Playground's own if it holds only {}"
        )
    return path


def experts_folder(config: Mapping[str, Any]) -> str:
    """``policies.expert`` with the home folder in place of ``~``.

    Raises:
        DynsparseError: it begins with ``~``, and this user has no home.
    """
    return _from_home("policies.expert", config["policies"]["expert"])


def _from_home(key: str, path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise DynsparseError(f"config: {key}: {path}: {error}; write the folder in full") from error


def _check_method(where: str, study: Mapping[str, Any]) -> None:
    threshold = study["sparsity"]["threshold"]
    if threshold >= NOISE:
        return
    by_c = [f"of {name}" for name in study["environments"] if on_c_engine(name)]
    if study["jacobian"]["method"] == "mujoco_c":
        by_c.insert(0, f"of jacobian.method mujoco_c{where}")
    if by_c:
        raise DynsparseError(
            f"config: sparsity.threshold: {threshold:g} is less than the differences"
            f" {by_c[0]} can tell from zero; write {NOISE:.1e} or more"
        )


def _check_listed(key: str, names: Iterable[str], study: Mapping[str, Any]) -> None:
    for name in names:
        if name not in study["environments"]:
            raise DynsparseError(
                f"config: {key}: {name!r} is not among this study's environments; "
                f"{did_you_mean(name, study['environments'])}"
            )


def _check_learning(study: Mapping[str, Any]) -> None:
    learning = study["learning"]
    _check_listed("learning.environments", learning["environments"], study)
    _check_behaviours(study)
    check_learners(learning)
    if learning["threshold"] not in learning["model_thresholds"]:
        raise DynsparseError(
            f"config: learning.model_thresholds must hold learning.threshold "
            f"({learning['threshold']:g})"
        )
    if learning["test_share"] + learning["validation_share"] >= 1:
        raise DynsparseError(
            "config: learning.test_share and learning.validation_share leave nothing to train on; "
            "their sum must be less than 1"
        )


def _check_behaviours(study: Mapping[str, Any]) -> None:
    """What is learned is tested on behaviours that there are, and something is left to learn."""
    learning = study["learning"]
    tested = [kind for kind in learning["splits"] if kind in BEHAVIOURS]
    for name in learning["environments"]:
        there_are = study["environments"][name]["behaviours"]
        for kind in tested:
            if kind not in there_are:
                raise DynsparseError(
                    f"config: learning.splits.{kind}: {name} has no behaviour {kind} to test on;"
                    f" add it to environments.{name}.behaviours"
                )
        if set(there_are) <= set(tested):
            raise DynsparseError(
                f"config: learning.splits: {', '.join(tested)}: no behaviour of {name} is left to"
                f" learn; add one to environments.{name}.behaviours, or take a split away"
            )

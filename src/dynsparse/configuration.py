"""A study's configuration, checked before any work is done."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from dynsparse.errors import DynsparseError, did_you_mean

# What rounding leaves where the derivative is zero, in Jacobians by MuJoCo's C engine; the
# largest that was found is 4e-9 (docs/jacobians.md).
NOISE = 1e-8

# A folder of policies: a name with {environment} in it, {seed} too or not, and no other braces.
_FOLDER = re.compile(r"(?=.*\{environment\})(?:[^{}]|\{environment\}|\{seed\})+")


def check_configuration(
    config: Mapping[str, Any], schema: Mapping[str, Any], environments: Iterable[str]
) -> None:
    """Check a study against its schema and the environments that exist.

    Raises:
        DynsparseError: names the key, what is wrong with it, and what would be right.
    """
    error = best_match(Draft202012Validator(schema).iter_errors(config))
    if error is not None:
        raise DynsparseError(_explain(error))
    known = tuple(environments)
    for name in config["environments"]:
        if name not in known:
            near = did_you_mean(name, known)
            raise DynsparseError(f"config: environments: {name!r} does not exist; {near}")
    expert = config["policies"]["expert"]
    if expert not in ("shipped", "trained") and not _FOLDER.fullmatch(expert):
        raise DynsparseError(
            f"config: policies.expert: {expert!r} is neither 'shipped' nor 'trained' nor a folder"
            " of the form my-experts/{environment}/seed-{seed}"
        )
    if config["collection"]["block_episodes"] > config["collection"]["episodes"]:
        raise DynsparseError(
            "config: collection.block_episodes must not exceed collection.episodes "
            f"({config['collection']['episodes']})"
        )
    if config["jacobian"]["method"] == "mujoco_c" and config["sparsity"]["threshold"] < NOISE:
        raise DynsparseError(
            f"config: sparsity.threshold: {config['sparsity']['threshold']:g} is less than the "
            f"differences of jacobian.method mujoco_c can tell from zero; write {NOISE:.1e} or more"
        )
    _check_learning(config["learning"], config["environments"])


def schedules_file(config: Mapping[str, Any], root: Path) -> str:
    """The file of settings by which a study trains experts; others may do without it.

    Args:
        config: the study.
        root: the folder that relative paths start from.

    Raises:
        DynsparseError: there is no such file.
    """
    path: str = config["policies"]["schedules"]
    if not (root / path).is_file():
        raise DynsparseError(
            f"config: policies.schedules: there is no file {path}; experts are trained by its"
            " settings, or by Playground's own if it holds only {}"
        )
    return path


def _check_learning(learning: Mapping[str, Any], environments: Iterable[str]) -> None:
    for name in learning["environments"]:
        if name not in environments:
            raise DynsparseError(
                f"config: learning.environments: {name!r} is not among this study's environments; "
                f"{did_you_mean(name, environments)}"
            )
    if learning["threshold"] not in learning["model_thresholds"]:
        raise DynsparseError(
            f"config: learning.model_thresholds must hold learning.threshold "
            f"({learning['threshold']:g})"
        )


def _explain(error: ValidationError) -> str:
    key = ".".join(str(part) for part in error.absolute_path) or "top level"
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = error.schema["properties"]
        unknown = next(name for name in error.instance if name not in known)
        return f"config: {key}: unknown key {unknown!r}; {did_you_mean(unknown, known)}"
    hint = ""
    if error.validator == "type" and isinstance(error.instance, str) and "e" in error.instance:
        hint = " (YAML reads 1e-12 as text; write 1.0e-12)"
    return f"config: {key}: {error.message}{hint}"

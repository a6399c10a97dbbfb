"""A study in full: what it says, and the schema's defaults for all that it does not say."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dynsparse.configuration.checks import check
from dynsparse.configuration.learners import refuse_losses
from dynsparse.configuration.validation import Validator, validate

# Beyond this not every whole number has a float of its own.
_EXACT = 2**53


def resolve(
    config: Mapping[str, Any], schema: Mapping[str, Any], environments: Iterable[str]
) -> dict[str, Any]:
    """Fill in what a study leaves out, and check all of it.

    A section (whose default is empty) is filled in key by key; what the study says in place of any
    other default replaces it as a whole. A whole number written with a point is taken as an integer
    where one is meant. A study so filled in is left as it is.

    Args:
        config: what the study says.
        schema: workflow/schemas/config.schema.yaml.
        environments: the names of those that exist.

    Returns:
        Every key of the schema, its own order first; nothing in it is shared with the arguments.

    Raises:
        DynsparseError: names the key, what is wrong with it, and what would be right.
    """
    refuse_losses(config)
    study = fill(config, schema, schema)
    validate(study, schema)
    if "environments" not in config.get("learning", {}):
        learned = study["learning"]["environments"]
        study["learning"]["environments"] = [n for n in learned if n in study["environments"]]
    for ablation in study["robustness"]["ablations"].values():
        for section, changes in ablation.items():
            ablation[section] = {**study[section], **changes}
    check(study, environments)
    return study


def fill(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """A copy of ``value`` with the defaults of ``schema`` for what it lacks.

    Args:
        value: of any type; what does not fit the schema is left for ``validate`` to refuse.
        schema: of this value.
        root: the whole schema, in which ``$ref`` are looked up.
    """
    schema = referred(schema, root)
    if isinstance(value, Mapping):
        known = properties(schema, root, value)
        defaults = {name: part["default"] for name, part in known.items() if "default" in part}
        filled = {**defaults, **value}
        # What every study has comes in the schema's order, the rest as it is written.
        always = {*schema.get("required", ()), *defaults}
        first = [name for name in known if name in always and name in filled]
        others = schema.get("additionalProperties") or {}
        return {
            name: fill(filled[name], known.get(name, others), root)
            for name in dict.fromkeys((*first, *filled))
        }
    if isinstance(value, list):
        return [fill(part, schema.get("items", {}), root) for part in value]
    whole = isinstance(value, float) and abs(value) < _EXACT and value.is_integer()
    return int(value) if whole and schema.get("type") == "integer" else value


def properties(
    schema: Mapping[str, Any], root: Mapping[str, Any], value: Mapping[Any, Any] | None = None
) -> dict[str, Mapping[str, Any]]:
    """The keys that a mapping may have, together with what its conditions say of them.

    Args:
        schema: of the mapping.
        root: as ``fill``.
        value: the mapping, by which conditions are decided; without it all of them count.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for part in (schema, *_conditional(schema, root, value)):
        for name, said in part.get("properties", {}).items():
            found[name] = {**found.get(name, {}), **said}
    return found


def _conditional(
    schema: Mapping[str, Any], root: Mapping[str, Any], value: Mapping[Any, Any] | None
) -> Iterator[Mapping[str, Any]]:
    for rule in schema.get("allOf", ()):
        if value is None:
            branches = ["then", "else"]
        else:
            branches = ["then" if Validator(rule["if"]).is_valid(value) else "else"]
        yield from (referred(rule[branch], root) for branch in branches if branch in rule)


def referred(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """``schema`` together with what its ``$ref`` (such as ``#/$defs/count``) refers to."""
    if "$ref" not in schema:
        return schema
    found = root
    for name in schema["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return {**found, **schema}

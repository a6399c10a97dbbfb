"""What a schema allows, and one line on what it does not."""

import datetime
import math
import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from dynsparse.errors import DynsparseError, did_you_mean

# A message is one line that a person reads.
MOST_LETTERS = 120
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.IGNORECASE | re.ASCII)


def _finite(_: object, value: object) -> bool:
    """Not-a-number and infinity are no numbers, though YAML has them; nor are truth values."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


_CHECKER = Draft202012Validator.TYPE_CHECKER.redefine("number", _finite)
Validator = extend(Draft202012Validator, type_checker=_CHECKER)


def validate(study: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check a study, filled in, against its schema.

    Raises:
        DynsparseError: names the key, what is wrong with it, and what would be right.
    """
    error = best_match(Validator(schema).iter_errors(study))
    if error is not None:
        raise DynsparseError(f"config: {_key(error)}: {_explain(error)}")


def _key(error: ValidationError) -> str:
    return ".".join(str(part) for part in error.absolute_path) or "top level"


def _explain(error: ValidationError) -> str:
    value, limit, hint = error.instance, error.validator_value, ""
    text = error.message
    match error.validator:
        case "additionalProperties":
            known = error.schema["properties"]
            unknown = next(name for name in value if name not in known)
            comment = error.schema.get("$comment")
            text = f"{unknown!r} {comment}" if comment else f"unknown key {unknown!r}"
            hint = f"; {did_you_mean(unknown, known)}"
        case "type":
            shown = str(value) if isinstance(value, datetime.date) else repr(value)
            text, hint = f"{_short(shown)} is not of type {limit!r}", _hint(value, limit)
        case "pattern":
            text, hint = repr(value), f" may have {error.schema['$comment']} only"
        case "not":
            text, hint = repr(value), f" {error.schema['$comment']}"
        case "maxLength":
            text, hint = repr(value), f" has {len(value)} letters, and may have at most {limit}"
        case "uniqueItems":
            twice = next(item for number, item in enumerate(value) if item in value[:number])
            text, hint = repr(twice), " stands there twice"
        case "enum" if isinstance(value, str):
            hint = f"; {did_you_mean(value, map(str, limit))}"
    return _short(text) + hint


def _hint(value: object, wanted: str) -> str:
    """Why a value is not what its writer took it for."""
    if value is None:
        return " (nothing is written; give it a value, or leave the key out)"
    if wanted == "string" and isinstance(value, bool | int | float | datetime.date):
        return f" (YAML reads a {type(value).__name__}; put it in quotes)"
    if wanted not in ("number", "integer"):
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return " (it is not finite)"
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        exponent = "e" in value.lower()
        return f" (YAML reads {'1e-12' if exponent else 'it'} as text; " + (
            "write 1.0e-12)" if exponent else "take the quotes away)"
        )
    return ""


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."

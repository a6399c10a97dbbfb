"""An item is made: its files are read, its function is called, what that gives is written.

Functions go by name, ``room.module:function``, and nothing of the library is imported here:
else every figure would depend on all that any of them uses.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

# For each argument of a function its reader, whether that takes one path and not a list, and what
# it takes beside.
Reads = Mapping[str, Sequence[Any]]


def make(
    function: str,
    reads: Reads,
    files: Mapping[str, Sequence[str]],
    settings: Mapping[str, Any],
    writer: str,
    output: str,
) -> None:
    """Make an item.

    Args:
        function: draws the figure or computes the table.
        reads: argument of ``function`` -> how it is read.
        files: argument of ``function`` -> what it is read from.
        settings: its other arguments.
        writer: writes what ``function`` gives.
        output: where to.

    Raises:
        DynsparseError: a file is missing or damaged, or the output cannot be written.
    """
    named(writer)(result(function, reads, files, settings), output)


def result(
    function: str, reads: Reads, files: Mapping[str, Sequence[str]], settings: Mapping[str, Any]
) -> Any:
    """What ``make`` writes: a figure, or a table."""
    inputs = {
        name: named(reader)(files[name][0] if one else files[name], *more)
        for name, (reader, one, more) in reads.items()
    }
    return named(function)(**inputs, **settings)


def make_apart(**arguments: Any) -> str:
    """``make`` in an interpreter of its own, as a job has it; what went wrong, or nothing.

    What was drawn before in a process decides on names inside an SVG file.
    """
    command = [sys.executable, "-m", "dynsparse.study.making"]
    done = subprocess.run(
        command, input=json.dumps(arguments), capture_output=True, text=True, check=False
    )
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines or ["ended without a word"])[-1]


def named(source: str) -> Any:
    """What ``room.module:name`` is in the library."""
    module, _, name = source.partition(":")
    return getattr(import_module(f"dynsparse.{module}"), name)


if __name__ == "__main__":
    from dynsparse.errors import DynsparseError

    try:
        make(**json.load(sys.stdin))
    except DynsparseError as error:
        sys.exit(str(error))

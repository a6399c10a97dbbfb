"""The one exception that users are meant to see."""

import difflib
from collections.abc import Iterable


class DynsparseError(Exception):
    """Bad input or a bad file.

    The message is one line: it names the file, key or value, and says what would be right.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message about a name that does not exist: the nearest that does."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.0)
    return f"did you mean {near[0]!r}?"


def printable(text: str) -> str:
    """Text for a terminal, in one line: what would steer it, of a stranger's file, is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

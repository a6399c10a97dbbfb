"""What an audit finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from dynsparse.audit.manifest import NAME
from dynsparse.errors import DynsparseError

Question = Literal["complete", "traceable", "true", "repeatable", "published"]
QUESTIONS: dict[Question, str] = {
    "complete": "Is everything there, unchanged?",
    "traceable": "Is it known where it came from?",
    "true": "Do the data obey the simulator, and the tables the data?",
    "repeatable": "Does doing it again give the same?",
    "published": "What does the paper have?",
}


class Failure(NamedTuple):
    """What is wrong with an artefact (its path in the study's folder)."""

    artefact: str
    message: str


@dataclass(frozen=True)
class Check:
    """One check of an audit.

    Attributes:
        question: which of ``QUESTIONS`` it helps to answer.
        name: what was checked, in a few words.
        checked: how many things were.
        failures: what is wrong.
        remarks: what a reader should know, and is no failure.
        skipped: why the check could not be made; empty if it was.
    """

    question: Question
    name: str
    checked: int
    failures: tuple[Failure, ...] = ()
    remarks: tuple[str, ...] = ()
    skipped: str = ""

    def __post_init__(self) -> None:
        """A check that looked at nothing, and does not say why, has failed."""
        if not (self.checked or self.failures or self.skipped):
            nothing = Failure(NAME, f"{self.name}: there was nothing to check")
            object.__setattr__(self, "failures", (nothing,))

    @property
    def status(self) -> Literal["pass", "fail", "not checked"]:
        """``fail`` if anything is wrong, ``not checked`` if it was not to be made."""
        if self.failures:
            return "fail"
        return "not checked" if self.skipped else "pass"


class Number(NamedTuple):
    """A published number beside ours."""

    item: str
    environment: str
    behaviour: str
    quantity: str
    paper: float | int | str
    ours: float | int | str | None
    comparable: bool


@dataclass(frozen=True)
class Audit:
    """The answers to *may I believe this?*.

    Attributes:
        study: the study's name.
        date: when it was audited, UTC.
        seed: of the samples that were drawn.
        auditor: code and machine of the audit itself.
        checks: in the order of ``QUESTIONS``.
        numbers: each published number beside ours.
    """

    study: str
    date: str
    seed: int
    auditor: dict[str, Any]
    checks: tuple[Check, ...]
    numbers: tuple[Number, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not any(check.failures for check in self.checks)


def examine(
    artefacts: Iterable[str], look: Callable[[str], str | None]
) -> tuple[int, tuple[Failure, ...]]:
    """Look at artefacts one by one: how many, and what is wrong with which.

    Args:
        artefacts: their paths.
        look: says what is wrong, or None; a ``DynsparseError`` counts as wrong.
    """
    failures, count = [], 0
    for count, path in enumerate(artefacts, 1):  # noqa: B007 (counted even if it is the last)
        try:
            message = look(path)
        except DynsparseError as error:
            message = str(error)
        if message:
            failures.append(Failure(path, message))
    return count, tuple(failures)

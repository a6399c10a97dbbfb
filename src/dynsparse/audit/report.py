"""The answer of an audit: a table for the terminal, JSON for programs, a page for people."""

import json
import textwrap
from pathlib import Path
from typing import Any

from tabulate import tabulate

from dynsparse.audit.findings import QUESTIONS, Audit
from dynsparse.audit.page import page
from dynsparse.errors import printable
from dynsparse.figures.style import counted
from dynsparse.storage.files import whole_file

FORMAT, SCHEMA_VERSION = "dynsparse audit", 1


def terminal(audit: Audit) -> str:
    """A line per check, then each failure with its artefact."""
    rows = [[c.question, c.name, c.checked, c.status] for c in audit.checks]
    table = tabulate(rows, ["question", "check", "checked", "result"], disable_numparse=True)
    failures = [
        textwrap.fill(f"{failure.artefact}: {failure.message}", 98, subsequent_indent="    ")
        for check in audit.checks
        for failure in check.failures
    ]
    skipped = [f"not checked: {c.name}: {c.skipped}" for c in audit.checks if c.skipped]
    verdict = (
        f"study {audit.study}: no check failed"
        if audit.passed
        else f"study {audit.study}: {counted(len(failures), 'failure')}"
    )
    lines = "\n".join([table, "", *failures, *skipped, verdict]).split("\n")
    return "\n".join(map(printable, lines))


def as_json(audit: Audit) -> dict[str, Any]:
    """The audit as ``schemas/audit.schema.json`` describes it."""
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "study": audit.study,
        "date": audit.date,
        "seed": audit.seed,
        "passed": audit.passed,
        "auditor": audit.auditor,
        "questions": dict(QUESTIONS),
        "checks": [
            {
                "question": check.question,
                "name": check.name,
                "status": check.status,
                "checked": check.checked,
                "failures": [failure._asdict() for failure in check.failures],
                "remarks": list(check.remarks),
                "skipped": check.skipped,
            }
            for check in audit.checks
        ],
        "published": [number._asdict() for number in audit.numbers],
    }


def write_audit(audit: Audit, folder: Path) -> None:
    """Write ``audit.json`` and ``audit.html`` into a folder.

    Raises:
        DynsparseError: they cannot be written.
    """
    with whole_file(folder / "audit.json") as temporary:
        temporary.write_text(json.dumps(as_json(audit), indent=1) + "\n")
    with whole_file(folder / "audit.html") as temporary:
        temporary.write_text(page(audit), encoding="utf-8")

"""The HTML page of an audit: one file, no scripts, no network."""

from collections.abc import Iterable, Sequence
from html import escape

from dynsparse.audit.findings import QUESTIONS, Audit, Check, Number, Question
from dynsparse.figures.style import counted

STYLE = """
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1a1a1a; margin: 2.5rem auto;
       max-width: 62rem; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
.facts { color: #555; margin: 0; }
.verdict { font-size: 1.1rem; padding: .8rem 1rem; border-left: 6px solid; margin: 1.4rem 0; }
.verdict.pass { border-color: #0072B2; background: #eef5fa; }
.verdict.fail { border-color: #D55E00; background: #fcf1ea; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { text-align: left; border-bottom: 2px solid #1a1a1a; padding: .25rem .7rem .25rem 0; }
td { border-bottom: 1px solid #ddd; padding: .3rem .7rem .3rem 0; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.status { white-space: nowrap; width: 7rem; }
.pass .status { color: #00598c; } .fail .status { color: #b04c00; font-weight: 600; }
.none .status { color: #777; }
ul { margin: .2rem 0; padding-left: 1.2rem; }
li.failure { color: #b04c00; }
code { font-size: .9em; overflow-wrap: anywhere; }
details, .remark { color: #555; font-size: .92em; } summary { cursor: pointer; }
.aside td { color: #777; }
"""
SIGNS = {"pass": "\u2713 pass", "fail": "\u2717 fail", "not checked": "\u2013 not checked"}


def page(audit: Audit) -> str:
    """The page."""
    sections = "".join(_section(audit, question) for question in QUESTIONS)
    code = audit.auditor
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Audit of {escape(audit.study)}</title><style>{STYLE}</style></head><body>"
        f"<h1>May I believe the study <em>{escape(audit.study)}</em>?</h1>"
        f'<p class="facts">Audited {escape(audit.date)}, samples drawn with seed {audit.seed}, '
        f"by commit <code>{escape(code['commit'][:12])}</code> on {escape(code['machine'])}.</p>"
        f"{_verdict(audit)}{sections}{_paper(audit.numbers)}</body></html>\n"
    )


def _verdict(audit: Audit) -> str:
    failed = [check for check in audit.checks if check.status == "fail"]
    skipped = [check for check in audit.checks if check.status == "not checked"]
    total = sum(check.checked for check in audit.checks)
    if failed:
        artefacts = {failure.artefact for check in failed for failure in check.failures}
        text = f"{counted(len(failed), 'check')} failed, at {counted(len(artefacts), 'artefact')}."
    else:
        text = f"No check failed: {len(audit.checks) - len(skipped)} checks of {total:,} things."
    if skipped:
        text += f" {counted(len(skipped), 'check')} could not be made."
    return f'<p class="verdict {"fail" if failed else "pass"}">{text}</p>'


def _section(audit: Audit, question: Question) -> str:
    rows = "".join(_row(check) for check in audit.checks if check.question == question)
    return (
        f"<h2>{question.capitalize()}: {QUESTIONS[question]}</h2><table><tr><th>result</th>"
        f'<th>check</th><th class="number">checked</th></tr>{rows}</table>'
    )


def _row(check: Check) -> str:
    kind = {"pass": "pass", "fail": "fail"}.get(check.status, "none")
    failures = "".join(
        f'<li class="failure"><code>{escape(path)}</code>: {escape(message)}</li>'
        for path, message in check.failures
    )
    return (
        f'<tr class="{kind}"><td class="status">{SIGNS[check.status]}</td>'
        f"<td>{escape(check.name)}{_list(failures)}{escape(check.skipped)}"
        f'{_details(check.remarks)}</td><td class="number">{check.checked:,}</td></tr>'
    )


def _list(items: str) -> str:
    return f"<ul>{items}</ul>" if items else ""


def _details(remarks: Sequence[str]) -> str:
    if len(remarks) < 2:
        return "".join(f'<div class="remark">{escape(remark)}</div>' for remark in remarks)
    items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    return f"<details><summary>{len(remarks)} remarks</summary>{_list(items)}</details>"


def _paper(numbers: Iterable[Number]) -> str:
    """Each published number beside ours; those of other behaviours in grey."""
    rows = "".join(
        f'<tr class="{"" if n.comparable else "aside"}"><td>{escape(n.item)}</td>'
        f"<td>{escape(n.environment)}</td><td>{escape(n.behaviour)}</td>"
        f"<td>{escape(n.quantity.replace('_', ' '))}</td>"
        f'<td class="number">{_value(n.paper)}</td><td class="number">{_value(n.ours)}</td>'
        f'<td class="number">{_difference(n)}</td></tr>'
        for n in numbers
    )
    if not rows:
        return ""
    return (
        "<h2>The paper's numbers and ours</h2><p>The paper's policies are experts; rows of other"
        " behaviours are grey and not to be compared.</p><table><tr><th>item</th><th>environment"
        "</th><th>behaviour</th><th>quantity</th>"
        '<th class="number">paper</th><th class="number">ours</th>'
        f'<th class="number">difference</th></tr>{rows}</table>'
    )


def _value(value: float | int | str | None) -> str:
    if value is None:
        return "\u2013"
    return escape(value) if isinstance(value, str) else f"{value:.6g}"


def _difference(number: Number) -> str:
    if not isinstance(number.ours, int | float) or not isinstance(number.paper, int | float):
        return ""
    difference = number.ours - number.paper
    return f"{difference:+.4g}" if difference else "0"

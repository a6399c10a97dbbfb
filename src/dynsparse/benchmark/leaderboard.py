"""Leaderboards from cards, as Markdown and as one page of HTML: no scripts, no network."""

import math
from collections.abc import Callable, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from dynsparse.benchmark.card import Card
from dynsparse.benchmark.entries import read_entries
from dynsparse.benchmark.task import Task
from dynsparse.errors import printable
from dynsparse.storage.files import whole_file

# Columns by score: what a reader compares first.
COLUMNS = {
    "skill": "skill",
    "auroc": "AUROC",
    "average_precision": "average precision",
    "exact_precision": "exact: precision",
    "exact_recall": "exact: recall",
    "exact_samples": "exact: samples",
    "change_f1": "changes: F1",
    "regime_patterns": "regimes",
    "brier": "Brier",
    "next_state_squared": "next state",
    "jacobian_squared": "Jacobian",
    "rollout_median": "open loop",
    "rollout_diverged": "open loop: not finite",
}
STYLE = """
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1a1a1a; margin: 2.5rem auto;
       max-width: 90rem; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; }
th { text-align: left; border-bottom: 2px solid #1a1a1a; padding: .25rem .9rem .25rem 0; }
td { border-bottom: 1px solid #ddd; padding: .3rem .9rem .3rem 0; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
"""
NOTE = (
    "Skill is 0 for the mean pattern of the training samples and 1 for the truth. 0 is an easy mark"
    " where zeros are rare: compare the row 'nothing is zero'. What a method was told beyond"
    " states, actions and next states of the training samples stands beside its name. Errors are"
    " in standard deviations of the training samples; smaller is better."
)
REFUSED = "Refused"


class Written(NamedTuple):
    """Pages, and a line for each file that was refused."""

    pages: list[Path]
    refused: list[str]


def write_leaderboard(folder: Path, tasks: Sequence[Task] = ()) -> Written:
    """Read every card in a folder, and write ``leaderboard.md`` and ``leaderboard.html`` there.

    Raises:
        DynsparseError: as ``read_entries``, or the pages cannot be written.
    """
    cards, refused = read_entries(folder, tasks)
    pages = {"leaderboard.md": markdown(cards, refused), "leaderboard.html": html(cards, refused)}
    for name, text in pages.items():
        with whole_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return Written([folder / name for name in pages], refused)


def markdown(cards: Sequence[Card], refused: Sequence[str] = ()) -> str:
    """The cards as Markdown, a table for each task and data, and what was refused."""
    lines = ["# Leaderboard", "", NOTE]
    for title, entries in _grouped(cards):
        names = list(_columns(entries).values())
        lines += ["", f"## {_plain(title)}", ""]
        lines += [f"| method | told | {' | '.join(names)} |", f"|---|---|{'--:|' * len(names)}"]
        lines += [f"| {' | '.join(_cells(card, entries, _plain))} |" for card in entries]
    if refused:
        lines += ["", f"## {REFUSED}", "", *(f"- {_plain(line)}" for line in refused)]
    return "\n".join(lines) + "\n"


def html(cards: Sequence[Card], refused: Sequence[str] = ()) -> str:
    """The same as a page of its own."""
    sections = "".join(_section(title, entries) for title, entries in _grouped(cards))
    if refused:
        lines = "".join(f"<li>{_escaped(line)}</li>\n" for line in refused)
        sections += f"<h2>{REFUSED}</h2><ul>{lines}</ul>"
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>Leaderboard</title><style>{STYLE}</style></head><body><h1>Leaderboard</h1>"
        f"<p>{escape(NOTE)}</p>{sections}</body></html>\n"
    )


def _section(title: str, entries: Sequence[Card]) -> str:
    head = "".join(f'<th class="number">{escape(name)}</th>' for name in _columns(entries).values())
    rows = ""
    for card in entries:
        method, told, *numbers = _cells(card, entries, _escaped)
        cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
        rows += f"<tr><td>{method}</td><td>{told}</td>{cells}</tr>\n"
    return (
        f'<h2>{_escaped(title)}</h2><div class="wide"><table><tr><th>method</th><th>told</th>{head}'
        f"</tr>\n{rows}</table></div>"
    )


def _grouped(cards: Sequence[Card]) -> list[tuple[str, list[Card]]]:
    """Cards that compare: of one task and the same data, the most skilful first."""

    def group(card: Card) -> tuple[str, int, str]:
        return card.task, -1 if card.live is None else card.live, card.dataset

    def rank(card: Card) -> tuple[float, str]:
        skill = card.scores["skill"]
        return (math.inf if math.isnan(skill) else -skill), card.method

    found = []
    for (task, seed, dataset), members in groupby(sorted(cards, key=group), group):
        entries = sorted(members, key=rank)
        fresh = f", fresh episodes of seed {seed}" if seed >= 0 else ""
        samples = entries[0].samples
        found.append((f"{task}{fresh}, {samples} samples, data {dataset[:12]}", entries))
    return found


def _columns(entries: Sequence[Card]) -> dict[str, str]:
    """Scores that any of the entries has."""
    return {
        name: title
        for name, title in COLUMNS.items()
        if not all(math.isnan(card.scores[name]) for card in entries)
    }


def _cells(card: Card, entries: Sequence[Card], text: Callable[[str], str]) -> list[str]:
    numbers = (card.scores[name] for name in _columns(entries))
    told = ", ".join(card.privileged)
    return [text(card.method), text(told), *("" if math.isnan(x) else f"{x:.3g}" for x in numbers)]


def _escaped(text: str) -> str:
    return escape(printable(text))


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: neither HTML, nor a link, nor another cell."""
    safe = _escaped(text)
    return "".join(f"&#{ord(c)};" if c in "\\|`*_[]()!#~:@" else c for c in safe)

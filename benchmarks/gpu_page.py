"""Write what benchmarks/gpu.sh has left in a folder into docs/gpu.md.

    python benchmarks/gpu_page.py [FOLDER]

The folder's files are kept beside the page, in docs/gpu/, so that a test can hold the page's
numbers against them.
"""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).parents[1]
PAGE, KEPT = ROOT / "docs/gpu.md", ROOT / "docs/gpu"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
NOTHING = "No GPU has been measured yet."

Row = dict[str, str]


def main() -> None:
    """Rewrite the page's block."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else KEPT
    PAGE.write_text(replaced(PAGE.read_text(), block(folder)))


def replaced(page: str, text: str) -> str:
    """The page with ``text`` between its marks."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def block(folder: Path) -> str:
    """What came back, as Markdown."""
    if not (folder / "facts.json").is_file():
        return NOTHING
    facts = json.loads((folder / "facts.json").read_text())
    parts = [_facts(facts), "### Rates", _rates(_rows(folder, "rates.csv"))]
    parts += ["### A million steps", _million(_rows(folder, "million.csv"))]
    parts += ["### Speed of learning", _learning(_rows(folder, "learning.csv"))]
    parts += ["### Losses", _losses(_rows(folder, "losses.csv"))]
    parts += ["### What the time went into", _sections(_rows(folder, "sections.csv"))]
    return "\n\n".join(parts)


def _rows(folder: Path, name: str) -> list[Row]:
    """The rows of a file; none where its section wrote none."""
    path = folder / name
    if not path.is_file():
        return []
    with path.open() as file:
        return list(csv.DictReader(file))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _facts(facts: dict) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    return (
        f"Device: **{facts['device']}**, driver {facts['driver']}, {facts['processor_cores']}"
        f" processor cores, on {facts['date']}. A float64 matrix product runs at"
        f" {facts['float64_product_tflops']} TFLOP/s; a copy moves {facts['copied_gb_per_s']} GB/s."
        f" Python {facts['python']}; {packages}."
    )


def _rates(rows: list[Row]) -> str:
    keys = ("environment", "program", "method", "batch", "per_s", "build_s", "alone", "compiling")
    order = list(dict.fromkeys(row["environment"] for row in rows))
    rows = sorted(rows, key=lambda row: _place(order, row))
    return _table(
        (
            "environment",
            "program",
            "method",
            "batch",
            "samples/s",
            "compile [s]",
            "alone",
            "others compiling",
            "",
        ),
        (
            [*(row[key] for key in keys), "" if row["outcome"] == "measured" else row["outcome"]]
            for row in rows
        ),
    )


def _place(order: list[str], row: Row) -> tuple[int, str, int]:
    return order.index(row["environment"]), row["program"], int(row["batch"] or 0)


def _million(rows: list[Row]) -> str:
    keys = ("environment", "quantity", "value")
    return _table(keys, ([row[key] for key in keys] for row in rows))


def _learning(rows: list[Row]) -> str:
    """Each row beside PyTorch, which trains one seed after the other."""
    theirs = {row["loss"]: float(row["ms_per_step"]) for row in rows if row["library"] == "PyTorch"}
    lines = []
    for row in rows:
        if row["library"] == "PyTorch":
            continue
        ours, other = float(row["ms_per_step"]), theirs.get(row["loss"])
        both = ("-", "-")
        if other is not None:
            other *= int(row["seeds"])
            both = (f"{other:.2f}", f"{other / ours:.1f}")
        lines.append((row["loss"], row["seeds"], f"{ours:.2f}", *both))
    head = ("loss", "seeds", "dynsparse, ms per step of all", "PyTorch, one after the other")
    return _table((*head, "times as fast"), lines)


def _losses(rows: list[Row]) -> str:
    """Errors after as many epochs as all losses have had, mean and range of the seeds; guesses."""
    kinds = list(dict.fromkeys((row["environment"], row["source"]) for row in rows))
    common = {name: _common_epoch(rows, name) for name, _ in kinds}
    lines = []
    for environment, source in kinds:
        mine = [r for r in rows if (r["environment"], r["source"]) == (environment, source)]
        last = common[environment] if mine[0]["epoch"] else 0
        final = [row for row in mine if int(row["epoch"] or 0) == last]
        figures = [
            _spread([float(row[key]) for row in final])
            for key in ("validation_state_mse", "validation_jacobian_mae")
        ]
        trained = (str(len(final)), str(last)) if last else ("-", "-")
        lines.append((environment, source, *trained, *figures))
    head = ("environment", "loss or guess", "seeds", "epochs", "next state, MSE", "Jacobian, MAE")
    return _table(head, lines)


def _common_epoch(rows: list[Row], environment: str) -> int:
    """The last epoch of which every loss of an environment has a row of every seed; 0: of none."""
    trained = [row for row in rows if row["environment"] == environment and row["epoch"]]
    written = Counter((row["source"], int(row["epoch"])) for row in trained)
    losses, seeds = {row["source"] for row in trained}, len({row["seed"] for row in trained})
    epochs = {epoch for _, epoch in written}
    whole = [e for e in epochs if all(written[loss, e] == seeds for loss in losses)]
    return max(whole, default=0)


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3g}"
    return f"{mean(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def _sections(rows: list[Row]) -> str:
    return _table(list(rows[0]) if rows else [], ([*row.values()] for row in rows))


if __name__ == "__main__":
    main()

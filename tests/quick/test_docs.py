"""Documents: what they link to, name and tell to type is there."""

import csv
import json
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from dynsparse.cli import main
from dynsparse.study.items import ITEMS
from dynsparse.tables.verdicts import KNOWN

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for folder in (".", "docs", "benchmarks", "config", "envs", "results")
    for path in (ROOT / folder).glob("*.md")
)
FOLDERS = ("benchmarks", "config", "docs", "envs", "examples", "resources", "src", "tests")
# Where a comment or an error may name a page.
SOURCES = [
    path
    for folder in ("benchmarks", "config", "examples", "src", "tests", "workflow")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".smk", ".yaml", ".rst", ".sh", ".md"} or path.name == "Snakefile"
]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = {item.target for item in ITEMS.values()} | {
    name
    for path in (ROOT / "workflow").rglob("*")
    if path.suffix == ".smk" or path.name == "Snakefile"
    for name in re.findall(r"^rule (\w+):", path.read_text(), re.MULTILINE)
}
TARGETS |= {f"statistics_{name}" for name in SCHEMA["properties"]["environments"]["default"]}
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
}
# A file that a reader writes, a pattern of a command, a format: not to be looked for.
NAMES = {
    *("config/hoppers.yaml", "dynsparse COMMAND --help"),
    *("dynsparse dataset", "dynsparse prediction 1"),
}
FILES = (".csv", ".json", ".parquet", ".py", ".yaml")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page):
    """What a link may end in: the headings as GitHub writes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def code(page):
    """What a page shows in backticks or indented, a command or a name each."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text) + re.findall(r"^    (.*)$", text, re.M)


def has_key(key):
    """Whether a study may have a key, such as jacobian.method."""
    node = SCHEMA
    for name in key.split("."):
        if "$ref" in node and "properties" not in node:
            node = SCHEMA["$defs"][node["$ref"].split("/")[-1]]
        node = node.get("properties", {}).get(name, node.get("additionalProperties"))
        if not isinstance(node, dict):
            return False
    return True


@every_page
def test_links_lead_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        to = page.parent / path if path else page
        if link.startswith("http"):
            continue
        if not to.exists() or (anchor and anchor not in anchors(to)):
            broken.append(link)
    assert not broken


def test_pages_that_code_names_are_there():
    assert len(SOURCES) > 100
    named = {
        (name, str(path.relative_to(ROOT)))
        for path in SOURCES
        for name in re.findall(r"docs/[\w-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert named
    assert not sorted(each for each in named if not (ROOT / each[0]).exists())


@every_page
def test_files_and_tests_that_it_names_are_there(page):
    paths = [
        name
        for name in code(page)
        if re.fullmatch(rf"({'|'.join(FOLDERS)}|workflow)/[\w./-]+", name)
    ]
    assert not [name for name in paths if not (ROOT / name).exists()]
    assert not {name for name in code(page) if re.fullmatch(r"test_\w+", name)} - TESTS


@every_page
def test_keys_of_a_study_that_it_names_exist(page):
    sections = "|".join(SCHEMA["properties"])
    keys = {name for name in code(page) if re.fullmatch(rf"({sections})(\.[a-z_]+)+", name)}
    assert not {key for key in keys if not (key.endswith(FILES) or has_key(key))}


@every_page
def test_commands_that_it_shows_are_there(page):
    for line in code(page):
        if re.match(r"(snakemake|make|dynsparse) ", line) and line not in NAMES:
            program, first, *rest = shlex.split(line, comments=True)
            CHECKS[program](first, rest)


def check_make(target, _):
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def check_dynsparse(command, words):
    found = main.commands[command]
    if isinstance(found, click.Group):
        found = found.commands[words[0]]
    options = {name for each in found.params for name in each.opts}
    assert {word for word in words if word.startswith("--")} <= options


def check_snakemake(first, words):
    """Targets and the study's file; what else Snakemake takes is Snakemake's."""
    before = ""
    for word in (first, *words):
        if before == "--configfile":
            assert word in NAMES or (ROOT / word).exists(), word
        elif before not in VALUES and re.fullmatch(r"[a-z]\w+", word):
            assert word in TARGETS, word
        before = word


# Options of Snakemake with a value that might be taken for a target.
VALUES = ("--profile", "--directory", "--software-deployment-method", "--persistence-backend")
CHECKS = {"make": check_make, "dynsparse": check_dynsparse, "snakemake": check_snakemake}


def test_returns_of_experts_are_those_of_their_cards():
    text = (ROOT / "docs/experts.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:7]] for line in text.splitlines()]
    found = [row for row in rows if len(row) == 6 and row[1].isdigit()]
    assert found == [
        [card["environment"], str(card["seed"]), kind, *of_card(card[kind])]
        for path in sorted((ROOT / "resources/experts").glob("*/seed-*/card.json"))
        for card in [json.loads(path.read_text())]
        for kind, file in {"expert": "policy", "half": "half"}.items()
        if (path.parent / f"{file}.safetensors").exists()
    ]


def of_card(policy):
    """Steps and returns as the table shows them."""
    returns = (policy["evaluation"][mode] for mode in ("stochastic", "deterministic"))
    shown = (f"{each['mean']:.0f} ({each['low']:.0f} to {each['high']:.0f})" for each in returns)
    return [f"{policy['steps'] / 1e6:.2f} M", *shown]


def test_bytes_of_the_papers_data_are_those_that_were_measured():
    text = (ROOT / "docs/paper.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (\w+) \| (\d+) \| ([\d.]+) GB \|$", text, re.M)
    with (ROOT / "benchmarks/rates.csv").open() as stream:
        rates = {row["environment"]: row["bytes_per_sample"] for row in csv.DictReader(stream)}
    assert {name: each for name, each, _ in found} == rates
    assert all(float(million) == round(float(each) / 1000, 1) for _, each, million in found)


def test_where_the_c_engine_is_known_to_differ_is_told():
    """By the page on verification; tasks of one step are known alike."""
    page = (ROOT / "docs/verification.md").read_text()
    told = re.search(r"As shipped `engine` is known to fail.*?it may\.", page, re.DOTALL).group()
    assert set(re.findall(r"\b[A-Z]\w+(?:V5|[a-z]+[A-Z]\w*)\b", told)) == set(KNOWN)
    with (ROOT / "docs/results/suite/suite.csv").open() as file:
        tasks = [row for row in csv.DictReader(file) if row["step_of"]]
    assert len(tasks) > 5
    for task in tasks:
        assert KNOWN.get(task["environment"]) == KNOWN.get(task["step_of"])

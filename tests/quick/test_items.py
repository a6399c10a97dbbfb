"""The registry of items: each entry fits its function, its caption, and the page that lists it."""

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from dynsparse.study import items
from dynsparse.study.items import ENTRIES, ITEMS
from dynsparse.study.layout import ANY, JUDGED, Case, Study
from dynsparse.study.learned_items import Q4
from dynsparse.tables.table_robustness import Statistics

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
STUDY = Study(CONFIG, "results/default")
NAMES = list(ITEMS)
# Of studies that have several architectures, and several masks.
ARCHITECTURES = {"figure_architectures", "table_architectures", "table_recovery_matters"}
MASKS = {"figure_value", "table_value", "figure_wrong_edges"}


def named(source):
    module, _, name = source.partition(":")
    return getattr(import_module(f"dynsparse.{module}"), name)


@pytest.mark.parametrize("name", NAMES)
def test_a_function_takes_what_its_entry_gives(name):
    item = ITEMS[name]
    parameters = inspect.signature(inspect.unwrap(named(item.source))).parameters
    needed = {name for name, each in parameters.items() if each.default is each.empty}
    assert not set(item.reads) & set(item.settings)
    assert needed <= {*item.reads, *item.settings} <= set(parameters)


@pytest.mark.parametrize("name", NAMES)
def test_readers_take_paths_and_what_the_entry_gives(name):
    item = ITEMS[name]
    paths = item.inputs(STUDY)
    for argument, (reader, one, more) in item.called(STUDY).items():
        taken = inspect.signature(inspect.unwrap(named(reader)))
        taken.bind([], *more)
        assert len(paths[argument]) == 1 or not one
    inspect.signature(inspect.unwrap(named(item.writer))).bind(None, "")


def test_every_item_has_a_caption_and_every_caption_an_item():
    captions = {path.stem for path in (ROOT / "workflow/report").glob("*.rst")}
    assert captions == {item.caption or item.name for item in ENTRIES} | {"workflow"}


def test_names_are_given_once():
    assert len(ITEMS) == len(ENTRIES)
    rules = [name for item in ENTRIES for name in {item.rule, item.target}]
    assert len(rules) == len(set(rules))


def test_figures_and_tables_need_no_simulator():
    modules = {f"dynsparse.{module}" for item in ENTRIES for module in item.modules}
    code = "import sys\n" + "\n".join(f"import {module}" for module in sorted(modules))
    code += "\nassert not {'jax', 'mujoco', 'h5py', 'matplotlib.pyplot'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_registry_is_read_without_what_it_names():
    """Snakemake reads it once per job."""
    code = "import sys, dynsparse.study.items, dynsparse.study.layout\n"
    code += "assert not {'pyarrow', 'numpy', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_of_items_is_that_of_the_registry():
    """``python -m dynsparse.study.items > docs/items.md`` brings it up to date."""
    assert (ROOT / "docs/items.md").read_text() == items.listing()


def test_what_the_readme_calls_a_file_is_one():
    text = (ROOT / "README.md").read_text()
    stems = {item.outputs(STUDY)[item.formats[0]].split("/", 2)[2] for item in ENTRIES}
    stems = {re.sub(r"\{(\w+)\}", r"<\1>", stem).rsplit(".", 1)[0] for stem in stems}
    shown = set(re.findall(r"`((?:figures|tables)/[^`]+)\.(?:png|md)`", text))
    assert shown
    assert shown - stems == set()


def test_claims_are_judged_by_what_the_study_gives():
    assert Statistics._fields == JUDGED


def test_an_item_is_offered_where_its_files_are():
    names = {item.name for item in ENTRIES if item.offered(STUDY)}
    assert names == set(NAMES) - MASKS
    plain = {**CONFIG["learning"], "learners": {"a": {"architecture": "mlp"}}}
    offered = {e.name for e in ENTRIES if e.offered(Study({**CONFIG, "learning": plain}, "x"))}
    assert offered == set(NAMES) - MASKS - ARCHITECTURES
    unlearned = {**CONFIG, "learning": {**CONFIG["learning"], "environments": []}}
    left = {item.name for item in ENTRIES if item.offered(Study(unlearned, "results/default"))}
    gone = {item.name for item in ENTRIES if item.section == Q4}
    assert left == set(NAMES) - gone
    masked = [{"architecture": "masked", "mask": mask, "miss": 0.1} for mask in ("ones", "oracle")]
    several = {**CONFIG["learning"], "learners": {"a": {"architecture": "mlp"}}}
    several["learners"] |= dict(zip("bc", masked, strict=True))
    assert {e.name for e in ENTRIES if e.offered(Study({**CONFIG, "learning": several}, "x"))} == (
        set(NAMES)
    )
    random = {"CartpoleBalance": {"behaviours": ["random"]}}
    assert not ITEMS["learning_curves"].offered(Study({**CONFIG, "environments": random}, "x"))


def test_where_a_studys_files_are():
    study = Study({**CONFIG, "seeds": [3]}, "results/x", project="../dynsparse")
    case = Case("FingerSpin", "expert")
    assert study.data(case, 3) == "results/x/data/FingerSpin/expert/seed-3.h5"
    assert study.merged(case, "steps") == "results/x/merged/FingerSpin/expert/steps.parquet"
    assert study.published("table_1.csv") == "../dynsparse/resources/paper/table_1.csv"
    assert study.expert("FingerSpin", 3) == "../dynsparse/resources/experts/FingerSpin/seed-3"
    mine = Study({**CONFIG, "policies": {"expert": "mine/{environment}"}}, "results/x")
    assert mine.expert("FingerSpin", 3) == "mine/FingerSpin"
    assert study.beside("float32").merged(ANY, "steps").startswith("results/x-float32/merged/{")
    assert ITEMS["figure_3"].outputs(study, case) == {
        kind: f"results/x/figures/figure_3/FingerSpin-expert.{kind}" for kind in ("svg", "png")
    }

"""Statistics that are shipped: what is drawn of them, and what is refused."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from sparsity_fakes import count_elements, fake_dataset, fake_episode, steps_of

from dynsparse.configuration import resolve
from dynsparse.errors import DynsparseError
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.storage.tables import metadata_of, read_table, write_table
from dynsparse.study.items import ENTRIES, ITEMS, Q1, Q2, Q3
from dynsparse.study.layout import Study
from dynsparse.study.publishing import publish
from dynsparse.study.shipped import NAME, check_shipped, read_list, with_shipped
from dynsparse.suite import environment_names

ROOT = Path(__file__).parents[2]
RESOLVE = partial(
    resolve,
    schema=yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text()),
    environments=environment_names(),
)
# What the repository ships, and the study that draws it again.
WRITTEN = yaml.safe_load((ROOT / "config/published.yaml").read_text())
FOLDER = ROOT / WRITTEN["statistics"]
CONFIG = with_shipped(WRITTEN, FOLDER, RESOLVE)
STUDY = Study(CONFIG, "results/published", project=str(ROOT), home=str(ROOT))
OFFERED = {item.name: item for item in ENTRIES if item.offered(STUDY)}
# These were made by the study itself, and are in the repository too.
TABLES = sorted({path.stem for path in FOLDER.glob("*.csv")} & set(OFFERED))


def test_every_item_of_questions_1_to_3_is_drawn():
    asked = {item.name for item in ENTRIES if item.section in (Q1, Q2, Q3)}
    more = {"figure_1", "reproduction", "table_robustness", "table_thresholds"}
    assert set(OFFERED) == asked | more


def test_what_is_drawn_reads_what_is_shipped_and_the_papers_numbers():
    read = {
        path
        for item in OFFERED.values()
        for case in STUDY.cases
        for paths in item.inputs(STUDY, case).values()
        for path in paths
    }
    papers = {path for path in read if Path(path).is_relative_to(ROOT / "resources/paper")}
    assert read - papers == set(STUDY.shipping())


def test_what_the_repository_ships_is_whole_and_small():
    check_shipped(FOLDER, STUDY.shipping())
    files = list(FOLDER.rglob("*.parquet"))
    assert {str(path.relative_to(FOLDER)) for path in files} == set(read_list(FOLDER)["files"])
    assert sum(path.stat().st_size for path in files) < 5e6


DRAW = """
import json, sys
for name in ("jax", "mujoco", "h5py"):
    sys.modules[name] = None
from dynsparse.study.making import make
for arguments in json.load(sys.stdin):
    make(**arguments)
"""


def test_tables_drawn_again_are_the_studys_to_the_last_bit(tmp_path):
    """In an interpreter that has no simulator."""
    assert len(TABLES) >= 4
    jobs = [
        {
            "function": item.source,
            "reads": item.called(STUDY),
            "files": item.inputs(STUDY),
            "settings": item.given(CONFIG),
            "writer": item.writer,
            "output": str(tmp_path / f"{item.name}.parquet"),
        }
        for item in (OFFERED[name] for name in TABLES)
    ]
    subprocess.run([sys.executable, "-c", DRAW], input=json.dumps(jobs), text=True, check=True)
    for name in TABLES:
        assert (tmp_path / f"{name}.csv").read_bytes() == (FOLDER / f"{name}.csv").read_bytes()


def test_a_study_is_planned_without_a_reader_of_statistics():
    code = "import sys, dynsparse.study.shipped\n"
    code += "assert not {'pyarrow', 'numpy', 'jax', 'h5py'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def shipped(tmp_path):
    """A folder that is made of two statistics, beside these."""
    dataset = fake_dataset([fake_episode(0, np.ones((4, 2, 2)))])
    tables = {"elements": count_elements(dataset, [1e-12]), "steps": steps_of(dataset)}
    made = {}
    for kind, table in tables.items():
        name = f"merged/Twolink/random/{kind}.parquet"
        made[name] = tmp_path / "results" / name
        write_table(merge_seeds([table]), made[name])
    publish(made, tmp_path / "shipped", {"study": "small"}, {"commit": "abc"})
    return tmp_path / "shipped", made


def test_a_file_is_shipped_as_it_is_or_without_its_large_columns(shipped):
    folder, made = shipped
    elements, steps = made
    assert (folder / elements).read_bytes() == made[elements].read_bytes()
    before, after = read_table(made[steps], "steps"), read_table(folder / steps, "steps")
    assert set(before.column_names) - set(after.column_names) == {"reward", "time_s"}
    assert after.equals(before.select(after.column_names))
    assert metadata_of(after) == metadata_of(before)
    listed = read_list(folder)
    assert (listed["study"], listed["code"]) == ("small", {"commit": "abc"})
    check_shipped(folder, [folder / name for name in made])


def test_a_file_that_is_another_or_missing_is_refused(shipped):
    folder, (elements, steps) = shipped
    table = read_table(folder / elements, "elements")
    # Whole, and of the same kind: its own seal says nothing.
    write_table(table.slice(1), folder / elements)
    with pytest.raises(DynsparseError, match=r"elements\.parquet: is not the file that .* lists"):
        check_shipped(folder, [folder / steps, folder / elements])
    (folder / steps).unlink()
    with pytest.raises(DynsparseError, match=r"steps\.parquet: cannot be read: No such file"):
        check_shipped(folder, [folder / steps])
    with pytest.raises(DynsparseError, match=r"more\.parquet: cannot be read"):
        check_shipped(folder, [folder / "more.parquet"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no file .* name a folder that `snakemake publish` made"),
        ("{", "no list of statistics"),
        ("[]", "not dynsparse statistics 1"),
        ("null", "not dynsparse statistics 1"),
        ('{"format": "dynsparse statistics", "schema_version": 2}', "not dynsparse statistics 1"),
        ('{"format": "dynsparse statistics", "schema_version": 1}', "config and files"),
        (
            '{"format": "dynsparse statistics", "schema_version": 1, "config": {}, "files": [1]}',
            "config and files",
        ),
    ],
)
def test_a_folder_that_does_not_say_what_it_holds_is_refused(tmp_path, text, said):
    if text is not None:
        (tmp_path / NAME).write_text(text)
    with pytest.raises(DynsparseError, match=said):
        with_shipped(WRITTEN, tmp_path, RESOLVE)


@pytest.mark.parametrize("own", [{"seeds": [0]}, {"sparsity": {"threshold": 1e-9}}])
def test_other_settings_than_those_of_the_statistics_are_refused(own):
    (key,) = own
    with pytest.raises(DynsparseError, match=f"config: {key}: .* was made with other settings"):
        with_shipped({**WRITTEN, **own}, FOLDER, RESOLVE)


def test_computed_and_shipped_never_lie_in_one_folder():
    made = RESOLVE(json.loads((FOLDER / NAME).read_text())["config"])["study"]
    with pytest.raises(DynsparseError, match="config: study: .* a name of its own"):
        with_shipped({**WRITTEN, "study": made}, FOLDER, RESOLVE)


def test_the_same_settings_may_be_said_again():
    assert with_shipped(CONFIG, FOLDER, RESOLVE) == CONFIG
    made = RESOLVE(json.loads((FOLDER / NAME).read_text())["config"])
    own = {"study": "published", "statistics": WRITTEN["statistics"]}
    assert {**made, **own} == CONFIG


def test_a_study_that_computes_its_statistics_has_all_items():
    assert not Study({**CONFIG, "statistics": "computed"}, "x").shipped
    assert not Study({}, "x").shipped
    assert {"summary", "table_a1_1", "table_8", "verification"} <= set(ITEMS)
    computed = Study(RESOLVE({"study": "x"}), "x", project=str(ROOT))
    for name in ("summary", "table_a1_1", "table_8", "verification"):
        assert ITEMS[name].offered(computed)
        assert name not in OFFERED

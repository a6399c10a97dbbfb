"""docs/python.md runs as it stands, on a small study made without a simulator."""

import re
from pathlib import Path

import api_fakes
import numpy as np
import pytest

import dynsparse as ds
from dynsparse.storage.tables import write_table
from dynsparse.tables.writing import write_item

PAGE = (Path(__file__).parents[2] / "docs/python.md").read_text()
BLOCK = re.compile(r"(<!-- not run: ([^>]*) -->\n)?```python\n(.*?)```", re.DOTALL)
CASE = {"environments": {"CartpoleBalance": {"behaviours": ["expert"]}}, "study": "default"}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """What the page speaks of, in the working directory."""
    folder = tmp_path / "results/default"
    api_fakes.write_study(folder, **CASE)
    whole = ds.load(folder)
    found = ds.zeros(whole["CartpoleBalance", "expert"])
    for kind in ("elements", "steps"):
        write_table(getattr(found, kind), folder / f"merged/CartpoleBalance/expert/{kind}.parquet")
    write_item(whole.make("table_1"), str(folder / "tables/table_1.parquet"))
    monkeypatch.chdir(tmp_path)
    return whole


def test_the_page_runs(study, capsys):
    names = {}
    for _, _, code in (block for block in BLOCK.findall(PAGE) if not block[0]):
        exec(compile(code, "docs/python.md", "exec"), names)
    assert names["share"].shape == (6,)
    assert len(names["table"]) == 1
    assert list(names["found"].elements["zeros"].to_pylist()) == [0, 100, 100, 0, 0, 0]
    assert len(names["whole"]) == 8
    assert "rad/s" in capsys.readouterr().out


def test_the_first_block_prints_a_named_element_in_five_lines(study, capsys):
    first = BLOCK.search(PAGE)[3]
    assert len([line for line in first.splitlines() if line.strip()]) == 5
    exec(first, {})
    expected = study[("CartpoleBalance", "expert")][1].jacobian("qvel:hinge_1", "ctrl:slide")
    assert capsys.readouterr().out == f"{np.asarray(expected)}\n"


def test_what_is_not_run_says_what_it_needs():
    left_out = [reason for marked, reason, _ in BLOCK.findall(PAGE) if marked]
    assert len(left_out) == 3
    assert all(reason.startswith("needs ") for reason in left_out)
    for _, _, code in BLOCK.findall(PAGE):
        compile(code, "docs/python.md", "exec")
        for name in re.findall(r"\bds\.(\w+)", code):
            assert name in {*ds.__all__, "torch"}


def test_every_public_function_is_on_the_page():
    for name in ("load", "zeros", "simulator", "environment_names", "torch", "DynsparseError"):
        assert f"ds.{name}" in PAGE or f"dynsparse.{name}" in PAGE

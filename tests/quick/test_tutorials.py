"""The tutorials run as they stand, and print what they say, on a study made without a simulator."""

import re
from pathlib import Path

import api_fakes
import pytest

import dynsparse as ds
from dynsparse.storage.tables import write_table
from dynsparse.tables.writing import write_item

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("tutorial-*.md"))
# A block of code, and what it prints, if that follows.
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
CASE = {"environments": {"CartpoleBalance": {"behaviours": ["expert"]}}, "study": "quick"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The folder in which results/quick lies."""
    root = tmp_path_factory.mktemp("project")
    folder = root / "results/quick"
    api_fakes.write_study(folder, **CASE)
    study = ds.load(folder)
    found = ds.zeros(study["CartpoleBalance", "expert"])
    write_table(found.elements, folder / "merged/CartpoleBalance/expert/elements.parquet")
    write_item(study.make("table_1"), str(folder / "tables/table_1.parquet"))
    return root


@pytest.mark.parametrize("page", [*PAGES, DOCS / "index.md"], ids=lambda page: page.stem)
def test_a_tutorial_runs_and_prints_what_it_says(page, project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    names, blocks = {}, BLOCK.findall(page.read_text(encoding="utf-8"))
    assert blocks
    for code, shown in blocks:
        exec(compile(code, page.name, "exec"), names)
        assert shown in capsys.readouterr().out


def test_there_are_tutorials_and_each_shows_what_it_prints():
    assert [page.stem.partition("-")[2] for page in PAGES] == ["open", "own", "score", "sparse"]
    for page in PAGES:
        assert any(shown for _, shown in BLOCK.findall(page.read_text(encoding="utf-8")))


def test_the_first_page_prints_a_named_element_in_five_lines():
    ((code, _),) = BLOCK.findall((DOCS / "index.md").read_text(encoding="utf-8"))
    assert len([line for line in code.splitlines() if line.strip()]) == 5


def test_every_public_name_is_on_the_page_of_the_api():
    named = set(re.findall(r"auto\w+:: (\w+)", (DOCS / "api.md").read_text(encoding="utf-8")))
    assert named == set(ds.__all__) - {"__version__"}

"""Tables in documents: what a block shows is what the shipped CSV file holds."""

import subprocess
from pathlib import Path

import pytest

from dynsparse.errors import DynsparseError
from dynsparse.tables.blocks import filled, names, refresh, shown

PROJECT = Path(__file__).parents[2]
SHIPPED = PROJECT / "docs" / "results"
BLOCK = """Before.

<!-- table: default/pets
rows: legs=4, tame=true
columns: name, legs_length_m
-->
<!-- end -->

After.
"""


def tracked(pattern):
    command = ["git", "-C", str(PROJECT), "ls-files", pattern]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return [PROJECT / name for name in listed.stdout.splitlines()]


@pytest.fixture
def shipped(tmp_path):
    folder = tmp_path / "shipped" / "default"
    folder.mkdir(parents=True)
    (folder / "pets.csv").write_text(
        "name,legs,tame,legs_length_m\nCat,4,true,0.25\nWolf,4,false,0.8\nHen,2,true,\n"
    )
    return folder.parent


def test_every_document_shows_what_the_shipped_tables_hold():
    documents = tracked("*.md")
    assert PROJECT / "docs" / "reproduction.md" in documents
    stale = [
        document.name
        for document in documents
        if filled(document.read_text(encoding="utf-8"), SHIPPED)
        != document.read_text(encoding="utf-8")
    ]
    assert not stale, "run `dynsparse blocks docs/*.md README.md`"


def test_every_shipped_table_is_shown_somewhere():
    shown_somewhere = {name for path in tracked("*.md") for name in names(path.read_text("utf-8"))}
    files = {str(p.relative_to(SHIPPED).with_suffix("")) for p in SHIPPED.rglob("*.csv")}
    assert files == shown_somewhere


def test_a_block_has_the_rows_and_columns_that_it_asks_for(shipped):
    text = filled(BLOCK, shipped)
    assert [line.replace(" ", "") for line in text.splitlines() if line.startswith("|")] == [
        "|name|legslengthm|",
        "|--------|-----------------|",
        "|Cat|0.25|",
    ]
    assert text.startswith("Before.\n\n<!-- table: default/pets\nrows:")
    assert text.endswith("<!-- end -->\n\nAfter.\n")
    assert filled(text, shipped) == text


def test_a_condition_may_have_alternatives_and_commas(shipped):
    path = shipped / "default" / "pets.csv"
    path.write_text(path.read_text() + '"Hen, stuffed",0,true,\n')
    asked = BLOCK.replace("legs=4, tame=true", "name=Cat|Hen, stuffed|Wolf, tame=true")
    lines = [line for line in filled(asked, shipped).splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip() for line in lines] == ["name", "Cat", "Hen, stuffed"]
    with pytest.raises(DynsparseError, match="has no such rows: name=Dog"):
        filled(BLOCK.replace("legs=4", "name=Cat|Dog"), shipped)


def test_what_changes_in_the_table_changes_in_the_block(shipped):
    text = filled(BLOCK, shipped)
    path = shipped / "default" / "pets.csv"
    path.write_text(path.read_text().replace("0.25", "0.31"))
    assert filled(text, shipped) == text.replace("0.25", "0.31")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("<!-- end -->", "", "has no <!-- end -->"),
        ("default/pets", "default/stones", "stones.csv: not to be read"),
        ("legs=4", "legs=5", "no such rows: legs=5"),
        ("legs=4", "arms=4", "no column 'arms'"),
        ("columns: name", "columns: age", "no column 'age'"),
        ("rows:", "lines:", "'lines' is none of rows, columns"),
    ],
)
def test_a_block_that_cannot_be_filled_is_one_line(shipped, before, after, message):
    with pytest.raises(DynsparseError, match=message):
        filled(BLOCK.replace(before, after), shipped)


def test_the_tables_of_a_study_are_taken_over(shipped, tmp_path):
    document, tables = tmp_path / "a.md", tmp_path / "results" / "default" / "tables"
    document.write_text(BLOCK)
    with pytest.raises(DynsparseError, match="pets.csv: no such file, but a document shows"):
        refresh([document], shipped, tables.parent)
    tables.mkdir(parents=True)
    (tables / "pets.csv").write_text("name,legs,tame,legs_length_m\nDog,4,true,0.5\n")
    refresh([document], shipped, tables.parent)
    assert "| Dog " in document.read_text() and "Cat" not in document.read_text()
    assert "Dog" in (shipped / "default" / "pets.csv").read_text()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (17.0, "17"),
        (0.99998, "0.99998"),
        (97.456, "97.46"),
        (2.071234, "2.071"),
        (4712.3, "4712"),
        (4e-13, "4e-13"),
        (7, "7"),
    ],
)
def test_a_value_keeps_the_digits_that_matter(value, text):
    assert shown(value) == text

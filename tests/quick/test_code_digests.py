"""The list of sources changes with what they say, and with nothing else."""

import ast
import os

import pytest

from dynsparse.running import code_digests
from dynsparse.storage.files import sha256


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A library of four modules, of which ``apart`` is imported by none."""
    files = {
        "__init__.py": "",
        "top.py": "import os\nfrom dynsparse.room import thing\n",
        "room/__init__.py": "from dynsparse.room.inner import x\n",
        "room/inner.py": "x = 1\n",
        "apart.py": "",
    }
    for name, text in files.items():
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1000, 1000))
    monkeypatch.setattr(code_digests, "PACKAGE", tmp_path / "package")
    code_digests.imports_of.cache_clear()
    return tmp_path / "package"


def names(path):
    return [line.split()[1] for line in path.read_text().splitlines()]


def test_everything_imported_is_listed_with_its_digest(package, tmp_path):
    listed = code_digests.source_list(tmp_path / "lists", "top")
    assert names(listed) == ["room/__init__.py", "room/inner.py", "top.py"]
    assert f"{sha256(package / 'room/inner.py')}  room/inner.py\n" in listed.read_text()


def test_the_list_is_as_old_as_its_youngest_source(package, tmp_path):
    os.utime(package / "top.py", (2000, 2000))
    assert code_digests.source_list(tmp_path, "top").stat().st_mtime == 2000


def test_a_touch_changes_nothing_and_an_edit_does(package, tmp_path):
    first = code_digests.source_list(tmp_path, "top")
    before = (first.read_text(), first.stat().st_mtime_ns)
    (package / "room/inner.py").touch()
    same = code_digests.source_list(tmp_path, "top")
    assert (same.read_text(), same.stat().st_mtime_ns) == before
    (package / "room/inner.py").write_text("x = 2\n")
    edited = code_digests.source_list(tmp_path, "top")
    assert edited.read_text() != before[0]
    assert edited.stat().st_mtime_ns > before[1]


def test_an_edit_of_what_is_not_imported_changes_nothing(package, tmp_path):
    before = code_digests.source_list(tmp_path, "top").read_text()
    (package / "apart.py").write_text("y = 1\n")
    assert code_digests.source_list(tmp_path, "top").read_text() == before


def by_parsing(source):
    """What Python's parser finds of all that a file imports from the library."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{source}: relative"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.partition(".")[0] == "dynsparse"}


def test_what_the_library_imports_is_what_pythons_parser_finds():
    sources = sorted(code_digests.PACKAGE.rglob("*.py"))
    found = {source: set(code_digests.imports_of(source)) for source in sources}
    assert sum(map(len, found.values())) > len(sources)
    assert {source: by_parsing(source) for source in sources} == found

"""Statistics are made fit for shipping: small, and with a list of their digests."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dynsparse.storage.files import sha256, whole_file
from dynsparse.storage.tables import read_table, write_table
from dynsparse.study.layout import SHIPPED
from dynsparse.study.shipped import FORMAT, NAME, VERSION


def publish(
    files: Mapping[str, Path | str],
    folder: Path | str,
    config: Mapping[str, Any],
    code: Mapping[str, Any],
) -> None:
    """Write a folder of statistics that a study with ``statistics: <folder>`` draws again.

    Args:
        files: path in the folder -> the file of a finished study. Columns that are too large are
            left out; a file that has none is copied byte by byte.
        folder: where to.
        config: the study's configuration.
        code: what ``provenance.code_state`` says of the code that made them.

    Raises:
        DynsparseError: a file is missing or damaged, or cannot be written.
    """
    folder = Path(folder)
    for name, source in files.items():
        with_less(source, folder / name)
    about = {
        "format": FORMAT,
        "schema_version": VERSION,
        "study": config["study"],
        "code": dict(code),
        "config": dict(config),
        "files": {name: sha256(folder / name) for name in sorted(files)},
    }
    with whole_file(folder / NAME) as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n")


def with_less(source: Path | str, target: Path) -> None:
    """Write a statistic without the columns that are not shipped."""
    kind = Path(source).stem
    table = read_table(source, kind)
    left_out = SHIPPED.get(kind, ())
    if left_out:
        write_table(table.drop_columns(list(left_out)), target)
        return
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)

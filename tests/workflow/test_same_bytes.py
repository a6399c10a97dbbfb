"""Items do not depend on the order in which the rows of their inputs were written."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from tiny_learning import COLLECTION, TINY

from dynsparse.storage.tables import METADATA_KEY, write_table
from dynsparse.study.items import ENTRIES
from dynsparse.study.layout import ANY, Study
from dynsparse.study.making import make_apart


def shuffled(path, seed):
    """Write a table's rows in another order."""
    table = pq.read_table(path)
    order = np.random.default_rng(seed).permutation(table.num_rows)
    write_table(table.take(order).replace_schema_metadata(table.schema.metadata), path)
    return METADATA_KEY in table.schema.metadata


def jobs(study):
    """Every item of a study that reads its files alone, case by case."""
    for item in ENTRIES:
        if item.offered(study) and item.alone(study):
            for case in study.cases if item.per_case else [ANY]:
                yield item, case


def made(job, study, folder):
    """The files of one item, made in an interpreter of its own, as bytes."""
    item, case = job
    names = item.outputs(study, case)
    output = folder / Path(names[item.formats[0]].format(**case._asdict())).name
    files = {
        name: [path.format(**case._asdict()) for path in paths]
        for name, paths in item.inputs(study, case).items()
    }
    said = make_apart(
        function=item.source,
        reads=item.called(study),
        files=files,
        settings=item.given(study.config),
        writer=item.writer,
        output=str(output),
    )
    assert said == "", f"{item.name}: {said}"
    return [output.with_suffix(f".{kind}").read_bytes() for kind in item.formats]


@pytest.fixture(scope="module")
def everything(project):
    """A study that makes every kind of item: those of learning, and those that are asked for."""
    study = project.variant(study="bytes", collection=COLLECTION, learning=TINY)
    offers = Study(yaml.safe_load(study.config.read_text()), str(study.results))
    study.snakemake(
        "all", *(item.target for item in ENTRIES if item.asked and item.offered(offers))
    )
    return study


@pytest.mark.slow
def test_shuffled_rows_give_the_same_bytes(everything, tmp_path):
    config = yaml.safe_load((everything.results / "config.yaml").read_text())
    copy = tmp_path / "copy"
    shutil.copytree(everything.results, copy)
    tables = [path for room in ("merged", "learning") for path in copy.glob(f"{room}/**/*.parquet")]
    tables.append(copy / "structure.parquet")
    assert all(shuffled(path, seed) for seed, path in enumerate(tables)) and len(tables) > 20
    folders = [tmp_path / name for name in ("once", "again")]
    studies = [
        Study(config, str(folder), str(everything.root)) for folder in (everything.results, copy)
    ]
    wanted = list(jobs(studies[0]))
    assert len(wanted) > 25

    def differs(job):
        for folder in folders:
            (folder / job[0].name).mkdir(parents=True, exist_ok=True)
        first, second = (
            made(job, study, folder / job[0].name)
            for study, folder in zip(studies, folders, strict=True)
        )
        return first != second

    with ThreadPoolExecutor(2) as pool:
        different = [
            job[0].name for job, no in zip(wanted, pool.map(differs, wanted), strict=True) if no
        ]
    assert not different

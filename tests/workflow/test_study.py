"""The real DAG on a micro study: what is made, and what is made again."""

import csv
import os
import re
import zipfile
from pathlib import Path

import pytest
import yaml

from dynsparse.dataset import open_dataset
from dynsparse.study.items import ENTRIES
from dynsparse.study.layout import ANY, Study
from dynsparse.study.statistics import described

# Whoever uses the finished study shares a worker with it.
pytestmark = pytest.mark.xdist_group("micro")


@pytest.fixture
def edit(finished):
    """``edit(path)``: add a comment to a module; it is put back with its times."""
    kept = {}

    def append(path):
        kept[path] = (path.read_bytes(), path.stat())
        with path.open("a") as stream:
            stream.write("\n# An edit.\n")

    yield append
    for path, (content, stat) in kept.items():
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_the_default_study_has_a_job_per_file_and_stage(project):
    jobs = project.study("config/config.yaml").planned()
    per_file = ["collect_jacobians", "verify_jacobians", "measure_memory", "measure_patterns"]
    assert {rule: jobs[rule] for rule in per_file} == dict.fromkeys(per_file, 8 * 2)
    per_case = ["describe_patterns", "merge_patterns", "merge_verification", "merge_memory"]
    assert {rule: jobs[rule] for rule in per_case} == dict.fromkeys(per_case, 8)
    assert jobs["model_structure"] == 1
    items = ["table_1", "table_a1_1", "verification", "learning_curves"]
    items += [f"figure_{k}" for k in (5, 6, 7)]
    assert {rule: jobs[rule] for rule in items} == dict.fromkeys(items, 1)
    assert jobs["draw_figure_3"] == 8
    assert "train_expert" not in jobs


def test_inputs_are_redrawn_only_where_it_is_asked_for(project):
    study = project.study("config/architectures.yaml")
    asked = study.planned("table_influence")
    jobs = ("measure_influence", "merge_influence", "table_influence")
    assert [asked[name] for name in jobs] == [6, 3, 1]
    assert "measure_influence" not in study.planned()


def test_inputs_are_moved_only_where_it_is_asked_for(project):
    study = project.study("config/behaviours.yaml")
    asked = study.planned("table_interventions")
    jobs = ("move_inputs", "score_moved_controls", "score_moved_networks")
    assert [asked[name] for name in jobs] == [3, 3, 3 * 5]
    assert not set(jobs) & set(study.planned())


def test_the_papers_study_has_40_files(project):
    """What is not shipped is trained: of the five seeds two."""
    jobs = project.study("config/paper.yaml").planned()
    assert jobs["collect_jacobians"] == jobs["verify_jacobians"] == 8 * 5
    assert jobs["train_expert"] == 8 * 2
    assert jobs["merge_patterns"] == jobs["describe_patterns"] == 8
    assert jobs["table_1"] == jobs["figure_7"] == 1


def test_a_study_makes_every_item(finished):
    study = Study(yaml.safe_load(finished.config.read_text()), str(finished.results))
    offered = [item for item in ENTRIES if item.offered(study) and not item.asked]
    assert len(offered) > 20
    made = [
        Path(path)
        for item in offered
        for case in (study.cases if item.per_case else [ANY])
        for path in item.outputs(study, case).values()
    ]
    assert [path for path in made if not path.stat().st_size] == []
    for path in made:
        if path.suffix == ".svg":
            assert path.read_text().rstrip().endswith("</svg>")
        if path.suffix == ".png":
            picture = path.read_bytes()
            assert picture.startswith(b"\x89PNG")
            assert b"IEND" in picture[-12:]
    names = [path.name for path in finished.results.rglob("*")]
    assert [name for name in names if name.startswith(".") or name.endswith(".partial")] == []


def test_the_report_holds_every_item(finished):
    with zipfile.ZipFile(finished.root / "results/micro/report.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        pages = [archive.read(name).decode() for name in names if name.endswith((".html", ".js"))]
    assert [name for name in names if name.endswith("report.html")]
    study = Study(yaml.safe_load(finished.config.read_text()), str(finished.results))
    titles = [item.title for item in ENTRIES if item.offered(study) and not item.asked]
    text = "\n".join(pages)
    assert [title for title in titles if title not in text] == []


def test_table_1_of_cartpole_on_its_track(finished):
    with open_dataset(
        finished.root / "results/micro/data/CartpoleBalance/random/seed-0.h5"
    ) as data:
        episodes = list(data.episodes())
    assert all(episode.jacobian_ok.all() for episode in episodes)
    assert not any(episode.constraint_active.any() for episode in episodes)
    with (finished.root / "results/micro/tables/table_1.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    # The cart's position moves nothing but itself; ERRATA of the paper say why it has 0.
    assert (row["state_zero_elements"], row["paper_state_zero_elements"]) == ("3", "0")
    assert (row["state_dim"], row["action_dim"], row["behaviour"]) == ("4", "1", "random")
    assert (row["samples"], row["excluded_samples"]) == ("60", "0")


def test_nothing_changed_nothing_runs(finished):
    assert finished.planned("all", "report") == {}


def test_a_deleted_figure_takes_one_job(finished):
    figures = finished.root / "results/micro/figures"
    for kind in ("svg", "png"):
        (figures / f"figure_5.{kind}").unlink()
    output = finished.snakemake("figure_5").stdout
    assert rules_run(output) == ["figure_5"]
    assert (figures / "figure_5.svg").is_file()
    assert (figures / "figure_5.png").is_file()
    assert finished.planned("figure_5") == {}


@pytest.mark.thorough
def test_an_edit_of_durations_reruns_what_depends_on_it(finished):
    with (finished.root / "src/dynsparse/sparsity/durations.py").open("a") as module:
        module.write("\n# An edit.\n")
    output = finished.snakemake().stdout
    study = Study(yaml.safe_load(finished.config.read_text()), "")
    (case,) = study.cases
    counted = {*described(study, case).values()}
    drawn = [
        item.rule
        for item in ENTRIES
        if item.offered(study) and not item.asked
        if counted & {path for paths in item.inputs(study, case).values() for path in paths}
    ]
    assert {"figure_7", "table_durations", "reproduction"} <= {*drawn} < {i.rule for i in ENTRIES}
    assert rules_run(output) == sorted(["all", "manifest", "describe_patterns", *drawn])
    assert finished.planned() == {}


def test_a_touch_reruns_nothing(finished):
    (finished.root / "src/dynsparse/sparsity/durations.py").touch()
    (finished.root / "src/dynsparse/collection.py").touch()
    assert finished.planned() == {}


@pytest.mark.parametrize(
    ("module", "stage"),
    [
        ("jacobians/methods", "collect_jacobians"),
        ("mjx_internals/rules", "collect_jacobians"),
        ("dataset/writer", "collect_jacobians"),
        ("dataset/reader", "measure_patterns"),
        ("verification/differences", "verify_jacobians"),
        ("figures/style", "figure_6"),
    ],
)
def test_an_edit_of_a_module_is_seen_by_the_stage_that_imports_it(finished, edit, module, stage):
    edit(finished.root / f"src/dynsparse/{module}.py")
    assert stage in finished.planned()


ENTRY = """
ENTRIES.append(Figure("figure_added", "Added", Q1, reads={"steps": merged("steps")}))
ITEMS["figure_added"] = ENTRIES[-1]
"""


def test_a_figure_is_a_module_an_entry_and_a_caption(finished):
    """It is made, and nothing else but what lists all items; without it, all is as before."""
    source, entry = finished.root / "src/dynsparse", finished.root / "src/dynsparse/study/items.py"
    kept, before = entry.read_bytes(), entry.stat()
    module = source / "figures/figure_added.py"
    module.write_text(
        (source / "figures/figure_5.py").read_text().replace("def figure_5(", "def figure_added(")
    )
    caption = finished.root / "workflow/report/figure_added.rst"
    caption.write_text("What is added.\n")
    try:
        head, mark, tail = kept.decode().partition('\n\nif __name__ == "__main__":')
        entry.write_text(head + ENTRY + mark + tail)
        assert finished.planned() == {"figure_added": 1, "manifest": 1, "all": 1}
        finished.snakemake("figure_added")
        assert (finished.results / "figures/figure_added.svg").is_file()
    finally:
        entry.write_bytes(kept)
        os.utime(entry, ns=(before.st_atime_ns, before.st_mtime_ns))
        for path in (module, caption, *finished.results.glob("figures/figure_added.*")):
            path.unlink()
    assert finished.planned() == {}


def rules_run(output):
    return sorted(re.findall(r"^(?:local)?rule (\w+):", output, re.M))

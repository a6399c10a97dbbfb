"""Predictions and cards of people one does not know: one clear line, before memory is taken."""

import io
import json
import pickle
import subprocess
import sys
import warnings
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest
from benchmark_fakes import DEFINITION, everything, write_files
from click.testing import CliRunner
from test_api_strangers import little_memory  # noqa: F401  # a fixture

import dynsparse as ds
from dynsparse.benchmark.card import MOST_BYTES, make_card, read_card
from dynsparse.benchmark.entries import mismatch
from dynsparse.benchmark.leaderboard import write_leaderboard
from dynsparse.benchmark.predictions import given_predictions
from dynsparse.benchmark.task_files import make_task, read_task, write_task
from dynsparse.cli import LAST_SEED, main

HOSTILE = "<script>alert(1)</script>|[x](javascript:alert(1))\n\x1b[31m\"'`"


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return make_task(DEFINITION, write_files(tmp_path_factory.mktemp("slider")))


@pytest.fixture(scope="module")
def evaluator(task):
    return ds.Evaluator(task)


@pytest.fixture(params=["x.h5", "x.npz"])
def path(request, tmp_path):
    return tmp_path / request.param


def written(path, task, /, drop=(), **changes):
    """A prediction file as a stranger writes it: nothing is checked."""
    good = path.with_name(f"good-{path.name}")
    ds.Evaluator(task).write(good, everything(task), "mine")
    texts = dict.fromkeys(("format", "task", "dataset", "method", "privileged"))
    if path.suffix == ".npz":
        with np.load(good) as file:
            content = dict(file)
    else:
        with h5py.File(good) as file:
            content = {**dict(file.attrs), **{name: file[name][()] for name in file}}
    content = {name: v for name, v in {**content, **changes}.items() if name not in drop}
    if path.suffix == ".npz":
        np.savez(path, **content)
    else:
        with h5py.File(path, "w") as file:
            for name, value in content.items():
                if name in texts:
                    file.attrs[name] = value
                else:
                    file[name] = value
    return path


def refused(evaluator, path, message):
    with pytest.raises(ds.DynsparseError, match=message) as caught:
        evaluator.score(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "Nothing-1"}, "task 'Nothing-1' should be 'Slider-random-1'"),
        ({"dataset": "0" * 64}, f"dataset '{'0' * 64}' should be"),
        ({"format": "something"}, "no prediction file: its format is not"),
        ({"method": ""}, "method: a name of 1 to 200 characters is needed"),
        ({"method": "x" * 201}, "method: a name of 1 to 200 characters is needed"),
        ({"privileged": "zeros-trian"}, "privileged: 'zeros-trian' .*mean 'zeros-train'?"),
        ({"influence": np.zeros((160, 3, 3))}, r"influence: \(160, 3, 3\) should be \(160, 3, 4\)"),
        ({"influence": np.zeros((160, 3, 4), "S3")}, "influence: .* should be real numbers"),
        ({"influence": np.zeros((160, 3, 4), complex)}, "influence: complex128 should be real"),
        (
            {"edge": np.full((160, 3, 4), 2)},
            "edge: 160 rows are neither 0 nor 1, the first is seed",
        ),
        ({"probability": np.full((160, 3, 4), 1.5)}, "probability: 160 rows are not between 0 and"),
        ({"regime": np.zeros(160)}, "regime: float64 should be whole numbers"),
        ({"next_state": np.full((160, 3), np.inf)}, "next_state: 160 rows are not finite"),
        ({"egde": np.zeros(3)}, "array 'egde' does not exist; did you mean 'edge'?"),
        (
            {"seed": np.zeros(159, int)},
            r"seed has rows \(159,\), and task Slider-random-1 asks for",
        ),
        ({"rollout_step": np.full(42, 39)}, "rollout_seed: seed 0, .* step 39 comes more than"),
        ({"rollout_step": np.arange(42) + 5}, "rollout_seed: seed 0, .*is asked for, and is not"),
        ({"rollout_step": np.zeros(3, int)}, r"rollout_step has rows \(3,\), and task Slider"),
        ({"rollout": np.zeros((42, 7, 3))}, r"rollout: \(42, 7, 3\) should be \(42, 20, 3\)"),
        *(
            ({name: np.full((160, *shape), -1e200)}, f"{name}: 160 rows are larger than 1e.100")
            for name, shape in (("influence", (3, 4)), ("next_state", (3,)), ("jacobian", (3, 4)))
        ),
    ],
)
def test_what_does_not_fit_is_one_line(evaluator, path, changes, message):
    refused(evaluator, written(path, evaluator.task, **changes), message)


def test_what_is_handed_over_in_python_gets_one_line_too(task, tmp_path):
    """In a process of its own: while tests run, types are checked."""
    write_task(task, tmp_path / "task.npz")
    asked = {
        "influence: cannot be made an array: ": ["{'influence': [[1.0], [1.0, 2.0]]}"],
        "influence holds Python objects": ["{'influence': None}"],
        "influence is missing": ["{}"],
        "array 3 does not exist": ["{3: ones}"],
        "predictions: a file, or arrays by name": ["ones", "None", "3"],
        "method: a name of 1 to 200 characters is needed": [
            *(f"good, {method!r}" for method in (3, None, b"mine", "", "x" * 201, "a\0b", "\udc80"))
        ],
        "should be a list of names, such as ['zeros-train']": [
            *(f"good, 'x', {told!r}" for told in ("zeros-train", b"a", None, 3, [3], [None]))
        ],
        "'zeros-trian' does not exist; did you mean": ["good, 'x', ['zeros-trian']"],
    }
    code = f"""
import numpy as np, dynsparse as ds
evaluator = ds.Evaluator({str(tmp_path / "task.npz")!r})
ones = np.ones(evaluator.task.asked.zero.shape)
good = dict(influence=ones)
for wanted, calls in {asked!r}.items():
    for call in calls:
        try:
            eval(f"evaluator.score({{call}})")
        except ds.DynsparseError as error:
            assert wanted in str(error) and str(error).isprintable(), (call, error)
        else:
            raise AssertionError(call)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("method", ["a\0b", "\udc80"])
def test_a_name_that_no_format_can_hold_is_refused_before_a_file_is_written(
    evaluator, path, method
):
    with pytest.raises(ds.DynsparseError, match="method: a name of 1 to 200 characters"):
        evaluator.write(path, everything(evaluator.task), method)
    assert not path.exists()


def test_a_tensor_that_does_not_let_go_of_its_numbers(evaluator):
    class Tensor:
        def __array__(self, *_, **__):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    with pytest.raises(ds.DynsparseError, match="influence: cannot be made an array: Can't call"):
        evaluator.score({"influence": Tensor()})


def test_an_array_that_is_twice_in_an_npz(evaluator, tmp_path):
    path = written(tmp_path / "x.npz", evaluator.task)
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("influence.npy", archive.read("influence.npy"))
    refused(evaluator, path, "influence is there 2 times")


def test_rows_that_are_not_numbers(evaluator, path):
    influence = everything(evaluator.task)["influence"]
    influence[7, 1, 2] = np.nan
    key = ", ".join(
        f"{name} {value}"
        for name, value in zip(
            ("seed", "episode", "step"), evaluator.task.asked.keys[7], strict=True
        )
    )
    written(path, evaluator.task, influence=influence)
    refused(evaluator, path, f"influence: 1 rows are not finite, the first is {key}$")


def test_rows_that_are_missing_or_come_twice(evaluator, path):
    step = evaluator.task.asked.step.copy()
    step[3] = step[2]
    refused(evaluator, written(path, evaluator.task, step=step), "step 2 comes more than once")
    step[3] = 10**6
    refused(evaluator, written(path, evaluator.task, step=step), "step 3 is asked for, and is not")


@pytest.mark.parametrize("name", ["influence", "seed", "step", "rollout_step"])
def test_arrays_that_are_missing(evaluator, path, name):
    refused(evaluator, written(path, evaluator.task, drop=[name]), f"{name} is missing")


def test_an_unknown_task_is_named(task, path):
    done = CliRunner().invoke(main, ["score", str(written(path, task)), "--check"])
    assert done.exit_code == 1
    assert "error: task 'Slider-random-1' is neither shipped nor a file; did you" in done.output


def test_the_command_says_in_one_line_what_is_wrong(task, path, tmp_path):
    write_task(task, tmp_path / "task.npz")
    written(path, task, influence=np.full((160, 3, 4), np.nan))
    for options in ((), ("--check",)):
        done = CliRunner().invoke(
            main, ["score", str(path), "--task", str(tmp_path / "task.npz"), *options]
        )
        assert done.exit_code == 1
        assert done.output.startswith(f"error: {path}: influence: 160 rows are not finite")
        assert done.output.count("\n") == 1
    assert not path.with_name(f"{path.name}.json").exists()


class Trap:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (self.file, "w")


@pytest.mark.parametrize("name", ["influence", "seed", "method", "regime"])
def test_no_object_is_unpickled(evaluator, tmp_path, name):
    path, trap = tmp_path / "x.npz", tmp_path / "sprung"
    objects = np.empty(160, object)
    objects[:] = [Trap(str(trap))] * 160
    written(path, evaluator.task, **{name: objects})
    refused(evaluator, path, f"{name} holds Python objects|{name} is no text")
    path.write_bytes(pickle.dumps(Trap(str(trap))))
    refused(evaluator, path, "neither HDF5 nor npz")
    assert not trap.exists()


def claiming(path, task, name, header, start=None):
    """An npz whose array ``name`` claims what ``header`` says, or begins with ``start``."""
    good = written(path.with_name("whole.npz"), task)
    stream = io.BytesIO(start or b"")
    if not start:
        np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w") as new:
        for item in old.namelist():
            new.writestr(item, stream.getvalue() if item == f"{name}.npy" else old.read(item))
    return path


@pytest.mark.parametrize("name", ["influence", "seed", "rollout"])
def test_a_billion_rows_in_npz(evaluator, tmp_path, name, little_memory):  # noqa: F811
    shape = (10**9, 3, 4)[: {"seed": 1}.get(name, 3)]
    header = {"shape": shape, "fortran_order": False, "descr": "<i8" if name == "seed" else "<f8"}
    path = claiming(tmp_path / "x.npz", evaluator.task, name, header)
    refused(evaluator, path, f"{name}.*1000000000")


def test_a_billion_rows_in_hdf5(evaluator, tmp_path, little_memory):  # noqa: F811
    for name in ("influence", "seed", "rollout"):
        path = written(tmp_path / f"{name}.h5", evaluator.task, drop=[name])
        with h5py.File(path, "r+") as file:
            tail = () if name == "seed" else (3, 4)
            file.create_dataset(name, (10**9, *tail), "i8" if name == "seed" else "f8", chunks=True)
        refused(evaluator, path, f"{name}.*1000000000")


def test_a_chunk_that_is_larger_than_its_array(evaluator, tmp_path, little_memory):  # noqa: F811
    path = written(tmp_path / "x.h5", evaluator.task, drop=["influence"])
    with h5py.File(path, "r+") as file:
        file.create_dataset(
            "influence", (160, 3, 4), "f8", maxshape=(None, 3, 4), chunks=(10**7, 3, 4)
        )
    refused(evaluator, path, "influence: its chunks are larger than")


def test_a_header_of_any_size(evaluator, tmp_path):
    path = claiming(tmp_path / "x.npz", evaluator.task, "influence", {}, b"\x93NUMPY\x02\x00")
    refused(evaluator, path, "influence: version 1.0 of NumPy's format is needed")


def test_an_array_that_ends_early_is_damaged(evaluator, tmp_path):
    header = {"shape": (160, 3, 4), "fortran_order": False, "descr": "<f8"}
    path = claiming(tmp_path / "x.npz", evaluator.task, "influence", header)
    refused(evaluator, path, "cannot be read")


def test_a_text_of_a_billion_characters(evaluator, tmp_path, little_memory):  # noqa: F811
    for count, message in ((10**9, "cannot be read"), (10**6, "method is no text")):
        header = {"shape": (), "fortran_order": False, "descr": f"<U{count}"}
        path = claiming(tmp_path / "x.npz", evaluator.task, "method", header)
        refused(evaluator, path, message)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_is_cut_short(evaluator, path, share):
    content = written(path, evaluator.task).read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(evaluator, path, "cannot be read|neither HDF5 nor npz")


def test_bytes_that_were_changed_never_end_in_a_traceback(evaluator, path):
    content = written(path, evaluator.task).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(25):
        broken = bytearray(content)
        for place in rng.integers(0, min(len(broken), 4096), 20):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                evaluator.score(path)
            except ds.DynsparseError as error:
                assert "\n" not in str(error)


def test_links_in_hdf5_are_not_followed(evaluator, tmp_path):
    other = written(tmp_path / "other.h5", evaluator.task)
    for number, link in enumerate(
        (h5py.ExternalLink(str(other), "influence"), h5py.SoftLink("/edge"))
    ):
        path = written(tmp_path / f"{number}.h5", evaluator.task, drop=["influence"])
        with h5py.File(path, "r+") as file:
            file["influence"] = link
        refused(evaluator, path, "'influence' is no data of this file's own")


def test_another_files_bytes_are_not_read(evaluator, tmp_path):
    secret, path = tmp_path / "secret", tmp_path / "x.h5"
    secret.write_bytes(b"x" * 10**5)
    written(path, evaluator.task, drop=["influence"])
    with h5py.File(path, "r+") as file:
        outside = [(str(secret), 0, 160 * 12 * 8)]
        file.create_dataset("influence", (160, 3, 4), "f8", external=outside)
    refused(evaluator, path, "'influence' is no data of this file's own")


def test_a_text_that_is_an_array(evaluator, tmp_path):
    path = written(tmp_path / "x.h5", evaluator.task, method=["a"] * 1000)
    refused(evaluator, path, "'method' is no single small value")
    path = written(tmp_path / "y.h5", evaluator.task, task=3)
    refused(evaluator, path, "task is no text")


def test_a_task_of_a_stranger_claims_no_more_than_there_is(task, tmp_path):
    path = tmp_path / "task.npz"
    write_task(task, path)
    with np.load(path) as file:
        content = dict(file)
    about = json.loads(str(content["about"]))
    for changes, message in (
        ({"steps": 10**9}, "claims more samples or dimensions than any task has"),
        ({"steps": 39}, "should be"),
        ({"state_names": 3}, "what it says about itself is no task's"),
        ({"definition": []}, "what it says about itself is no task's"),
    ):
        np.savez(path, **{**content, "about": np.array(json.dumps({**about, **changes}))})
        with pytest.raises(ds.DynsparseError, match=message):
            read_task(path)
    np.savez(path, **{**content, "about": np.array('{"steps": 40, "steps": 4}')})
    with pytest.raises(ds.DynsparseError, match="'steps' is there twice"):
        read_task(path)


def hostile_card(task, **changes):
    arrays = {"influence": everything(task)["influence"]}
    return make_card(task, given_predictions(task, arrays, changes.get("method", HOSTILE)))


def test_names_are_escaped_wherever_they_are_shown(task, tmp_path):
    card = hostile_card(task)
    card.save(tmp_path / "x.json")
    assert read_card(tmp_path / "x.json").method == HOSTILE
    write_leaderboard(tmp_path, [task])
    page = (tmp_path / "leaderboard.html").read_text()
    markdown = (tmp_path / "leaderboard.md").read_text()
    for text in (page, markdown, str(card)):
        assert "\x1b" not in text
    for text in (page, markdown):
        assert "<script>" not in text
        assert "&lt;script&gt;" in text
    (row,) = (line for line in markdown.splitlines() if "script" in line)
    assert "](" not in row
    head = next(line for line in markdown.splitlines() if line.startswith("| method"))
    assert row.count("|") == head.count("|")
    assert str(card).count("\n") == str(hostile_card(task, method="x")).count("\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: [], "is not of type 'object'"),
        (lambda c: {**c, "scores": {**c["scores"], "skill": "1"}}, "scores/skill"),
        *(
            (lambda c, x=x: {**c, "scores": {**c["scores"], "skill": x}}, "skill: not finite")
            for x in (float("inf"), float("nan"), 10**400)
        ),
        *(
            (lambda c, n=n, x=x: {**c, "scores": {**c["scores"], n: x}}, f"{n}: .* is not between")
            for n, x in (("skill", 99), ("auroc", 1.01), ("brier", -1), ("hamming_distance", -1))
        ),
        (lambda c: {**c, "scores": {**c["scores"], "best": 1}}, "scores/best: does not exist"),
        (lambda c: {**c, "scores": {**c["scores"], "skill": True}}, "scores/skill"),
        (lambda c: {**c, "privileged": ["nothing at all"]}, "'nothing at all' does not exist"),
        (lambda c: {**c, "privileged": ["zeros-train"] * 2}, "'zeros-train' is there twice"),
        (lambda c: {**c, "method": 3}, "method"),
        (lambda c: {**c, "method": "x" * 201}, "method"),
        (lambda c: {**c, "more": 1}, "'more' was unexpected"),
        (lambda c: {**c, "format": "dynsparse card 1"}, "format: 'dynsparse card 2' was expected"),
        (lambda c: {**c, "live": LAST_SEED + 1}, "live: 4294967296 is greater than the maximum"),
        (lambda c: {k: v for k, v in c.items() if k != "task"}, "'task' is a required property"),
        (lambda c: {**c, "dataset": "x"}, "dataset"),
    ],
)
def test_what_is_no_card_is_one_line(task, tmp_path, change, message):
    path = tmp_path / "x.json"
    hostile_card(task).save(path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ds.DynsparseError, match=message) as caught:
        read_card(path)
    assert str(caught.value).startswith(f"{path}: no card: ")
    assert str(caught.value).isprintable()


def test_a_card_that_is_none_is_named_and_the_others_are_shown(task, tmp_path):
    write_task(task, tmp_path / "task.npz")
    (tmp_path / "<b>.json").write_text("{}")
    arguments = ["leaderboard", str(tmp_path), "--task", str(tmp_path / "task.npz")]
    alone = CliRunner().invoke(main, arguments)
    assert alone.exit_code == 1
    assert "no cards (*.json): <b>.json: no card: " in alone.output
    assert not (tmp_path / "leaderboard.md").exists()
    hostile_card(task, method="mine").save(tmp_path / "x.json")
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "refused: <b>.json: no card: it: 'format' is a required property" in done.stderr
    for name in ("leaderboard.md", "leaderboard.html"):
        text = (tmp_path / name).read_text()
        assert "mine" in text
        assert "&lt;b&gt;.json: no card" in text.replace("&#58;", ":")


def test_a_card_has_to_fit_its_task(task):
    card = hostile_card(task)
    assert mismatch(card, [task]) is None
    alien = mismatch(replace(card, live=7, dataset="1" * 64, samples=40), [task])
    assert alien == "live: Slider-random-1 is of no simulator of ours, and has no live mode"
    definition = task.about.definition._replace(solver="converged")
    task = replace(task, about=task.about._replace(definition=definition))
    assert mismatch(replace(card, live=7, dataset="1" * 64, samples=40), [task]) is None
    for changes, message in (
        ({"task": "Nothing-1"}, "task 'Nothing-1' is not shipped"),
        ({"dataset": "1" * 64}, "data 111111111111 are not those of Slider"),
        ({"samples": 81}, "samples: 81 should be 80"),
        ({"live": 7, "dataset": "1" * 64, "samples": 41}, "samples: 41, of at most 40"),
        ({"scores": {**card.scores, "hamming_distance": 13.0}}, "has 12 elements"),
        ({"scores": {**card.scores, "hamming_distance": np.nan}}, "has 12 elements"),
        ({"scores": {**card.scores, "hamming_distance": 1.23456}}, "are no whole number"),
        ({"scores": {**card.scores, "hamming_distance": 1.0, "skill": 1.0}}, "would be right"),
        ({"scores": {**card.scores, "exact_samples": 1.0, "hamming_distance": 1.0}}, "contradict"),
        ({"live": 7}, "are not fresh in Slider"),
        ({"live": 0, "dataset": "1" * 64, "samples": 40}, "are not fresh in Slider"),
    ):
        assert message in mismatch(replace(card, **changes), [task])


def test_no_card_is_written_that_could_not_be_read(task, tmp_path):
    card = hostile_card(task)
    for changes in (
        {"scores": {**card.scores, "next_state_squared": np.inf}},
        {"live": -1},
        {"live": LAST_SEED + 1},
    ):
        with pytest.raises(ds.DynsparseError, match="this would be no card: "):
            replace(card, **changes).save(tmp_path / "x.json")
    assert not list(tmp_path.iterdir())


def test_cards_that_are_too_large_nested_or_links(task, tmp_path):
    path = tmp_path / "x.json"
    for content, message in (
        ("[" * 10**4, "no card"),
        (" " * (MOST_BYTES + 1), "larger than"),
        ("", "no card"),
        ('{"a": 1', "no card"),
        ('{"task": "a", "task": "b"}', "no card: key 'task' is there twice"),
        ('{"scores": {"skill": 0, "skill": 1}}', "no card: key 'skill' is there twice"),
    ):
        path.write_text(content)
        with pytest.raises(ds.DynsparseError, match=message):
            read_card(path)
    path.unlink()
    hostile_card(task).save(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ds.DynsparseError, match="a link is not followed"):
        write_leaderboard(tmp_path, [task])


def test_a_folder_without_cards_is_one_line(tmp_path):
    for folder, message in ((tmp_path, "no cards"), (tmp_path / "nowhere", "no such folder")):
        done = CliRunner().invoke(main, ["leaderboard", str(folder)])
        assert done.exit_code == 1
        assert f"error: {folder}: {message}" in done.output

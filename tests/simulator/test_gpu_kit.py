"""The kit for a GPU, tried on a CPU: budgets, failures, and all of it at a thousandth."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

import gpu  # noqa: E402
import gpu_page  # noqa: E402
from gpu_common import REHEARSAL, append_row, at_work, device_alone  # noqa: E402

from dynsparse.jacobians import METHODS  # noqa: E402


def _rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def _python(name, code, **given):
    # The budget, which every section is told, lands in sys.argv.
    return gpu.Section(name, (sys.executable, "-S", "-c", code), **{"share": 1.0, **given})


def test_sections_that_fail_or_hang_cost_themselves_alone(tmp_path):
    hanging = "import subprocess, time; subprocess.Popen(['sleep', '77']); time.sleep(77)"
    sections = [
        _python("raises", "raise RuntimeError('planted')"),
        _python("hangs", hanging, share=0.2),
        _python("beside", "import time; time.sleep(0.1)", beside=True),
        _python("works", "import sys; print('budget', sys.argv[1])"),
    ]
    started = time.monotonic()
    assert not gpu.run_sections(sections, tmp_path, limit_s=20)
    assert time.monotonic() - started < 20
    outcomes = {row["section"]: row["outcome"] for row in _rows(tmp_path / "sections.csv")}
    assert outcomes == {
        "raises": "failed with status 1",
        "hangs": "stopped at its budget",
        "beside": "ended",
        "works": "ended",
    }
    log = (tmp_path / "log.txt").read_text()
    assert "planted" in log
    assert "budget" in log


def test_without_what_is_needed_nothing_else_is_begun(tmp_path, capsys):
    sections = [_python("facts", "import planted_package", needed=True), _python("rates", "")]
    assert not gpu.run_sections(sections, tmp_path, limit_s=60)
    assert [row["section"] for row in _rows(tmp_path / "sections.csv")] == ["facts"]
    assert "No module named 'planted_package'" in capsys.readouterr().out


def test_a_section_leaves_the_time_that_later_ones_need(tmp_path):
    sections = [_python("losses", "import time; time.sleep(77)", leave=0.7)]
    started = time.monotonic()
    gpu.run_sections(sections, tmp_path, limit_s=20)
    assert time.monotonic() - started < 6
    (row,) = _rows(tmp_path / "sections.csv")
    assert row["outcome"] == "stopped at its budget"


def test_there_is_no_section_without_time(tmp_path):
    assert not gpu.run_sections([_python("late", "")], tmp_path, limit_s=4)
    assert _rows(tmp_path / "sections.csv")[0]["outcome"] == "no time was left"


def test_rows_are_appended_whole(tmp_path):
    for number in range(2):
        append_row(tmp_path / "rows.csv", {"name": "a, b", "number": number})
    assert (tmp_path / "rows.csv").read_text() == 'name,number\n"a, b",0\n"a, b",1\n'


def test_who_times_knows_whether_the_device_is_in_use(tmp_path):
    with device_alone(tmp_path, 0.0) as alone:
        assert alone
    with at_work(tmp_path), device_alone(tmp_path, 0.3) as alone:
        assert not alone


def test_no_gpu_ends_the_run_at_once(tmp_path):
    """A lent GPU is not held for a run that cannot measure it."""
    done = _kit(tmp_path, "--seconds", "300")
    assert done.returncode == 1
    assert "JAX sees no GPU here" in done.stdout
    assert len(_rows(tmp_path / "sections.csv")) == 1


def _kit(folder, *given):
    environment = {**os.environ, "PYTHON": sys.executable, "JAX_PLATFORMS": "cpu"}
    command = ["sh", str(ROOT / "benchmarks/gpu.sh"), str(folder), *given]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


@pytest.mark.slow
def test_every_section_writes_its_rows_at_a_thousandth(tmp_path):
    started = time.monotonic()
    done = _kit(tmp_path, "--rehearse", "--seconds", "900")
    log = (tmp_path / "log.txt").read_text()
    assert done.returncode == 0, done.stdout + log
    assert time.monotonic() - started < 900
    assert {row["outcome"] for row in _rows(tmp_path / "sections.csv")} == {"ended"}
    _check_facts(tmp_path)
    _check_rates(_rows(tmp_path / "rates.csv"))
    _check_million(_rows(tmp_path / "million.csv"))
    _check_learning(_rows(tmp_path / "learning.csv"), _rows(tmp_path / "losses.csv"))
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == 8
    assert max(path.stat().st_size for path in tmp_path.iterdir()) < 2**24
    assert "| CartpoleBalance | linear | - | - |" in gpu_page.block(tmp_path)


def _check_facts(folder):
    facts = json.loads((folder / "facts.json").read_text())
    assert facts["rehearsal"]
    assert facts["float64_product_tflops"] > 0


def _check_rates(rows):
    assert {row["outcome"] for row in rows} == {"measured"}, rows
    measured = {(row["environment"], row["program"]) for row in rows}
    programs = {"step", "auto", *METHODS}
    assert measured == {(name, p) for name in REHEARSAL.environments for p in programs}
    assert all(float(row["per_s"]) > 0 for row in rows)


def _check_million(rows):
    found = {row["quantity"]: row["value"] for row in rows}
    assert int(found["samples"]) == 1000
    assert int(found["verified_samples"]) == REHEARSAL.verified
    assert float(found["verified_share_replayed"]) == 1.0
    assert float(found["steps_per_s"]) > 0
    assert int(found["state_zero_elements"]) > 0


def _check_learning(speeds, losses):
    assert {(row["loss"], row["seeds"]) for row in speeds if row["library"] == "dynsparse"} == {
        (loss, str(seeds)) for loss in ("state", "state-jacobian-l1") for seeds in REHEARSAL.seeds
    }
    sources = {row["source"] for row in losses}
    assert {"training mean", "linear", "state", "state-jacobian-l1"} <= sources
    errors = {row["source"]: float(row["validation_state_mse"]) for row in losses}
    assert errors["linear"] < errors["training mean"]


def test_the_page_says_what_the_kept_files_say():
    page = gpu_page.PAGE.read_text()
    assert gpu_page.replaced(page, gpu_page.block(gpu_page.KEPT)) == page


def test_a_page_of_a_run_that_was_cut_short(tmp_path):
    """Sections that wrote nothing leave an empty table, and no number is made up."""
    facts = dict.fromkeys(("float64_product_tflops", "copied_gb_per_s"), 1.0)
    facts |= {"device": "A device", "driver": "1", "processor_cores": 2, "date": "2026-01-01"}
    facts |= {"python": "3.12", "packages": {"jax": "1"}}
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    # The third epoch has not come to the second seed.
    for seed, epoch, error in ((1, 1, 9), (2, 1, 9), (1, 2, 0.25), (2, 2, 0.75), (1, 3, 9)):
        row = {"environment": "E", "samples": 10, "source": "state", "seed": seed, "epoch": epoch}
        errors = dict.fromkeys(("validation_state_mse", "validation_jacobian_mae"), error)
        append_row(tmp_path / "losses.csv", row | errors)
    text = gpu_page.block(tmp_path)
    assert "**A device**" in text
    assert "| E | state | 2 | 2 | 0.5 (0.25 to 0.75) | 0.5 (0.25 to 0.75) |" in text

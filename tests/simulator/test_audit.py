"""The audit: a sound study passes, and every planted fault is found and named."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import h5py
import numpy as np
import pytest
import yaml
from audit_study import (
    CASE,
    DATA,
    ROOT,
    change_array,
    change_cell,
    git,
    make_study,
    read_provenance,
    set_attributes,
)
from audit_study import rules as artefacts
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from rocrate.rocrate import ROCrate

from dynsparse.audit.card import card
from dynsparse.audit.completeness import completeness
from dynsparse.audit.crate import write_crate
from dynsparse.audit.elsewhere import draw_jobs
from dynsparse.audit.findings import Audit, Check, Failure, Number
from dynsparse.audit.manifest import read_manifest, schema
from dynsparse.audit.page import page
from dynsparse.audit.published import numbers_of, published
from dynsparse.audit.recipes import listed_order, workshop
from dynsparse.audit.recording import make_manifest
from dynsparse.audit.repeatability import repeatability
from dynsparse.audit.report import terminal, write_audit
from dynsparse.audit.run import Extent, audit
from dynsparse.audit.tables import table_truth
from dynsparse.audit.traceability import traceability
from dynsparse.audit.truth import data_truth
from dynsparse.cli import main
from dynsparse.dataset.schema import DIGEST, episode_digest
from dynsparse.errors import DynsparseError
from dynsparse.storage.files import sha256
from dynsparse.storage.tables import read_table
from dynsparse.tables.writing import write_item

ALL_SAMPLES = 60
TABLE = "tables/table_1.parquet"


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("sound") / "project")


@pytest.fixture
def study(sound, tmp_path):
    """A copy to plant a fault in."""
    return sound.copy(tmp_path / "project")


def failures(checks):
    """(artefact, message) of every failure."""
    return [tuple(failure) for check in checks for failure in check.failures]


def the_failure(checks):
    (failure,) = failures(checks)
    return failure


def tables_of(study, jobs, **options):
    with workshop(study.folder, study.manifest) as place:
        return table_truth(study.folder, study.manifest, place, jobs, **options)


def repeated(study, collections, **options):
    with workshop(study.folder, study.manifest) as place:
        return repeatability(study.folder, study.manifest, place, collections, **options)


def test_a_sound_study_passes_every_check(sound, tmp_path):
    result = audit(sound.folder, Extent(transitions=ALL_SAMPLES))
    assert failures(result.checks) == []
    assert [c.name for c in result.checks if c.status != "pass"] == []
    assert {c.question for c in result.checks} == {
        "complete",
        "traceable",
        "true",
        "repeatable",
        "published",
    }
    write_audit(result, tmp_path)
    written = json.loads((tmp_path / "audit.json").read_text())
    assert list(Draft202012Validator(schema("audit")).iter_errors(written)) == []
    assert written["passed"] is True
    assert "no check failed" in terminal(result)
    assert "No check failed" in (tmp_path / "audit.html").read_text()


def test_a_block_is_collected_again_by_the_programs_of_the_whole_file(study, monkeypatch):
    def collect(path, *given):
        asked.append(given)
        raise DynsparseError("enough")

    asked: list[tuple] = []
    monkeypatch.setattr("dynsparse.collection.collect", collect)
    assert "enough" in str(failures(repeated(study, 1, seed=0)))
    whole = study.manifest.config["collection"]
    assert [given[-1] for given in asked] == [whole["episodes"] * whole["steps"]]


def test_a_strangers_words_are_no_html_in_an_audits_page():
    bad = "<script>1</script>"
    code = {"commit": bad, "machine": bad}
    failed = Check("true", bad, 1, (Failure(bad, bad),), (bad, bad), bad)
    number = Number(bad, bad, bad, bad, bad, bad, True)
    text = page(Audit(bad, bad, 0, code, (failed,), (number,)))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 14


@pytest.mark.parametrize("path", [path for path in artefacts() if path != "config.yaml"])
def test_a_changed_byte_is_found_in_every_artefact(study, path):
    target = study.folder / path
    content = bytearray(target.read_bytes())
    content[len(content) // 2] ^= 1
    target.write_bytes(content)
    checks = completeness(study.folder, study.manifest, ())
    assert {artefact for artefact, _ in failures(checks)} == {path}
    assert failures(checks)[0][1].startswith("was changed: SHA-256 ")


def test_a_change_in_the_data_is_found_even_with_a_new_manifest(study):
    change_array(study.folder / DATA[1], "reward", (1, 2), 1e-12, digest=False)
    study.record()
    artefact, message = the_failure(completeness(study.folder, study.manifest, ()))
    assert artefact == DATA[1]
    assert "episodes [1] do not match the digests inside the file" in message


def test_what_is_missing_is_named(study):
    (study.folder / TABLE).unlink()
    assert the_failure(completeness(study.folder, study.manifest, ())) == (TABLE, "is missing")


def test_what_the_configuration_promises_has_to_be_in_the_manifest(study):
    kept = {name: a for name, a in study.manifest.artefacts.items() if name != DATA[0]}
    study.change_manifest(artefacts=kept)
    promised = ["figures/figure_9.svg"]
    found = dict(failures(completeness(study.folder, study.manifest, promised)))
    assert set(found) == {DATA[0], "figures/figure_9.svg"}
    assert "promised by the configuration" in found[DATA[0]]


def test_files_that_are_no_part_of_the_study_are_told(study):
    (study.folder / "tables/other.csv").write_text("a,b\n")
    checks = completeness(study.folder, study.manifest, ())
    assert failures(checks) == []
    assert checks[0].remarks == ("not part of the study: tables/other.csv",)


def test_a_swapped_seed_is_found_in_the_data(study):
    shutil.copy(study.folder / DATA[1], study.folder / DATA[0])
    study.record()
    artefact, message = the_failure(traceability(study.folder, study.manifest))
    assert (artefact, message) == (DATA[0], f"says of itself that it is {DATA[1]}")


def test_a_swapped_seed_is_found_in_the_statistics(study):
    seeds = [f"statistics/{CASE}/seed-{seed}/steps.parquet" for seed in (0, 1)]
    shutil.copy(study.folder / seeds[1], study.folder / seeds[0])
    study.record()
    artefact, message = the_failure(traceability(study.folder, study.manifest))
    assert artefact == seeds[0]
    assert DATA[0] in message


def test_swapped_data_with_forged_attributes_is_not_collected_again(study):
    shutil.copy(study.folder / DATA[1], study.folder / DATA[0])
    set_attributes(study.folder / DATA[0], seed=0)
    study.record()
    assert failures(traceability(study.folder, study.manifest)) == []
    found = dict(failures(repeated(study, 2, seed=0)))
    assert "episode 0, collected again on the same kind of machine, differs" in found[DATA[0]]
    assert DATA[1] not in found


def test_an_edited_table_is_found_even_with_a_new_manifest(study):
    table = read_table(study.folder / TABLE, "table_1")
    position = table.schema.get_field_index("state_zero_elements")
    edited = table.set_column(position, table.schema.field(position), [[4]])
    write_item(edited.replace_schema_metadata(table.schema.metadata), study.folder / TABLE)
    study.record()
    assert failures(completeness(study.folder, study.manifest, ())) == []
    found = dict(failures(tables_of(study, 0, seed=0)))
    assert set(found) == {f"tables/table_1.{kind}" for kind in ("parquet", "csv", "md")}
    assert found[TABLE] == "row 1, column state_zero_elements: has 4, recomputed 3"


def test_an_edit_of_the_csv_alone_is_found_too(study):
    path = study.folder / "tables/table_1.csv"
    path.write_text(path.read_text().replace(",3,", ",4,", 1))
    study.record()
    assert the_failure(tables_of(study, 0, seed=0)) == (
        "tables/table_1.csv",
        "is not what its table gives when recomputed",
    )


@pytest.mark.parametrize("statistic", ["elements", "steps"])
def test_an_edited_statistic_is_found_from_the_data(study, statistic):
    path = f"statistics/{CASE}/seed-1/{statistic}.parquet"
    column = {"elements": "zeros", "steps": "state_zeros"}[statistic]
    change_cell(study.folder / path, 7, column, 99)
    study.record()
    found = dict(failures(tables_of(study, 100, seed=0)))
    assert found[path].startswith(f"row 8, column {column}: has 99, recomputed ")
    # What was merged from the honest statistic does not fit the edited one.
    assert set(found) == {path, f"merged/{CASE}/{statistic}.parquet"}


def test_a_statistic_whose_rule_is_of_another_version_is_no_pass(study):
    path = f"merged/{CASE}/steps.parquet"
    change_cell(study.folder / path, 7, "state_zeros", 99)
    study.record()
    old = {
        name: replace(artefact, rule="merge")
        for name, artefact in study.manifest.artefacts.items()
        if artefact.rule == "merge_patterns"
    }
    study.change_manifest(artefacts={**study.manifest.artefacts, **old})
    found = dict(failures(tables_of(study, 100, seed=0)))
    assert set(old) <= set(found)
    assert "made by the rule merge, which this version of dynsparse does not have" in found[path]


def test_seeds_are_read_in_the_order_of_the_configuration():
    config = {"environments": {"E": {"behaviours": ["random"]}}, "seeds": [5, 0, 1]}
    paths = [f"statistics/E/random/seed-{seed}/patterns.parquet" for seed in (0, 1, 5)]
    assert sorted(paths, key=listed_order(config)) == [paths[2], paths[0], paths[1]]


def test_a_wrong_jacobian_element_is_found_and_placed(study):
    for path in DATA:
        change_array(study.folder / path, "state_jacobian", (1, 17, 2, 1), 1e-3)
    study.record()
    assert failures(completeness(study.folder, study.manifest, ())) == []
    checks = data_truth(study.folder, study.manifest, ALL_SAMPLES, seed=0)
    artefact, message = the_failure(checks)
    assert artefact in DATA
    assert message == (
        "1 Jacobians are wrong; d qvel:slider [m/s] / d qpos:hinge_1 [rad] by 1.0e-03"
        " at episode 1, step 17"
    )


def plant(path, change):
    """Change the state Jacobians of a dataset, and the digests with them."""
    with h5py.File(path, "r+") as file:
        file["state_jacobian"][...] = change(file["state_jacobian"][...])
        names = [key for key in file if key != DIGEST]
        for index in range(len(file[DIGEST])):
            file[DIGEST][index] = episode_digest({key: file[key][index] for key in names})


@pytest.mark.parametrize(
    "change",
    [
        lambda j: np.where(np.abs(j) < 1e-12, 1e-6, j),
        lambda j: np.where(np.abs(j) < 1e-5, 0.0, j),
        lambda j: np.where(np.abs(j) < 4e-5, -j, j),
        lambda j: np.where([False, True, False, False], 1.01, 1.0) * j,
    ],
    ids=["zeros", "small ones", "signs", "one per cent"],
)
def test_small_faults_in_jacobians_are_found(study, change):
    for path in DATA:
        plant(study.folder / path, change)
    study.record()
    artefact, message = the_failure(data_truth(study.folder, study.manifest, 10, seed=0))
    assert artefact in DATA
    assert re.match(r"\d+ Jacobians are wrong; d q\S+ .* / d q\S+ .* at episode \d, step", message)


def test_a_check_that_looked_at_nothing_has_failed():
    assert Check("true", "nothing", 0).status == "fail"
    assert failures([Check("true", "nothing", 0)]) == [
        ("manifest.json", "nothing: there was nothing to check")
    ]
    assert Check("true", "nothing", 0, skipped="not asked for").status == "not checked"


def test_a_trajectory_that_does_not_chain_is_found(study):
    for path in DATA:
        change_array(study.folder / path, "state", (0, 5, 0), 1e-9)
    study.record()
    artefact, message = the_failure(data_truth(study.folder, study.manifest, 5, seed=0))
    assert artefact in DATA
    assert "in episodes [0] a step does not start where the last one ended" in message


def test_a_wrong_transition_is_found(study):
    for path in DATA:
        change_array(study.folder / path, "next_state", (1, 29, 3), 1e-6)  # the very last state
    study.record()
    artefact, message = the_failure(data_truth(study.folder, study.manifest, ALL_SAMPLES, seed=0))
    assert artefact in DATA
    assert message == "1 transitions are not made again: episode 1, step 29"


def test_a_dirty_tree_is_found_in_the_manifest(study):
    (study.project / "src/code.py").write_text("# Edited.\n")
    (study.project / "src/more.py").write_text("# Not committed.\n")
    study.record()
    artefact, message = the_failure(traceability(study.folder, study.manifest))
    assert artefact == "manifest.json"
    assert message == "uncommitted changes: src/code.py, src/more.py"


def test_a_configuration_of_ones_own_is_no_dirty_tree(study):
    (study.project / "config").mkdir()
    (study.project / "config/mine.yaml").write_text("study: mine\n")
    study.record()
    assert failures(traceability(study.folder, study.manifest)) == []


@pytest.mark.parametrize(
    ("commit", "message"),
    [("unknown", "unknown commit"), ("{}+", "uncommitted changes on top of commit")],
)
def test_a_dirty_tree_is_found_in_the_data(study, commit, message):
    head = git(study.project, "rev-parse", "HEAD")
    provenance = {**read_provenance(study.folder / DATA[1]), "commit": commit.format(head)}
    set_attributes(study.folder / DATA[1], provenance=json.dumps(provenance, sort_keys=True))
    study.record()
    artefact, found = the_failure(traceability(study.folder, study.manifest))
    assert artefact == DATA[1]
    assert message in found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy": "0" * 64}, "was made by the policy 000000000000, the study has random"),
        ({"packages": {"jax": "0.1"}}, "was made with jax 0.1, the study has "),
        ({"config": {"episodes": 3}}, "was made with episodes 3, the study has 2"),
    ],
)
def test_data_of_another_origin_is_found(study, change, message):
    recorded = read_provenance(study.folder / DATA[0])
    change = {k: {**recorded[k], **v} if isinstance(v, dict) else v for k, v in change.items()}
    provenance = {**recorded, **change}
    set_attributes(study.folder / DATA[0], provenance=json.dumps(provenance, sort_keys=True))
    study.record()
    artefact, found = the_failure(traceability(study.folder, study.manifest))
    assert artefact == DATA[0]
    assert message in found


def test_what_was_out_of_date_is_told(study):
    study.record(status="rule implementation changed")
    found = dict(failures(traceability(study.folder, study.manifest)))
    assert set(found) == set(artefacts())
    assert found[TABLE].endswith(
        "out of date when the manifest was written: rule implementation changed"
    )


def test_an_altered_published_number_is_found(study):
    change_cell(study.folder / TABLE, 0, "paper_state_zero_elements", 3)
    check, numbers = published(study.folder, study.manifest)
    assert failures([check]) == [
        (TABLE, "CartpoleBalance: paper_state_zero_elements is 3, published 0.0")
    ]
    assert len(numbers) == 4


def test_published_numbers_of_experts_alone_are_compared(sound):
    _, numbers = published(sound.folder, sound.manifest)
    rewards = [number for number in numbers if number.quantity == "mean_reward"]
    assert [(n.paper, n.comparable) for n in rewards] == [(999.88, False)]
    assert rewards[0].ours > 0


def test_the_command_names_each_failure_and_ends_with_status_1(study, tmp_path):
    (study.folder / TABLE).write_bytes(b"nothing")
    options = ["--transitions", "5", "--tables", "1", "--collections", "0"]
    output = tmp_path / "elsewhere"
    done = CliRunner().invoke(main, ["audit", str(study.folder), *options, "--output", str(output)])
    assert done.exit_code == 1
    assert f"{TABLE}: was changed" in done.output
    written = json.loads((output / "audit.json").read_text())
    assert list(Draft202012Validator(schema("audit")).iter_errors(written)) == []
    assert written["passed"] is False
    assert f"<code>{TABLE}</code>" in (output / "audit.html").read_text()
    assert not (study.folder / "audit").exists()


def test_what_is_no_study_is_refused_with_one_line(tmp_path, study):
    done = CliRunner().invoke(main, ["audit", str(tmp_path)])
    assert done.exit_code == 1
    assert done.output.startswith(f"error: {tmp_path}/manifest.json: no such file")
    assert done.output.count("\n") == 1
    manifest = json.loads((study.folder / "manifest.json").read_text())
    manifest["artefacts"][TABLE]["sha256"] = "short"
    (study.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DynsparseError, match="not a manifest.*sha256.*'short' does not match"):
        read_manifest(study.folder)


def test_without_snakemakes_records_a_study_is_not_traceable(study):
    row = [f"results/small/{TABLE}", "-", "table_1", "-", "-", "-", "ok", "no update"]
    header = "output_file\tdate\trule\tlog-file(s)\tinput-file(s)\tshellcmd\tstatus\tplan"
    summary = f"some message\n{header}\n" + "\t".join(row)
    known = study.manifest
    made = make_manifest(summary, [], known.config, "results/small", study.project)
    forgetful = replace(known, artefacts={**known.artefacts, **made.artefacts})
    artefact, message = failures(traceability(study.folder, forgetful))[0]
    assert artefact == TABLE
    assert message.endswith("nothing is known of how it was made")
    with pytest.raises(DynsparseError, match="printed no table"):
        make_manifest("", [], known.config, "results/small", study.project)


def test_a_manifest_reads_back_as_it_was_written(study):
    assert study.record() == read_manifest(study.folder)


def test_other_tools_read_the_crate(study):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    (study.folder / "audit").mkdir()
    (study.folder / "audit/audit.json").write_text("{}")
    write_crate(study.folder, study.manifest, citation, "2026-11-21")
    crate = ROCrate(study.folder)
    root = crate.root_dataset
    assert root["license"].id == "https://spdx.org/licenses/Apache-2.0"
    assert [author["name"] for author in root["author"]] == [citation["authors"][0]["name"]]
    assert root["citation"][0]["name"] == citation["references"][0]["title"]
    assert root["datePublished"].startswith("2026-11-21")
    files = {entity.id: entity for entity in crate.data_entities}
    more = {"manifest.json", "card.md", "audit/audit.json"}
    assert set(files) == set(study.manifest.artefacts) | more
    for path, entity in files.items():
        assert entity["sha256"] == sha256(study.folder / path)
        assert int(entity["contentSize"]) == (study.folder / path).stat().st_size
    actions = [e for e in crate.contextual_entities if e.type == "CreateAction"]
    (action,) = (a for a in actions if files[TABLE] in a["result"])
    assert action["name"] == "table_1"
    assert [entity.id for entity in action["object"]] == [f"merged/{CASE}/elements.parquet"]
    # Writing it leaves the study as it was.
    assert failures(completeness(study.folder, study.manifest, ())) == []


def unknown_terms(crate):
    """Keys and types of entities that the contexts of a crate do not define."""
    url, *more = crate["@context"] if isinstance(crate["@context"], list) else [crate["@context"]]
    vendored = json.loads((ROOT / "tests/data/ro-crate-1.1-context.jsonld").read_text())
    assert url == vendored["@id"]
    known = {"@id", "@type", *vendored["@context"], *(term for each in more for term in each)}
    types = [entity["@type"] for entity in crate["@graph"]]
    kinds = {kind for t in types for kind in ([t] if isinstance(t, str) else t)}
    return ({key for entity in crate["@graph"] for key in entity} | kinds) - known


def test_every_term_of_the_crate_is_defined(study):
    """JSON-LD drops a key that no context defines: readers would see no digest."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    write_crate(study.folder, study.manifest, citation, "2026-11-21")
    crate = json.loads((study.folder / "ro-crate-metadata.json").read_text())
    assert any("sha256" in entity for entity in crate["@graph"])
    assert unknown_terms(crate) == set()
    only_the_standard = {**crate, "@context": crate["@context"][0]}
    assert unknown_terms(only_the_standard) == {"sha256"}


VALIDATOR = ROOT / "build/validator/bin/python"


def validated(folder):
    """What the public validator says of a crate."""
    if not VALIDATOR.exists():
        pytest.skip("needs the validator (make build/validator/complete)")
    script, context = ROOT / "tests/support/validate_crate.py", "ro-crate-1.1-context.jsonld"
    done = subprocess.run(
        [VALIDATOR, script, folder, ROOT / "tests/data" / context],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_public_validator_accepts_the_crate_and_refuses_an_unknown_term(study):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    write_crate(study.folder, study.manifest, citation, "2026-11-21")
    found = validated(study.folder)
    assert found["issues"] == []
    assert found["checks"] > 40
    assert found["asked"] == ["https://w3id.org/ro/crate/1.1/context"]
    path = study.folder / "ro-crate-metadata.json"
    crate = json.loads(path.read_text())
    count = sum("sha256" in entity for entity in crate["@graph"])
    path.write_text(json.dumps({**crate, "@context": crate["@context"][0]}))
    (issue,) = validated(study.folder)["issues"]
    assert f"{count} occurrence" in issue and "sha256" in issue
    missing = next(e["@id"] for e in crate["@graph"] if e["@type"] == "File")
    path.write_text(json.dumps(crate))
    (study.folder / missing).unlink()
    assert any(missing in issue for issue in validated(study.folder)["issues"])


def test_the_card_tells_what_the_data_are(study):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    text = card(study.folder, study.manifest, citation)
    front = yaml.safe_load(text.split("---")[1])
    assert front["license"] == "apache-2.0"
    assert front["size_categories"] == ["n<1K"]
    assert {"config_name": "merged-steps", "data_files": "merged/*/*/steps.parquet"} in front[
        "configs"
    ]
    (row,) = (line for line in text.splitlines() if line.startswith("| CartpoleBalance"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["CartpoleBalance", "random", "2", "2", "30", "4", "1", "0.1"]
    assert "$" not in text


@pytest.mark.parametrize(
    ("method", "derivation"),
    [
        ("hybrid", "automatic differentiation of MJX"),
        ("mujoco_c", "central differences on MuJoCo's C engine"),
    ],
)
def test_the_card_tells_how_derivatives_were_taken(study, method, derivation):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    config = {**study.manifest.config, "jacobian": {"method": method}}
    text = card(study.folder, replace(study.manifest, config=config), citation)
    assert f"Derivatives are by {derivation} (method `{method}`" in text


def test_what_the_dag_makes_otherwise_is_found(study, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(study.folder, again)
    (first, *_), (second, *_) = draw_jobs(study.manifest, seed=0)[:2]
    (again / first).write_bytes((again / first).read_bytes() + b"\n")
    (again / second).unlink()
    checks = repeated(study, 0, seed=0, again=again)
    assert dict(failures(checks)) == {
        first: "running its job again gives another file",
        second: "its job, run again by Snakemake, does not make it",
    }


def test_all_tables_are_drawn_and_one_job_of_other_rules(sound):
    rules = [sound.manifest.artefacts[job[0]].rule for job in draw_jobs(sound.manifest, seed=1)]
    others = ["figure_5", "measure_patterns", "merge_patterns"]
    assert rules == ["table_1", "table_a1_1", *others]


@pytest.mark.parametrize(("step", "found"), [(2, True), (20, False)])
def test_data_of_another_machine_are_compared_where_rounding_has_not_grown(study, step, found):
    for path in DATA:
        provenance = {**read_provenance(study.folder / path), "device": "gpu: another"}
        set_attributes(study.folder / path, provenance=json.dumps(provenance, sort_keys=True))
        change_array(study.folder / path, "action_jacobian", (0, step, 2, 0), 1e-4)
    study.record()
    check = repeated(study, 1, seed=0)[-1]
    if found:
        ((artefact, message),) = failures([check])
        assert artefact in DATA
        assert message == "collected again, its first 5 steps differ by 1.0e-04"
    else:
        assert failures([check]) == []
        assert "on another kind of machine" in check.remarks[0]


@pytest.mark.parametrize(
    ("row", "number"),
    [
        (
            {"setting": "batch", "value": "128", "paper": "512"},
            ("t", "", "", "batch", "512", "128", True),
        ),
        (
            {"claim": "zeros", "environment": "E", "behaviour": "random", "paper": 3, "ours": 2.0},
            ("t", "E", "random", "zeros", 3, 2.0, False),
        ),
        ({"claim": "zeros", "paper": None, "ours": 2.0}, None),
        ({"element": "x", "paper": 3}, None),
    ],
)
def test_published_numbers_may_stand_one_per_row(row, number):
    found = [tuple(each) for each in numbers_of("t", row)]
    assert found == ([] if number is None else [number])

"""docs/benchmark.md runs as it stands, shows the shipped cards, and the examples run."""

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from dynsparse.benchmark.card import read_card
from dynsparse.benchmark.controls import control_cards
from dynsparse.benchmark.entries import read_entries
from dynsparse.benchmark.leaderboard import markdown
from dynsparse.benchmark.predictions import BY_SAMPLE, KEYS, PRIVILEGES, STARTS, TEXTS
from dynsparse.benchmark.task_files import read_task, shipped

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/benchmark.md").read_text()
BLOCK = re.compile(r"(<!-- not run: [^>]* -->\n)?```python\n(.*?)```", re.DOTALL)
CARDS = ROOT / "docs/results/benchmark"


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for left_out, code in BLOCK.findall(PAGE):
        compile(code, "docs/benchmark.md", "exec")
        if not left_out:
            exec(code, names)
    assert "skill over the mean pattern" in capsys.readouterr().out
    assert json.loads(Path("all-ones.json").read_text())["method"] == "all ones"


def test_the_page_names_all_that_a_prediction_file_may_have():
    for name in (*TEXTS, *KEYS, *BY_SAMPLE, "rollout", *STARTS, *PRIVILEGES):
        assert f"`{name}`" in PAGE


def test_its_leaderboard_is_that_of_the_shipped_cards():
    """To renew it: `dynsparse leaderboard docs/results/benchmark`, and copy its tables."""
    shown = re.search(r"<!-- leaderboard: .* -->\n\n### (.*?)\n\n<!-- end -->", PAGE, re.DOTALL)[1]
    cards, refused = read_entries(CARDS)
    assert not refused
    made = markdown(cards)
    assert shown.replace("\n### ", "\n## ") == made.split("\n## ", 1)[1].rstrip()


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_cards_are_what_the_controls_score(name):
    cards = control_cards(read_task(name))
    assert len(cards) == 7
    for card in cards:
        ours = read_card(CARDS / f"{name}-{card.method.replace(' ', '-')}.json")
        assert ours.dataset == card.dataset
        assert ours.privileged == card.privileged
        # Other versions of libraries may sum in another order.
        assert ours.scores == pytest.approx(card.scores, rel=1e-6, abs=1e-9, nan_ok=True)


def example(name, steps):
    return runpy.run_path(str(ROOT / "examples" / name))["main"](steps)


def test_a_model_is_scored_by_its_attention():
    card = example("score-attention/score_attention.py", 30)
    assert 0 < card.scores["auroc"] < 1
    assert np.isfinite(card.scores["next_state_squared"])


def test_a_torch_network_is_scored_by_its_jacobian():
    pytest.importorskip("torch")
    card = example("score-a-torch-network/score_a_torch_network.py", 30)
    assert 0 < card.scores["auroc"] < 1
    assert np.isfinite(card.scores["next_state_squared"])

"""Figures of planted data: what is written and drawn in them, not only that they exist."""

import dataclasses
import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import rc_context, rcParams
from matplotlib.figure import Figure
from PIL import Image
from sparsity_fakes import count_elements, durations_of, fake_dataset, fake_episode, steps_of

from dynsparse.errors import DynsparseError
from dynsparse.figures.figure_1 import figure_1
from dynsparse.figures.figure_3 import figure_3
from dynsparse.figures.figure_4 import figure_4
from dynsparse.figures.figure_5 import figure_5, histogram
from dynsparse.figures.figure_6 import figure_6, first_episode
from dynsparse.figures.figure_7 import figure_7, length_counts, log_edges
from dynsparse.figures.figure_verification import figure_verification
from dynsparse.figures.learning_curve import learning_curve
from dynsparse.figures.pictures import NO_PICTURE
from dynsparse.figures.style import save_figure
from dynsparse.figures.summary import Case, contacts, facts, summary
from dynsparse.sparsity.merging import merge_seeds

THRESHOLD = 1e-12
KINDS = ("svg", "png")


def planted(seed=0, environment="Twolink"):
    """Two episodes of 400 steps: (0, 1) is zero every fourth step, (1, 0) in all but one."""
    jacobian = np.ones((400, 2, 2))
    jacobian[::4, 0, 1] = 0.0
    jacobian[:, 1, 0] = 0.0
    jacobian[7, 1, 0] = 1.0
    episodes = [fake_episode(index, jacobian) for index in (0, 1)]
    return fake_dataset(episodes, seed=seed, environment=environment, behaviour="expert")


def steps(environment="Twolink"):
    tables = [steps_of(planted(seed, environment), THRESHOLD) for seed in (1, 0)]
    return merge_seeds(tables)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def ticks(labels):
    return [label.get_text() for label in labels]


def test_figure_3_names_dimensions_and_does_not_round_to_always():
    figure = figure_3(count_elements(planted(), [1e-15, THRESHOLD]), THRESHOLD)
    state, action, bar = figure.axes
    names = ["qpos:joint [rad]", "qvel:joint [rad/s]"]
    assert ticks(state.get_xticklabels()) == ticks(state.get_yticklabels()) == names
    assert ticks(action.get_xticklabels()) == ["motor"]
    assert texts(state) == ["0", "25", ">99", "0"]
    assert texts(action) == ["0", ">99"]
    assert "Twolink (expert): 800 samples, 1 seed," in figure.get_suptitle()
    assert "[%]" in bar.get_ylabel()
    np.testing.assert_allclose(state.images[0].get_array(), [[0, 25], [99.75, 0]])


def test_figure_3_of_a_large_matrix_has_no_numbers():
    names = tuple(f"qpos:{number} [rad]" for number in range(30))
    dataset = fake_dataset([fake_episode(0, np.ones((2, 30, 30)))], state_names=names)
    figure = figure_3(count_elements(dataset, [THRESHOLD]), THRESHOLD)
    assert texts(figure.axes[0]) == []
    assert ticks(figure.axes[0].get_yticklabels()) == list(names)


def test_figure_3_of_a_threshold_that_was_not_counted():
    with pytest.raises(DynsparseError, match=r"0.001 was not counted for Twolink \(expert\)"):
        figure_3(count_elements(planted(), [THRESHOLD]), 1e-3)


def test_figure_5_shows_means_and_shares():
    figure = figure_5([steps(), steps("Other")])
    assert [axes.get_title() for axes in figure.axes] == [
        "Twolink (expert), 1,600 samples",
        "Other (expert), 1,600 samples",
    ]
    # state: one of four elements always (less one sample in 400), another every fourth step
    assert texts(figure.axes[0]) == ["state: mean 0.31", "action: mean 0.50"]
    heights = np.array([bar.get_height() for bar in figure.axes[0].patches])
    np.testing.assert_allclose(heights[heights > 0].sum(), 200)
    np.testing.assert_allclose(heights[heights < 0].sum(), -200)


@given(st.lists(st.integers(0, 10), min_size=1))
def test_a_histogram_puts_edges_into_the_bin_they_begin(zeros):
    shares = histogram(np.array(zeros), 10, 10)
    expected = [sum(min(zero, 9) == number for zero in zeros) for number in range(10)]
    np.testing.assert_allclose(shares, 100 * np.array(expected) / len(zeros))


def test_figure_6_draws_the_first_episode_of_the_lowest_seed():
    table = steps()
    episode = first_episode(table)
    assert set(episode["seed"].to_pylist()) == {0}
    assert set(episode["episode"].to_pylist()) == {0}
    left, right = figure_6([table]).axes
    assert left.get_xlim() == (0, 50)
    assert right.get_xlim() == (0, 400)
    assert "seed 0, episode 0" in right.get_title()
    assert "20 ms" in left.get_xlabel()
    state, action = right.patches[-2:]
    np.testing.assert_allclose(state.get_data().values[:8], [50, 25, 25, 25, 50, 25, 25, 0])
    np.testing.assert_allclose(action.get_data().values[:8], [50] * 7 + [0])


def test_figure_6_leaves_a_gap_where_a_sample_is_not_finite():
    dataset = fake_dataset([fake_episode(0, np.ones((3, 2, 2)), ok=[True, False, True])])
    right = figure_6([steps_of(dataset, THRESHOLD)]).axes[1]
    np.testing.assert_array_equal(right.patches[-2].get_data().values, [0, np.nan, 0])


def test_figure_7_counts_what_switches_and_says_when_nothing_does():
    durations = durations_of(planted(), THRESHOLD)
    # (0, 1) of the state Jacobian: 100 zero runs of one step in each of two episodes;
    # (1, 0) and its twin in the action Jacobian: runs of 7 and 392 around one nonzero step
    assert [values.tolist() for values in length_counts(durations, True)] == [
        [1, 7, 392],
        [200, 4, 4],
    ]
    still = durations_of(fake_dataset([fake_episode(0, np.ones((5, 2, 2)))]), THRESHOLD)
    switching, quiet = figure_7([durations, still]).axes
    mean = (200 + 4 * 7 + 4 * 392) / 208
    assert f"zero: mean {mean:.1f}, 208 runs" in ticks(switching.get_legend().get_texts())
    assert switching.get_xscale() == switching.get_yscale() == "log"
    assert texts(quiet) == ["no element switches\nwithin any episode"]
    assert quiet.get_title() == "Twolink (random)"


@given(st.integers(1, 10**6))
def test_logarithmic_bins_hold_every_length_once(longest):
    edges = log_edges(longest)
    assert edges[0] == 0.5
    assert edges[-1] > longest
    assert (np.diff(edges) >= 1).all()


def test_figure_6_shades_every_step_of_contact_over_its_width():
    # contacts at steps 0, 2 and 3 of 6: (contact has a zero in every fourth entry)
    contact = np.array([[1], [0], [1], [1], [0], [1]], dtype=bool)
    episode = dataclasses.replace(fake_episode(0, np.ones((6, 2, 2))), contact=contact)
    (shade,) = figure_6([steps_of(fake_dataset([episode]))]).axes[1].collections
    covered = [path.get_extents().intervalx.tolist() for path in shade.get_paths()]
    assert covered == [[0, 1], [2, 4], [5, 6]]


def png(colour):
    stream = io.BytesIO()
    Image.new("RGB", (8, 6), colour).save(stream, "PNG")
    return stream.getvalue()


def frames(table, pictures, environment="Twolink"):
    """A table of kind ``frames`` of the first steps of a table of kind ``steps``."""
    rows = table.slice(0, len(pictures))
    names = [["ground:foot"], *[[]] * (len(pictures) - 1)]
    for column, values in (("touching", names), ("limits", names)):
        rows = rows.append_column(column, pa.array(values, pa.list_(pa.string())))
    return rows.append_column("png", pa.array(pictures, pa.binary()))


def embedding(table):
    rows = table.slice(0, 100)
    shown = np.arange(100) < 20
    columns = {"shown": shown, "limits": shown * 1, "x": np.arange(100.0), "y": np.zeros(100)}
    for name, values in columns.items():
        rows = rows.append_column(name, pa.array(values))
    return rows


def test_figure_1_shows_the_best_behaviour_at_its_densest_frame():
    random, expert = steps(), steps()
    position = random.schema.get_field_index("behaviour")
    random = random.set_column(position, "behaviour", pa.array(["random"] * random.num_rows))
    pictures = [png("white"), png("red"), png("blue")]
    tables = [frames(random, pictures), frames(expert, pictures), frames(steps("Other"), pictures)]
    figure = figure_1(tables)
    assert [axes.get_title() for axes in figure.axes] == ["Twolink (expert)", "Other (expert)"]
    # step 0 has three zeros of six, steps 1 and 2 two: the first of these is shown
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array()[0, 0], [255, 0, 0])


def test_figure_4_numbers_frames_and_colours_by_sparsity():
    table = steps()
    figure = figure_4(embedding(table), frames(table, [png("red")] * 3))
    assert "Twolink (expert), seed 0, episode 0" in figure.get_suptitle()
    first, second, third, plane, time, bar = figure.axes
    assert first.get_title() == "1: 0.00 s, sparsity 0.50\nground:foot, ground:foot"
    assert second.get_title() == "2: 0.02 s, sparsity 0.33\nnothing touches"
    assert plane.get_title().startswith("t-SNE of 100 transitions")
    assert texts(plane) == texts(time) == ["1", "2", "3"]
    np.testing.assert_array_equal(plane.lines[0].get_xdata(), np.arange(20))
    assert "sparsity" in bar.get_ylabel()
    assert "20 ms" in time.get_xlabel()
    values = time.patches[-1].get_data().values if time.patches else None
    np.testing.assert_allclose(values[:4], [1 / 2, 1 / 3, 1 / 3, 1 / 3])


def planted_case():
    table = steps()
    elements = merge_seeds([count_elements(planted(seed), [THRESHOLD]) for seed in (0, 1)])
    durations = durations_of(planted())
    return Case(elements, table, durations, embedding(table), frames(table, [png("red")] * 3))


def test_returns_vary_as_table_a1_1_has_it():
    """Returns of 1 and 3: the standard deviation of these two is the square root of 2."""
    episodes = [
        fake_episode(k, np.ones((4, 2, 2)), reward=np.full(4, value))
        for k, value in enumerate((0.25, 0.75))
    ]
    both, one = (steps_of(fake_dataset(kept)) for kept in (episodes, episodes[:1]))
    told = [
        dict(facts(planted_case()._replace(steps=table), [], THRESHOLD)) for table in (both, one)
    ]
    assert told[0]["return of an episode"] == "2.0, standard deviation 1.4"
    assert told[1]["return of an episode"] == "1.0"


def test_a_summary_tells_the_facts_of_its_case():
    case = planted_case()
    figure = summary(*case, THRESHOLD)
    assert figure.get_suptitle() == "Twolink (expert)"
    words = texts(figure.axes[0])
    told = dict(zip(words[::2], words[1::2], strict=True))
    # elements (1, 0) are nonzero once in 400 samples, so none is always zero
    assert told["dimensions"] == "2 state, 1 action"
    assert told["samples"] == "1,600 in 4 episodes of 2 seeds"
    assert told["return of an episode"] == "400.0, standard deviation 0.0"
    assert told["zero in every sample, state"] == "0 of 4 elements"
    assert told["mean sparsity, state"] == "31.2 %, from 0 to 50 %"
    assert told["mean sparsity, action"] == "49.9 %, from 0 to 50 %"
    titles = [axes.get_title() for axes in figure.axes]
    for title in ("sparsity per sample", "action Jacobian", "contacts; bars: standard deviation"):
        assert title in titles


def test_the_panels_of_a_summary_do_not_overlap(tmp_path):
    figure = summary(*planted_case(), THRESHOLD)
    save_figure(figure, tmp_path / "summary.svg")
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    # Neighbours of constrained layout may share an edge, to within a pixel.
    overlaps = [
        (i, j)
        for i, first in enumerate(boxes)
        for j, second in enumerate(boxes[:i])
        if min(first.x1, second.x1) - max(first.x0, second.x0) > 1
        and min(first.y1, second.y1) - max(first.y0, second.y0) > 1
    ]
    assert overlaps == []


def test_contacts_group_samples_by_what_touches():
    figure = Figure()
    axes = figure.add_subplot()
    contacts(axes, steps())
    numbers = [label.get_text() for label in axes.get_xticklabels()]
    table = steps()
    seen = table["contacts"].to_numpy()
    assert numbers == [str(number) for number in np.unique(seen)]
    shares = [100 * (seen == int(number)).mean() for number in numbers]
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], shares)
    state = axes.containers[1].lines[0].get_ydata(orig=False)
    percent = 100 * table["state_zeros"].to_numpy() / 4
    np.testing.assert_allclose(state, [percent[seen == int(n)].mean() for n in numbers])


def test_without_pictures_or_samples_the_figures_say_so():
    table = steps()
    empty = embedding(table).slice(0, 0)
    figure = figure_4(empty, frames(table, [None, None]))
    assert [texts(axes) for axes in figure.axes[:2]] == [[NO_PICTURE]] * 2
    assert texts(figure.axes[2]) == ["too few samples"]
    assert texts(figure_1([frames(table, [None])]).axes[0]) == [NO_PICTURE]


def test_learning_curve_has_a_panel_per_environment_and_a_line_per_seed():
    rows = [
        {
            "environment": environment,
            "seed": seed,
            "steps": step,
            "reward_mean": step / 1e4 + seed,
            "reward_std": 1.0,
        }
        for environment in ("B", "A")
        for seed in (0, 1)
        for step in (2_000_000, 0)
    ]
    figure = learning_curve(pa.Table.from_pylist(rows))
    assert [axes.get_title()[0] for axes in figure.axes] == ["A", "B"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["seed 0", "seed 1"]
    np.testing.assert_allclose(figure.axes[0].lines[1].get_xydata(), [[0, 1], [2, 201]])


def test_saving_twice_gives_the_same_bytes_and_no_leftovers(tmp_path):
    for name in ("once", "twice"):
        save_figure(figure_5([steps()]), tmp_path / name / "figure_5.svg")
    for suffix in (".svg", ".png"):
        once, twice = (tmp_path / name / f"figure_5{suffix}" for name in ("once", "twice"))
        assert once.read_bytes() == twice.read_bytes()
    assert len(list((tmp_path / "once").iterdir())) == 2
    svg = (tmp_path / "once" / "figure_5.svg").read_text()
    assert svg.rstrip().endswith("</svg>")
    assert "dc:date" not in svg


def test_a_users_settings_of_matplotlib_change_no_byte(tmp_path):
    drawn = []
    elements = count_elements(planted(), [THRESHOLD])
    users = {"image.origin": "lower", "lines.linewidth": 9, "axes.grid": True, "text.color": "red"}
    for settings in ({}, users):
        with rc_context(settings):
            save_figure(figure_3(elements, THRESHOLD), tmp_path / "figure_3.svg")
            save_figure(figure_7([durations_of(planted())]), tmp_path / "figure_7.svg")
            assert all(rcParams[name] == value for name, value in settings.items())
        drawn.append([(tmp_path / f"figure_{k}.{s}").read_bytes() for k in (3, 7) for s in KINDS])
    assert drawn[0] == drawn[1]


NAMES = ("$x_{bad$", "a$b$c", r"\$y\frac", "<b>hö&he|*", "_under_", "100 %", "{brace}", "名")


@pytest.mark.filterwarnings("ignore:Glyph")  # the font has no Chinese
def test_any_name_is_shown_as_it_is(tmp_path):
    state = tuple(f"qpos:{name} [m]" for name in NAMES)
    size = len(state)
    episodes = [fake_episode(0, np.ones((9, size, size)))]
    named = dataclasses.replace(
        fake_dataset(episodes).info, state_names=state, action_names=("$u$ [1]",)
    )
    dataset = dataclasses.replace(fake_dataset(episodes), info=named)
    figure = figure_3(count_elements(dataset, [THRESHOLD]), THRESHOLD)
    assert ticks(figure.axes[0].get_yticklabels()) == list(state)
    save_figure(figure, tmp_path / "figure_3.svg")
    embedded = embedding(steps())
    touched = frames(steps(), [png("red")] * 4)
    strange = pa.array([list(NAMES)] * touched.num_rows, pa.list_(pa.string()))
    at = touched.column_names.index("touching")
    save_figure(figure_4(embedded, touched.set_column(at, "touching", strange)), tmp_path / "4.svg")


def verified(errors, method="hybrid", stored=True):
    table = pa.table({"error": errors})
    count = len(errors)
    facts = {"environment": "FingerSpin", "behaviour": "expert", "method": method}
    for name, value in {**facts, "stored": stored, "kink": False, "jump": False}.items():
        table = table.append_column(name, pa.array([value] * count))
    return table


def test_verification_tells_each_methods_share():
    both = pa.concat_tables([verified([1e-9, 1e-8]), verified([1e-9, 1.0], "unrolled", False)])
    kink = both.slice(0, 1).set_column(both.column_names.index("kink"), "kink", pa.array([True]))
    axes = figure_verification([pa.concat_tables([both, kink])]).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["hybrid: 100.0% right", "unrolled: 50.0% right"]
    assert axes.get_title() == "FingerSpin (expert)\n2 samples, 1 left out"
    assert len(axes.lines) == 2


def test_a_method_without_a_look_of_its_own_is_drawn_too():
    methods = ("hybrid", "new", "unrolled", "another", "implicit", "mujoco_c")
    table = pa.concat_tables(verified([1e-9], name, name == "hybrid") for name in methods)
    axes = figure_verification([table]).axes[0]
    labels = [text.get_text().split(":")[0] for text in axes.get_legend().get_texts()]
    assert labels == ["hybrid", "unrolled", "implicit", "mujoco_c", "another", "new"]

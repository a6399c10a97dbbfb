"""The explorer's pages: what they hold, and that a stranger's names do nothing in them."""

import base64
import gzip
import json
import re
import socket

import api_fakes
import mujoco
import numpy as np
import pytest
from click.testing import CliRunner
from explorer_fakes import HOSTILE, MODEL, structure
from hypothesis import given
from hypothesis import strategies as st

import dynsparse as ds
from dynsparse.cli import main
from dynsparse.explorer import case, digits, robot, view


def decoded(code, threshold):
    """The number behind a code, by the words of its description alone."""
    code = int(code)
    power, shown = divmod((code - digits.FIRST) // 2, 900)
    sign = "-" if (code - digits.FIRST) % 2 else ""
    return float(f"{sign}{shown + 100}e{power + digits.lowest_power(threshold) - 2}")


def about(page):
    return json.loads(re.search(r'id="about">(.*?)</script>', page, re.DOTALL)[1])


def arrays(page, number):
    """The arrays of an episode, read back."""
    text = re.search(rf'id="episode-{number}">(.*?)</script>', page)[1]
    content, found = gzip.decompress(base64.b64decode(text)), {}
    for name, kind, shape in about(page)["episodes"][number]["arrays"]:
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        found[name] = np.frombuffer(content[:size], kind).reshape(shape)
        content = content[size:]
    assert not content
    return found


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.sampled_from([1e-12, 1e-15, 1e-3, 3e-7]),
)
def test_a_code_says_what_python_prints(values, threshold):
    for value, code in zip(values, digits.encode(np.array(values), threshold), strict=True):
        if value == 0:
            assert code == digits.ZERO
        elif abs(value) < threshold:
            assert code == digits.BELOW
        elif code == digits.BEYOND:
            assert abs(value) > 10.0 ** (digits.lowest_power(threshold) + digits.POWERS - 1)
        else:
            assert decoded(code, threshold) == float(f"{value:.2e}")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_has_no_digits_is_not_called_zero(value):
    assert digits.encode(np.array([value]), 1e-12) == digits.BEYOND


def test_the_page_holds_the_numbers_of_the_file(tmp_path):
    stored = api_fakes.write(tmp_path / "x.h5")
    page = case.case_page(ds.load(tmp_path / "x.h5"), 1e-12, model=MODEL)
    assert [each["steps"] for each in about(page)["episodes"]] == [6] * 4
    both = np.concatenate([stored["state_jacobian"], stored["action_jacobian"]], axis=-1)
    for number in range(4):
        low, high = arrays(page, number)["elements"].astype(int)
        found = (low + 256 * high).T.reshape(both[number].shape)
        for place, code in np.ndenumerate(found):
            value = both[number][place] if stored["jacobian_ok"][number, place[0]] else 0
            assert decoded(code, 1e-12) == float(f"{value:.2e}") if value else code == digits.ZERO
    ok = stored["jacobian_ok"]
    assert about(page)["zeros"] == (both[ok] == 0).sum(axis=0).ravel().tolist()
    assert about(page)["samples"] == ok.sum()


def test_bodies_are_where_mujoco_has_them(tmp_path):
    stored = api_fakes.write(tmp_path / "x.h5")
    page = case.case_page(ds.load(tmp_path / "x.h5"), 1e-12, model=MODEL)
    shown, scene = arrays(page, 2), about(page)["robot"]
    scale = about(page)["episodes"][2]["scale"]
    # The target is placed by a task and is no part of the state.
    assert [shape["kind"] for shape in scene["shapes"]] == ["plane", "box", "capsule"]
    data = mujoco.MjData(MODEL)
    for t, state in enumerate(stored["state"][2]):
        data.qpos[:] = state[:2]
        mujoco.mj_forward(MODEL, data)
        centre = shown["centre"][:, t]
        np.testing.assert_allclose(centre, data.cam_xpos[0], atol=1e-6)
        for body, number in enumerate(robot.bodies(MODEL)):
            # Half a unit of the rounding, and float32 of the centre.
            where = centre + scale * shown["place"][body, :, t]
            np.testing.assert_allclose(where, data.xpos[number], atol=0.51 * scale + 1e-6)
            turn = shown["turn"][body, :, t] / 32767
            np.testing.assert_allclose(turn, data.xquat[number], atol=2e-5)
        ends = centre + scale * shown["string"][:, :, t]
        np.testing.assert_allclose(ends, data.site_xpos, atol=0.51 * scale + 1e-6)


def test_a_model_of_another_size_is_refused(tmp_path):
    api_fakes.write(tmp_path / "x.h5")
    small = mujoco.MjModel.from_xml_string("<mujoco/>")
    with pytest.raises(ds.DynsparseError, match="states have 4 numbers, those of the model"):
        case.case_page(ds.load(tmp_path / "x.h5"), 1e-12, model=small)


def test_a_page_has_two_megabytes_at_most(tmp_path, monkeypatch):
    assert case.MOST_BYTES <= 2_000_000
    # A third of both, which is soon compressed.
    monkeypatch.setattr(case, "MOST_BYTES", case.MOST_BYTES // 3)
    names = tuple(f"q{kind}:{k} [m]" for kind in ("pos", "vel") for k in range(20))
    api_fakes.write(tmp_path / "x.h5", state_names=names, steps=233, episodes=3)
    page = case.case_page(ds.load(tmp_path / "x.h5"), 1e-12)
    # Random numbers do not compress: one episode does not fit.
    (only,) = about(page)["episodes"]
    assert 0.8 * case.MOST_BYTES < len(page.encode()) <= case.MOST_BYTES
    assert 0 < only["steps"] < only["of"] == 233
    assert about(page)["all_episodes"] == 3


def test_too_many_elements_are_one_line(tmp_path, monkeypatch):
    api_fakes.write(tmp_path / "x.h5")
    monkeypatch.setattr(case, "MOST_ELEMENTS", 19)
    with pytest.raises(ds.DynsparseError, match="4 x 5 elements are too many"):
        case.case_page(ds.load(tmp_path / "x.h5"), 1e-12)


def test_nothing_is_loaded_and_only_the_pages_own_scripts_run(tmp_path):
    api_fakes.write(tmp_path / "x.h5", state_names=HOSTILE)
    page = case.case_page(ds.load(tmp_path / "x.h5"), 1e-12)
    assert "default-src &#x27;none&#x27;" in page
    assert "unsafe" not in page.split("<title>")[0]
    tags = re.findall(r"<(?:script|link|img|iframe|object|embed|form|base|style)\b[^>]*>", page)
    kinds = {re.sub(r' id="episode-\d+"', "", tag) for tag in tags}
    assert kinds == {
        "<style>",
        '<script type="application/json" id="about">',
        '<script type="text/plain">',
        '<script type="text/plain" id="three">',
        "<script>",
    }
    assert page.count("<script") == page.count("</script>") == 3 + 4
    assert not re.search(r"https?:|@import|url\(", page)


def test_names_reach_the_page_as_they_are_but_for_what_steers(tmp_path):
    api_fakes.write(tmp_path / "x.h5", state_names=HOSTILE)
    names = about(case.case_page(ds.load(tmp_path / "x.h5"), 1e-12))["state_names"]
    assert names[0] == ["qpos:</script><script>document.title='taken'</script>", "m"]
    assert names[2] == ["qvel:$&${title}{{about}}\\u2028\\u2029\\x00\\x1b[31m", "m/s"]


def test_the_same_data_give_the_same_page(tmp_path):
    api_fakes.write(tmp_path / "x.h5")
    pages = {case.case_page(ds.load(tmp_path / "x.h5"), 1e-12, model=MODEL) for _ in range(2)}
    assert len(pages) == 1


def test_what_the_model_proves_is_marked(tmp_path):
    api_fakes.write(tmp_path / "x.h5")
    data = ds.load(tmp_path / "x.h5")
    page = case.case_page(data, 1e-12, structure("CartpoleBalance"))
    assert about(page)["structural"] == [1, 1, 1, 1, 0] * 4
    for other in (structure("CartpoleSwingup"), structure("CartpoleBalance", HOSTILE)):
        assert about(case.case_page(data, 1e-12, other))["structural"] is None


def test_nothing_listens_and_nothing_is_asked_for(tmp_path, without_simulator, monkeypatch):
    """A page is a file: there is no server that somebody else could reach."""

    def refused(*_):
        raise AssertionError("a socket was used")

    api_fakes.write(tmp_path / "x.h5")
    for name in ("bind", "listen", "connect"):
        monkeypatch.setattr(socket.socket, name, refused)
    assert view.view(tmp_path / "x.h5").is_file()


@pytest.fixture
def without_simulator(monkeypatch):
    def missing(*_):
        raise ds.DynsparseError("needs mujoco: pip install 'dynsparse[simulate]'")

    monkeypatch.setattr(view, "needed", missing)


def test_a_study_has_a_page_per_case_and_a_list(tmp_path, without_simulator):
    api_fakes.write_study(tmp_path / "micro")
    done = CliRunner().invoke(main, ["view", str(tmp_path / "micro")])
    assert done.exit_code == 0, done.output
    assert "has no robot" in done.stderr
    assert "dynsparse[simulate]" in done.stderr
    listed = (tmp_path / "micro/explorer/index.html").read_text()
    assert done.stdout.strip() == str(tmp_path / "micro/explorer/index.html")
    assert 'href="CartpoleBalance-random.html"' in listed
    page = (tmp_path / "micro/explorer/CartpoleBalance-random.html").read_text()
    # A first episode of each seed comes before any second one.
    assert [each["seed"] for each in about(page)["episodes"]][:4] == [0, 1, 0, 1]


def test_the_list_of_pages_shows_names_as_they_are(tmp_path):
    api_fakes.write(tmp_path / "x.h5")
    listed = view.index("<script>1</script>", [('"><b>.html', ds.load(tmp_path / "x.h5"))])
    assert "<script" not in listed and "<b>" not in listed
    assert "&lt;script&gt;1&lt;/script&gt;" in listed


def test_a_file_has_a_page_beside_it_or_where_one_says(tmp_path, without_simulator):
    api_fakes.write(tmp_path / "x.h5")
    CliRunner().invoke(main, ["view", str(tmp_path / "x.h5")])
    CliRunner().invoke(
        main, ["view", str(tmp_path / "x.h5"), "--output", str(tmp_path / "a/y.html")]
    )
    assert (tmp_path / "x.html").read_bytes() == (tmp_path / "a/y.html").read_bytes()


def test_what_is_no_dataset_is_one_line(tmp_path):
    (tmp_path / "x.h5").write_text("no HDF5")
    done = CliRunner().invoke(main, ["view", str(tmp_path / "x.h5")])
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1

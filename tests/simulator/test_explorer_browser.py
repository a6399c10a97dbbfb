"""The explorer's page in a real browser: what it shows, asks for, and is steered by."""

import shutil

import api_fakes
import numpy as np
import pytest
from browser import browser
from explorer_fakes import HOSTILE, MODEL, structure

import dynsparse as ds
from dynsparse.explorer.case import case_page

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Debian's chromium (apt-get install chromium)"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as opened:
        opened.size(1366, 768)
        yield opened


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A page without a robot, and the numbers of its file."""
    folder = tmp_path_factory.mktemp("page")
    stored = api_fakes.write(folder / "x.h5", contact_names=("floor:foot",))
    text = case_page(ds.load(folder / "x.h5"), 1e-12, structure("CartpoleBalance"))
    (folder / "x.html").write_text(text, encoding="utf-8")
    both = np.concatenate([stored["state_jacobian"], stored["action_jacobian"]], axis=-1)
    return folder / "x.html", stored, both


@pytest.fixture(scope="module")
def pictured(tmp_path_factory):
    """A page with a robot."""
    folder = tmp_path_factory.mktemp("robot")
    api_fakes.write(folder / "x.h5")
    text = case_page(ds.load(folder / "x.h5"), 1e-12, model=MODEL)
    (folder / "x.html").write_text(text, encoding="utf-8")
    return folder / "x.html"


def at(episode=0, step=0, row=0, column=0):
    return f"seed=0&episode={episode}&step={step}&row={row}&column={column}"


def test_numbers_are_those_of_the_file(page, made):
    path, stored, both = made
    for episode, step in ((0, 2), (1, 0), (3, 5)):
        page.open(path, at(episode, step))
        shown = page.run("""[...document.querySelectorAll("#matrix td[role]")].map((cell) => {
            cell.click();
            return [document.getElementById("value").textContent, cell.className];
        })""")
        for value, (number, looks) in zip(both[episode, step].flat, shown, strict=True):
            assert float(number) == float(f"{value:.2e}")
            assert ("zero" in looks or "structural" in looks) == (value == 0)
        zero = (both[episode, step] == 0).mean()
        assert page.text("#sparsity") == f"· {100 * zero:.1f} % zero".replace(".0 %", ".0 %")
        assert f"reward {stored['reward'][episode, step]:.3g}"[:10] in page.text("#now")


def test_a_step_without_a_derivative_shows_none(page, made):
    page.open(made[0], at(0, 5))
    assert page.text("#value") == page.text("#sparsity").strip("· ") == "no derivative"


def test_why_an_element_is_zero(page, made):
    path, stored, both = made
    ok = stored["jacobian_ok"]
    zero = next(map(tuple, np.argwhere((both == 0)[:, :, :, 4] & ok[..., None])))
    page.open(path, at(zero[0], zero[1], zero[2], 4))
    share = 100 * (both[ok][:, zero[2], 4] == 0).mean()
    assert f"Contingent zero: zero in this state; zero in {share:.1f} %" in page.text("#reason")
    zero = next(map(tuple, np.argwhere((both == 0)[..., :4] & ok[..., None, None])))
    page.open(path, at(*zero))
    assert "the model alone proves it" in page.text("#reason")
    touching = stored["contact"][zero[0], :, 0] & ok[zero[0]]
    rows = page.run("[...document.querySelectorAll('#element tbody tr')].map(x => x.textContent)")
    (line,) = [line for line in rows if line.startswith("floor:foot")]
    assert line.startswith(f"floor:foot{touching.sum()}")


def test_the_address_keeps_the_place(page, made):
    page.open(made[0], at(2, 3, 1, 4))
    assert page.run("document.body.dataset.shown") == "2 3 1 4"
    page.press("ArrowRight")
    assert page.run("location.hash") == "#" + at(2, 4, 1, 4)
    page.run(f"location.hash = {at(1, 1, 0, 0)!r}")
    page.wait("document.body.dataset.shown === '1 1 0 0'")
    # What is no place is the nearest that there is.
    page.open(made[0], "seed=7&step=1e9&row=-3&column=x")
    assert page.run("document.body.dataset.shown") == "0 5 0 0"


def test_keys_step_and_jump_to_changes(page, made):
    path, stored, both = made
    zero, ok = both[1] == 0, stored["jacobian_ok"][1]
    changes = [t for t in range(1, 6) if ok[t - 1 : t + 1].all() and (zero[t] != zero[t - 1]).any()]
    own = [t for t in changes if zero[t, 2, 1] != zero[t - 1, 2, 1]]
    page.open(path, at(1, 0, 2, 1))
    for key, shift, steps in (("n", False, changes), ("N", True, own)):
        page.press("Home")
        for step in steps:
            page.press(key, shift)
            assert page.run("document.body.dataset.shown") == f"1 {step} 2 1"
    page.press("End")
    page.press("p")
    assert page.run("document.body.dataset.shown") == f"1 {[t for t in changes if t < 5][-1]} 2 1"
    page.run("document.querySelector('[aria-selected]').focus()")
    page.press("ArrowDown")
    page.press("ArrowRight")
    assert page.run("document.body.dataset.shown").endswith(" 3 2")
    label = page.run("document.activeElement.getAttribute('aria-label')")
    assert label.startswith("qvel:hinge_1 by qvel:slider: ")


def test_what_can_be_used_has_a_name(page, made):
    page.open(made[0])
    nameless = page.run("""[...document.querySelectorAll("button, input, select, canvas, section")]
        .filter(x => !(x.getAttribute("aria-label") || x.textContent || x.labels?.length))
        .map(x => x.outerHTML)""")
    assert nameless == []


def test_strangers_names_do_nothing(page, tmp_path):
    api_fakes.write(tmp_path / "x.h5", state_names=HOSTILE, constraint_names=HOSTILE)
    text = case_page(ds.load(tmp_path / "x.h5"), 1e-12)
    (tmp_path / "x.html").write_text(text, encoding="utf-8")
    page.problems.clear()
    page.open(tmp_path / "x.html", at(0, 1, 0, 1))
    assert page.run("document.title") == "CartpoleBalance (random)"
    assert page.run("document.images.length") == 0
    shown = page.run("[...document.querySelectorAll('#matrix tbody th')].map(x => x.textContent)")
    assert shown[0] == "qpos:</script><script>document.title='taken'</script> m"
    assert page.problems == []
    # And the page's policy would stop what got past that.
    page.run(
        "document.body.append(document.createElement('script')),"
        "document.scripts[document.scripts.length - 1].text = 'document.title = 1'"
    )
    assert page.run("document.title") == "CartpoleBalance (random)"


def coloured(page):
    """How many pixels of the robot's picture are drawn."""
    return page.run("""(() => {
        const from = document.querySelector("#robot canvas"), to = document.createElement("canvas");
        [to.width, to.height] = [from.width, from.height];
        const pen = to.getContext("2d");
        pen.drawImage(from, 0, 0);
        const found = pen.getImageData(0, 0, to.width, to.height).data;
        return found.filter((value, k) => k % 4 === 3 && value > 0).length;
    })()""")


def test_the_robot_is_drawn_and_nothing_is_asked_for(page, pictured):
    page.requests.clear()
    page.problems.clear()
    page.open(pictured, at(1, 1))
    assert page.run("'THREE' in window")
    assert coloured(page) > 1000
    loaded = {url for url in page.requests if url != "about:blank"}
    assert loaded == {f"file://{pictured}#{at(1, 1)}"} or loaded == {f"file://{pictured}"}
    assert page.problems == []


def test_without_webgl_the_robot_is_drawn_flat(pictured, tmp_path):
    with browser(CHROMIUM, tmp_path / "profile", "--disable-3d-apis") as page:
        page.size(1366, 768)
        page.open(pictured, at(1, 1))
        assert not page.run("'THREE' in window")
        assert coloured(page) > 1000
        assert page.problems == []


def test_what_is_done_before_it_is_ready_does_no_harm(page, made):
    early = """addEventListener("DOMContentLoaded", () => {
        dispatchEvent(new Event("resize"));
        document.dispatchEvent(new KeyboardEvent("keydown", {key: "n"}));
    })"""
    script = page.send("Page.addScriptToEvaluateOnNewDocument", source=early)["identifier"]
    page.problems.clear()
    page.open(made[0], at(1, 1))
    page.send("Page.removeScriptToEvaluateOnNewDocument", identifier=script)
    assert page.run("document.body.dataset.shown") == "1 1 0 0"
    assert page.problems == []


def test_it_fits_a_phone(page, made):
    page.size(390, 844, phone=True)
    page.open(made[0])
    assert page.run("document.documentElement.scrollWidth") == 390
    page.size(1366, 768)

"""Pictures of planted states, and what happens where no renderer works."""

import io
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
from PIL import Image
from test_embedding import steps_table

from dynsparse.rendering.case import render_case
from dynsparse.rendering.frames import HEIGHT, VARIABLE, WIDTH, draw_frames
from dynsparse.storage.tables import metadata_of

# A red ball on a rail before a camera, and a target that the task alone would place.
BALL = """
<mujoco>
  <worldbody>
    <camera pos="0 -4 0" xyaxes="1 0 0 0 0 1"/>
    <light pos="0 -4 0" dir="0 1 0"/>
    <body><joint type="slide" axis="1 0 0"/><geom size=".3" rgba="1 0 0 1"/></body>
    <body mocap="true" pos="0 0 1">
      <geom size=".3" rgba="0 1 0 1" contype="0" conaffinity="0"/>
    </body>
  </worldbody>
</mujoco>
"""


@pytest.fixture
def ball():
    return mujoco.MjModel.from_xml_string(BALL)


class FakeFile:
    def __init__(self, steps):
        self.info = SimpleNamespace(
            seed=0,
            contact_names=("ground:ball", "wall:ball"),
            constraint_names=("frictionloss:rail", "limit:rail"),
        )
        self.steps = steps

    def arrays(self, episode, names):
        step = np.arange(self.steps)
        return {
            "state": np.stack([step / self.steps, np.zeros(self.steps)], axis=1),
            "contact": np.stack([step % 2 == 0, step < 0], axis=1),
            "constraint_active": np.stack([step >= 0, step == self.steps - 1], axis=1),
        }


def test_a_broken_renderer_gives_a_reason_and_no_picture(ball, monkeypatch):
    monkeypatch.setenv(VARIABLE, "broken")
    pictures = draw_frames(ball, np.zeros((2, 2)))
    assert (pictures.png, pictures.renderer) == ((), "")
    assert "broken" in pictures.problem
    assert "\n" not in pictures.problem


def test_without_a_renderer_the_table_has_all_but_pictures(ball, monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, "broken")
    table = render_case(steps_table({0: [[1, 0, 4, 1]]}), {0: FakeFile(4)}, ball)
    assert table["png"].to_pylist() == [None] * 4
    assert table["touching"].to_pylist() == [["ground:ball"], [], ["ground:ball"], []]
    assert table["limits"].to_pylist() == [[], [], [], ["limit:rail"]]
    assert "no offscreen renderer works here" in capsys.readouterr().err
    assert "broken" in metadata_of(table)["problem"]


def test_pictures_show_the_state_and_no_target(ball, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    pictures = draw_frames(ball, np.array([[-1.0, 0.0], [1.0, 0.0]]))
    if not pictures.renderer:
        pytest.skip(f"no offscreen renderer on this machine: {pictures.problem}")
    assert len(pictures.png) == 2
    for png, side in zip(pictures.png, (-1, 1), strict=True):
        image = np.asarray(Image.open(io.BytesIO(png))).astype(int)
        assert image.shape == (HEIGHT, WIDTH, 3)
        red = np.argwhere(image[..., 0] > image[..., 1:].sum(axis=2) + 30)
        assert np.sign(red[:, 1].mean() - WIDTH / 2) == side
        assert not (image[..., 1] > image[..., [0, 2]].sum(axis=2) + 30).any()
    # Drawing leaves the model as it was.
    assert ball.geom_rgba[1, 3] == 1

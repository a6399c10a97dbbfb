// Vectors and poses. Quaternions are (w, x, y, z), as MuJoCo's are.

const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const times = (k, a) => [k * a[0], k * a[1], k * a[2]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [
  a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0],
];
const unit = (a) => times(1 / Math.hypot(...a), a);

function turned([w, ...u], a) {
  const twice = times(2, cross(u, a));
  return add(add(a, times(w, twice)), cross(u, twice));
}

// Where a body is at a step, relative to where the camera was put.
function pose(episode, body, t) {
  const at = (array, width, k) => array[(body * width + k) * episode.steps + t];
  const place = [0, 1, 2].map((k) => episode.scale * at(episode.place, 3, k));
  const turn = [0, 1, 2, 3].map((k) => at(episode.turn, 4, k) / 32767);
  return { place, turn };
}

function centre(episode, t) {
  return [0, 1, 2].map((k) => episode.centre[k * episode.steps + t]);
}

// How far the camera goes back so that it sees the bodies that move at every step.
function stepBack(episode, aspect) {
  const { view, shapes } = about.robot;
  const forward = unit(view.forward), right = unit(cross(forward, view.up)), up = cross(right, forward);
  // A little less than all of it: bodies have a size.
  const high = 0.85 * Math.tan((view.angle * Math.PI) / 360), wide = high * aspect;
  const moving = new Set(shapes.filter(({ kind }) => kind !== "plane").map(({ body }) => body));
  let most = 0;
  for (const body of moving) {
    for (let t = 0; t < episode.steps; t++) {
      const { place } = pose(episode, body, t);
      const needed = Math.max(Math.abs(dot(place, up)) / high, Math.abs(dot(place, right)) / wide);
      most = Math.max(most, needed - dot(place, forward));
    }
  }
  return most;
}

// Points along each tendon.
function strings(episode, t) {
  let first = 0;
  return about.robot.strings.map(({ points }) => {
    const path = Array.from({ length: points }, (_, p) =>
      [0, 1, 2].map((k) => episode.scale * episode.string[((first + p) * 3 + k) * episode.steps + t]));
    first += points;
    return path;
  });
}

// Tiles of the floor have sides of a power of ten, in metres.
const tile = about.robot ? 10 ** Math.round(Math.log10(about.robot.view.distance / 5)) : 1;

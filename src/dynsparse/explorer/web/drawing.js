// The robot without WebGL: the outline of each shape, those far away first.

// Points on a shape whose outline is that of the shape, in its own frame.
function surface({ kind, size: [a, b, c] }) {
  const ring = (radius, z, count = 20) => Array.from({ length: count }, (_, k) => {
    const angle = (2 * Math.PI * k) / count;
    return [radius * Math.cos(angle), radius * Math.sin(angle), z];
  });
  const ball = (x, y, z, shift = 0) => [-1, -0.8, -0.5, 0, 0.5, 0.8, 1].flatMap((h) =>
    ring(Math.sqrt(1 - h * h), h).map((p) => [x * p[0], y * p[1], z * p[2] + shift]));
  if (kind === "sphere") return ball(a, a, a);
  if (kind === "ellipsoid") return ball(a, b, c);
  if (kind === "capsule") return [...ball(a, a, a, b), ...ball(a, a, a, -b)];
  if (kind === "cylinder") return [...ring(a, b), ...ring(a, -b)];
  return [-1, 1].flatMap((x) => [-1, 1].flatMap((y) => [-1, 1].map((z) => [x * a, y * b, z * c])));
}

// The convex hull of points in the plane, by Andrew's monotone chain.
function hull(points) {
  const sorted = [...points].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  const left = (o, p, q) => (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0]) > 0;
  const half = (list) => {
    const chain = [];
    for (const point of list) {
      while (chain.length > 1 && !left(chain.at(-2), chain.at(-1), point)) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

function makeDrawing(place) {
  const canvas = node("canvas", { role: "img", "aria-label": "The robot, drawn flat" });
  const pen = canvas.getContext("2d");
  place.append(canvas);
  const { view, shapes } = about.robot;
  const forward = unit(view.forward), right = unit(cross(forward, view.up)), up = cross(right, forward);
  const outlines = shapes.map(surface);
  let back = null;

  function show(episode, t) {
    const { width, height } = fit(canvas);
    back ??= stepBack(episode, width / height);
    const focus = height / 2 / Math.tan((view.angle * Math.PI) / 360);
    // What is behind the camera has no place in the picture.
    const flat = (p) => {
      const depth = dot(p, forward) + back;
      return depth > 0.02 * view.distance
        ? [width / 2 + (focus * dot(p, right)) / depth, height / 2 - (focus * dot(p, up)) / depth] : null;
    };
    pen.clearRect(0, 0, width, height);
    const colours = getComputedStyle(document.documentElement);
    const things = shapes.map((shape, k) => {
      const { place, turn } = pose(episode, shape.body, t);
      const world = (p) => add(place, turned(turn, add(shape.place, turned(shape.turn, p))));
      if (shape.kind === "plane") {
        return { depth: Infinity, draw: () => floor(world([0, 0, 0]), turned(turn, turned(shape.turn, [0, 0, 1]))) };
      }
      return { depth: dot(world([0, 0, 0]), forward), draw: () => fill(outlines[k].map(world), shape.colour) };
    });
    strings(episode, t).forEach((path, k) => {
      const { colour, width: thick } = about.robot.strings[k];
      const depth = Math.max(...path.map((p) => dot(p, forward)));
      things.push({ depth, draw: () => line(path, colour, (2 * thick * focus) / (depth + back)) });
    });
    things.sort((a, b) => b.depth - a.depth).forEach((thing) => thing.draw());

    function fill(points, colour) {
      const seen = points.map(flat);
      if (seen.includes(null)) return;
      pen.beginPath();
      hull(seen).forEach(([x, y]) => pen.lineTo(x, y));
      pen.closePath();
      pen.fillStyle = css(colour);
      pen.fill();
      pen.strokeStyle = colours.getPropertyValue("--ink");
      pen.lineWidth = 0.6;
      pen.stroke();
    }

    function line(path, colour, thick) {
      pen.beginPath();
      path.map(flat).forEach((p) => p && pen.lineTo(...p));
      pen.strokeStyle = css(colour);
      pen.lineWidth = Math.max(thick, 1.5);
      pen.stroke();
    }

    // Lines between tiles, which stay where they are while the camera moves.
    function floor(middle, normal) {
      const here = centre(episode, t), reach = 12;
      const side = unit(Math.abs(normal[0]) < 0.9 ? cross(normal, [1, 0, 0]) : cross(normal, [0, 1, 0]));
      const other = cross(normal, side);
      const under = times(dot(middle, normal), normal);
      const shift = [side, other].map((axis) => -(((dot(here, axis) / tile) % 1) * tile));
      pen.strokeStyle = colours.getPropertyValue("--line");
      pen.lineWidth = 1;
      for (const [axis, across, a, b] of [[side, other, 0, 1], [other, side, 1, 0]]) {
        for (let k = -reach; k <= reach; k++) {
          const start = add(under, times(shift[a] + k * tile, axis));
          pen.beginPath();
          for (let m = -reach; m <= reach; m += 0.5) {
            const p = flat(add(start, times(shift[b] + m * tile, across)));
            if (p) pen.lineTo(...p);
            else { pen.stroke(); pen.beginPath(); }
          }
          pen.stroke();
        }
      }
    }
  }
  return { show };
}

const css = ([r, g, b, a]) => `rgb(${255 * r} ${255 * g} ${255 * b} / ${a})`;

// A canvas with as many pixels as the screen shows of it; drawing is in CSS pixels.
function fit(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas, dense = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(height * dense);
  }
  canvas.getContext("2d").setTransform(dense, 0, 0, dense, 0, 0);
  return { width, height };
}

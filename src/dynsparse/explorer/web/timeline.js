// Over time: how many elements are zero, what touches, and whether the chosen element is zero.

// More would push the picture from the screen; the rest is in the line below it.
const MOST_LINES = 9;
const LINE = 12, CURVE = 84;

function makeTimeline(canvas, go) {
  const pen = canvas.getContext("2d");
  let count = 0;
  const side = () => Math.min(Math.max(canvas.clientWidth * 0.22, 96), 150);
  const seek = (event) => {
    const { left, width } = canvas.getBoundingClientRect();
    const share = (event.clientX - left - side()) / (width - side());
    go(Math.round(Math.min(Math.max(share, 0), 1) * (count - 1)));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    seek(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && seek(event));

  function show(episode, t, i, j) {
    const lines = acting(episode).slice(0, MOST_LINES);
    count = episode.steps;
    const whole = CURVE + 8 + LINE * (lines.length + 2);
    canvas.style.height = `${whole}px`;
    const { width } = fit(canvas), start = side();
    const x = (step) => start + ((width - start) * step) / count;
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
    pen.clearRect(0, 0, width, whole);
    pen.font = '11px system-ui, "DejaVu Sans", sans-serif';
    pen.textBaseline = "middle";
    curve(episode, x, width, start, colour);
    const k = i * columns.length + j, { elements, steps, ok, changed } = episode;
    const strips = [
      ["pattern changes", (s) => changed[s] > 0, "--quiet"],
      [`${rows[i][0]} / ${columns[j][0]} ≠ 0`, (s) => ok[s] && elements[k * steps + s] > BELOW, "--high"],
      ...lines.map(({ name, marks }) => [name, (s) => marks[s], "--mark"]),
    ];
    strips.forEach(([name, marked, ink], line) => {
      const y = CURVE + 8 + LINE * line;
      pen.fillStyle = colour("--quiet");
      pen.fillText(name, 0, y + LINE / 2, start - 6);
      pen.fillStyle = colour("--panel");
      pen.fillRect(start, y + 1, width - start, LINE - 2);
      pen.fillStyle = colour(ink);
      runs(marked, steps).forEach(([from, to]) =>
        pen.fillRect(x(from), y + 1, Math.max(x(to) - x(from), 1), LINE - 2));
    });
    pen.fillStyle = colour("--ink");
    pen.fillRect(x(t + 0.5) - 0.75, 0, 1.5, whole);
  }

  function curve({ zeros, ok, steps }, x, width, start, colour) {
    const all = rows.length * columns.length, y = (share) => 4 + (CURVE - 8) * (1 - share);
    pen.fillStyle = colour("--quiet");
    [["sparsity 100 %", 1], ["50 %", 0.5], ["0 %", 0]].forEach(([name, share]) => {
      pen.textAlign = "right";
      pen.fillText(name, start - 6, Math.min(Math.max(y(share), 6), CURVE - 4));
      pen.textAlign = "left";
      pen.fillStyle = colour("--line");
      pen.fillRect(start, y(share), width - start, 1);
      pen.fillStyle = colour("--quiet");
    });
    pen.fillStyle = colour("--line");
    runs((s) => !ok[s], steps).forEach(([from, to]) => pen.fillRect(x(from), 0, x(to) - x(from), CURVE));
    pen.beginPath();
    let drawn = false;
    for (let s = 0; s < steps; s++) {
      // Each step has its whole width, so that a lone one is seen.
      if (ok[s]) for (const end of [s, s + 1]) pen[drawn ? "lineTo" : "moveTo"](x(end), y(zeros[s] / all)), drawn = true;
      else drawn = false;
    }
    pen.strokeStyle = colour("--ink");
    pen.lineWidth = 1.2;
    pen.stroke();
  }
  return { show };
}

// Stretches [from, to) in which something holds.
function runs(marked, steps) {
  const found = [];
  let from = -1;
  for (let s = 0; s <= steps; s++) {
    const on = s < steps && marked(s);
    if (on && from < 0) from = s;
    if (!on && from >= 0) found.push([from, s]), from = -1;
  }
  return found;
}

// Contacts and limits that act at any step of an episode, those that do most often first.
function acting(episode) {
  if (!episode.acting) {
    const of = (kind, names, array) => names.map((name, k) => {
      const marks = array.subarray(k * episode.steps, (k + 1) * episode.steps);
      return { name, kind, marks, total: marks.reduce((a, b) => a + b, 0) };
    });
    episode.acting = [
      ...of("contact", about.contact_names, episode.contact),
      ...of("constraint", about.constraint_names, episode.constraint),
    ].filter(({ total }) => total).sort((a, b) => b.total - a.total);
  }
  return episode.acting;
}

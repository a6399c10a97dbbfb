// The page: one place (episode, step, element), which the address keeps and all views show.

const at = (id) => document.getElementById(id);
const place = { number: 0, step: 0, row: 0, column: 0 };
let episode, timer = 0, playing = false, robot = null;

function clamp(value, last) {
  return Math.min(Math.max(Math.round(Number(value)) || 0, 0), last);
}

function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const same = (head) => String(head.seed) === asked.get("seed") && String(head.episode) === asked.get("episode");
  place.number = Math.max(about.episodes.findIndex(same), 0);
  place.step = clamp(asked.get("step"), about.episodes[place.number].steps - 1);
  const [row, column] = interesting();
  place.row = clamp(asked.get("row") ?? row, rows.length - 1);
  place.column = clamp(asked.get("column") ?? column, columns.length - 1);
}

// The element that is zero in most nearly half of the samples.
function interesting() {
  const even = about.zeros.map((zeros) => Math.abs(zeros - about.samples / 2));
  const k = even.indexOf(Math.min(...even));
  return [Math.floor(k / columns.length), k % columns.length];
}

function toAddress() {
  const { seed, episode: index } = about.episodes[place.number];
  const { step, row, column } = place;
  history.replaceState(null, "", `#${new URLSearchParams({ seed, episode: index, step, row, column })}`);
}

const matrix = makeMatrix(at("matrix"), (row, column) => go({ row, column }));
const timeline = makeTimeline(at("timeline"), (step) => go({ step }));

function show(moved = true) {
  const { step, row, column } = place, { zeros, ok } = episode;
  const all = rows.length * columns.length, seconds = (step * about.control_dt_s).toFixed(2);
  const sparsity = ok[step] ? `${percent(zeros[step], all)} zero` : "no derivative";
  const touching = acting(episode).filter(({ marks }) => marks[step]).map(({ name }) => name);
  if (moved) robot?.show(episode, step);
  timeline.show(episode, step, row, column);
  matrix.show(episode, step, row, column);
  showElement(at("element"), episode, step, row, column);
  at("step").value = step;
  at("step").setAttribute("aria-valuetext", `step ${step}, ${seconds} s, ${sparsity}`);
  at("now").textContent = `step ${step} of ${episode.steps}, ${seconds} s, reward ${text(reward(step))}`;
  at("sparsity").textContent = `· ${sparsity}`;
  // A screen reader would not keep up with what plays.
  at("acting").setAttribute("aria-live", playing ? "off" : "polite");
  at("acting").textContent = touching.length ? `Acts now: ${touching.join(", ")}` : "No contact or limit acts.";
  at("timeline").setAttribute("aria-label", `Sparsity and contacts over ${episode.steps} steps; now ${sparsity}`);
  document.body.dataset.shown = `${place.number} ${step} ${row} ${column}`;
}

// The last of the variables, behind states and actions.
const reward = (step) => episode.variables[columns.length * episode.steps + step];

// While it plays, the address would change too often for some browsers.
function go(change) {
  Object.assign(place, change);
  show("step" in change);
  if (!playing) toAddress();
}

async function open() {
  stop();
  const asked = place.number, read = await readEpisode(asked);
  // Another was chosen meanwhile.
  if (asked !== place.number) return;
  episode = read;
  at("step").max = episode.steps - 1;
  at("episode").value = place.number;
  matrix.resize();
  show();
}

function jump(steps) {
  const next = steps < 0
    ? (list) => list.findLast((t) => t < place.step) : (list) => list.find((t) => t > place.step);
  return (list) => {
    const step = next(list);
    if (step !== undefined) go({ step });
  };
}

// The steps at which the chosen element becomes zero or nonzero.
function ofElement() {
  const { elements, steps, ok } = episode, first = (place.row * columns.length + place.column) * steps;
  const zero = (t) => elements[first + t] <= BELOW;
  return [...ok.keys()].filter((t) => t && ok[t] && ok[t - 1] && zero(t) !== zero(t - 1));
}

function stop() {
  playing = false;
  cancelAnimationFrame(timer);
  at("play").textContent = "Play";
}

function play() {
  playing = true;
  at("play").textContent = "Pause";
  const begin = performance.now(), from = place.step === episode.steps - 1 ? 0 : place.step;
  const frame = (now) => {
    const step = from + Math.floor(((now - begin) / 1000 / about.control_dt_s) * Number(at("speed").value));
    go({ step: Math.min(step, episode.steps - 1) });
    if (step >= episode.steps - 1) pause();
    else timer = requestAnimationFrame(frame);
  };
  timer = requestAnimationFrame(frame);
}

function pause() {
  stop();
  toAddress();
}

const toggle = () => (playing ? pause() : play());

// Nothing can be steered before there is an episode.
function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const far = event.shiftKey ? 10 : 1, last = episode.steps - 1;
    const step = (by) => () => go({ step: clamp(place.step + by, last) });
    const action = {
      ArrowLeft: step(-far), ArrowRight: step(far), Home: () => go({ step: 0 }), End: () => go({ step: last }),
      n: () => jump(1)(episode.changes), p: () => jump(-1)(episode.changes),
      N: () => jump(1)(ofElement()), P: () => jump(-1)(ofElement()),
      // A button that has the focus is pressed by it.
      " ": event.target.tagName === "BUTTON" ? undefined : toggle,
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  at("play").addEventListener("click", toggle);
  at("next").addEventListener("click", () => jump(1)(episode.changes));
  at("previous").addEventListener("click", () => jump(-1)(episode.changes));
  at("step").addEventListener("input", () => go({ step: Number(at("step").value) }));
  at("episode").addEventListener("change", async () => {
    place.number = Number(at("episode").value);
    place.step = clamp(place.step, about.episodes[place.number].steps - 1);
    await open();
    toAddress();
  });
  addEventListener("hashchange", () => {
    fromAddress();
    open();
  });
  addEventListener("resize", () => {
    matrix.resize();
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
}

async function begin() {
  at("title").textContent = about.title;
  about.episodes.forEach((head, number) => {
    const whole = head.steps === head.of ? "" : `, first ${head.steps} of ${head.of} steps`;
    at("episode").append(node("option", { value: number }, `seed ${head.seed}, episode ${head.episode}${whole}`));
  });
  at("note").textContent = about.episodes.length < about.all_episodes
    ? `${about.episodes.length} of ${about.all_episodes} episodes are on this page.` : "";
  fromAddress();
  if (about.robot) robot = (await makeScene(at("robot"))) ?? makeDrawing(at("robot"));
  else at("robot").append(node("p", {}, "Made without MuJoCo: no picture of the robot."));
  await open();
  listen();
}

begin();

// What is known of the chosen element: its value, when it is zero, and why.

function showElement(place, episode, t, i, j) {
  const { elements, steps, ok } = episode, k = i * columns.length + j;
  const code = elements[k * steps + t], zero = (s) => elements[k * steps + s] <= BELOW;
  const [row, rowUnit] = rows[i], [column, columnUnit] = columns[j];
  const value = ok[t] ? text(code) : "no derivative";
  place.replaceChildren(
    node("h2", {}, `d next ${row} / d ${column}`),
    node("p", { class: "value" }, node("b", { id: "value" }, value), quotient(rowUnit, columnUnit)),
    node("p", { id: "reason" }, reason(k, ok[t], zero(t))),
    node("p", { id: "run" }, ok[t] ? run(episode, t, zero) : ""),
    circumstances(episode, t, zero),
  );
}

function quotient(above, below) {
  const closed = (unit) => (unit.includes("/") ? `(${unit})` : unit);
  return below === "1" ? above : `${closed(above)} / ${closed(below)}`;
}

// Structural, contingent, or not zero.
function reason(k, known, zero) {
  if (!known) return "The simulator's derivative of this step is not finite.";
  const zeros = about.zeros[k], all = about.samples, many = all.toLocaleString("en-GB");
  if (about.structural?.[k]) {
    return zero ? "Structural zero: the model alone proves it zero in every state."
      : "The model proves it zero; here it is not, which should not be.";
  }
  const possible = about.structural ? "The model allows it to be nonzero" : "What the model says is not known here";
  if (zeros === all) return `Contingent zero: zero in all ${many} samples of this case. ${possible}.`;
  const share = `zero in ${percent(zeros, all)} of the ${many} samples of this case`;
  if (zero) return `Contingent zero: zero in this state; ${share}. ${possible}.`;
  return zeros ? `Not zero in this state; ${share}.` : `Not zero in this state, nor in any of the ${many} samples of this case.`;
}

function run({ ok, steps }, t, zero) {
  let first = t, last = t;
  while (first > 0 && ok[first - 1] && zero(first - 1) === zero(t)) first -= 1;
  while (last < steps - 1 && ok[last + 1] && zero(last + 1) === zero(t)) last += 1;
  const count = last - first + 1, seconds = (count * about.control_dt_s).toPrecision(3);
  return `${zero(t) ? "Zero" : "Nonzero"} from step ${first} to ${last}: ${count} step${count > 1 ? "s" : ""}, ${seconds} s.`;
}

// How often it is zero while nothing acts, and while each contact or limit does.
function circumstances(episode, t, zero) {
  const { steps, ok } = episode, found = acting(episode);
  const nothing = (s) => !found.some(({ marks }) => marks[s]);
  const lines = [
    ["no contact or limit", nothing],
    ...(found.length > 1 ? [["any contact or limit", (s) => !nothing(s)]] : []),
    ...found.slice(0, 6).map(({ name, marks }) => [name, (s) => marks[s]]),
  ].map(([name, holds]) => {
    let count = 0, zeros = 0;
    for (let s = 0; s < steps; s++) if (ok[s] && holds(s)) count += 1, zeros += zero(s);
    return node("tr", holds(t) ? { class: "now" } : {}, node("th", { scope: "row" }, name),
      node("td", {}, count.toLocaleString("en-GB")), node("td", {}, percent(zeros, count)));
  });
  return node("table", {}, node("thead", {}, node("tr", {}, ...["in this episode, with", "steps", "zero in"].map(
    (head) => node("th", { scope: "col" }, head)))), node("tbody", {}, ...lines));
}

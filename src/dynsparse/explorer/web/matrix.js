// The Jacobian of a step as a table: a cell per element, which screen readers find as a grid.

function makeMatrix(place, choose) {
  const low = -6, high = 2;
  const cells = [];
  const heads = columns.map((name) => node("th", { scope: "col" }, ...label(name)));
  const sides = rows.map((name) => node("th", { scope: "row" }, ...label(name)));
  const body = node("tbody");
  rows.forEach((_, i) => {
    const line = node("tr", {}, sides[i]);
    columns.forEach((_, j) => {
      const cell = node("td", { role: "gridcell", tabindex: "-1" });
      if (j === rows.length) cell.classList.add("first-action");
      cells.push(cell);
      line.append(cell);
    });
    body.append(line);
  });
  const table = node("table", { role: "grid", "aria-label": "Elements of the Jacobian" },
    node("thead", {}, node("tr", {}, node("td"), ...heads)), body);
  table.tHead.rows[0].cells[0].style.cssText = "border: 0; background: none";
  place.append(table);
  legend(low, high);

  const at = (cell) => {
    const k = cells.indexOf(cell);
    return k < 0 ? null : [Math.floor(k / columns.length), k % columns.length];
  };
  table.addEventListener("click", (event) => {
    const found = at(event.target);
    if (found) choose(...found);
  });
  table.addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const found = at(event.target);
    if (!move || !found || event.shiftKey) return;
    const i = Math.min(Math.max(found[0] + move[0], 0), rows.length - 1);
    const j = Math.min(Math.max(found[1] + move[1], 0), columns.length - 1);
    choose(i, j);
    cells[i * columns.length + j].focus();
    event.preventDefault();
    event.stopPropagation();
  });

  // The widest cells for which there is room.
  function resize() {
    const room = place.clientWidth - sides.reduce((most, side) => Math.max(most, side.offsetWidth), 0);
    table.style.setProperty("--cell", `${Math.min(Math.max(Math.floor(room / columns.length) - 1, 10), rows.length > 12 ? 20 : 28)}px`);
  }

  let shown = [];
  function show(episode, t, i, j) {
    const { elements, steps, ok } = episode;
    const next = cells.map((_, k) => {
      const code = elements[k * steps + t], zero = code <= BELOW;
      const changed = t && ok[t] && ok[t - 1] && zero !== elements[k * steps + t - 1] <= BELOW;
      const kind = !ok[t] ? "unknown" : !zero ? "" : about.structural?.[k] ? "structural" : "zero";
      const share = code < FIRST ? 1 : Math.min(Math.max((magnitude(code) - low) / (high - low), 0), 1);
      return `${kind}|${changed ? "changed" : ""}|${zero ? 0 : Math.round(50 * share) * 2}`;
    });
    next.forEach((look, k) => {
      if (look === shown[k]) return;
      const [kind, changed, share] = look.split("|");
      for (const name of ["unknown", "structural", "zero"]) cells[k].classList.toggle(name, kind === name);
      cells[k].classList.toggle("changed", changed !== "");
      cells[k].style.setProperty("--share", `${share}%`);
    });
    shown = next;
    const chosen = cells[i * columns.length + j];
    for (const cell of table.querySelectorAll('[aria-selected="true"]')) {
      if (cell === chosen) continue;
      cell.removeAttribute("aria-selected");
      cell.removeAttribute("aria-label");
      cell.tabIndex = -1;
    }
    chosen.setAttribute("aria-selected", "true");
    chosen.setAttribute("aria-label", `${rows[i][0]} by ${columns[j][0]}: ${ok[t] ? text(elements[(i * columns.length + j) * steps + t]) : "no derivative"}`);
    chosen.tabIndex = 0;
    heads.forEach((head, k) => head.classList.toggle("chosen", k === j));
    sides.forEach((side, k) => side.classList.toggle("chosen", k === i));
  }
  return { show, resize };
}

function label([name, unit]) {
  return [name, " ", node("small", {}, unit)];
}

function legend(low, high) {
  const entry = (kind, text) => node("span", {}, node("i", { class: kind }), text);
  const entries = [
    entry("scale", `size, 1e${low} to 1e${high}`),
    entry("zero", `zero: below ${about.threshold}`),
  ];
  if (about.structural?.includes(1)) entries.push(entry("structural", "structural: zero in every state"));
  entries.push(entry("changed", "became zero or nonzero in this step"));
  document.getElementById("legend").append(...entries);
}

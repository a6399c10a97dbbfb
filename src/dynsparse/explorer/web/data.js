// What the page holds: names, episodes, and numbers of three digits in 16 bits (digits.py).

const about = JSON.parse(document.getElementById("about").textContent);
const rows = about.state_names;
const columns = [...about.state_names, ...about.action_names];

// Codes below FIRST stand for no digits.
const ZERO = 0, BELOW = 1, BEYOND = 2, FIRST = 3;
const lowestPower = Math.floor(Math.log10(about.threshold) + 1e-9);

async function inflate(id) {
  const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const KINDS = { uint8: Uint8Array, int16: Int16Array, float32: Float32Array };

// An episode's arrays by name; the last axis of each is time.
async function readEpisode(number) {
  const head = about.episodes[number];
  const buffer = await inflate(`episode-${number}`);
  const arrays = {};
  let at = 0;
  for (const [name, kind, shape] of head.arrays) {
    const length = shape.reduce((a, b) => a * b, 1);
    arrays[name] = new KINDS[kind](buffer, at, length);
    at += length * KINDS[kind].BYTES_PER_ELEMENT;
  }
  const episode = { ...head, ...arrays };
  for (const name of ["elements", "variables"]) episode[name] = joined(arrays[name]);
  return { ...episode, ...countZeros(episode) };
}

// Low bytes stand before high bytes.
function joined(bytes) {
  const half = bytes.length / 2;
  return Uint16Array.from({ length: half }, (_, k) => bytes[k] + 256 * bytes[half + k]);
}

// How many elements are zero at each step, how many changed since the one before, and the steps
// at which any did. Steps without a derivative are neither.
function countZeros({ elements, ok, steps }) {
  const zeros = new Int32Array(steps), changed = new Int32Array(steps);
  for (let at = 0; at < elements.length; at += steps) {
    for (let t = 0; t < steps; t++) {
      const zero = elements[at + t] <= BELOW;
      zeros[t] += zero;
      if (t && zero !== elements[at + t - 1] <= BELOW) changed[t] += 1;
    }
  }
  for (let t = 1; t < steps; t++) if (!ok[t] || !ok[t - 1]) changed[t] = 0;
  return { zeros, changed, changes: [...changed.keys()].filter((t) => changed[t]) };
}

// The number behind a code; Number() reads decimal digits exactly.
function number(code) {
  const place = (code - FIRST) >> 1;
  const digits = 100 + (place % 900), power = lowestPower + Math.floor(place / 900);
  return Number(`${(code - FIRST) & 1 ? "-" : ""}${digits}e${power - 2}`);
}

function text(code) {
  if (code === ZERO) return "0";
  if (code === BELOW) return `below ${about.threshold}`;
  if (code === BEYOND) return "too large to be shown";
  return number(code).toPrecision(3);
}

// Where a code is on the logarithmic scale of the page's codes, in powers of ten.
function magnitude(code) {
  return Math.log10(Math.abs(number(code)));
}

function percent(part, whole) {
  if (!whole) return "–";
  const share = (100 * part) / whole;
  // What is not all or none is not called so.
  if (share > 0 && share < 0.1) return "< 0.1 %";
  if (share < 100 && share > 99.9) return "> 99.9 %";
  return `${share.toFixed(share === 0 || share === 100 ? 0 : 1)} %`;
}

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

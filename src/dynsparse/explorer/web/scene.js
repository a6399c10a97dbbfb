// The robot in three dimensions, by three.js, from stored poses. The scene is where the camera was
// put: numbers stay small however far a robot runs.

async function makeScene(place) {
  // A browser without WebGL 2 is told by a canvas that is thrown away.
  if (!document.createElement("canvas").getContext("webgl2")) return null;
  const source = new TextDecoder().decode(await inflate("three"));
  const script = node("script");
  // A global of the name THREE, as the bundle makes it.
  script.textContent = source;
  document.head.append(script);
  const T = window.THREE;
  const renderer = new T.WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
  const canvas = renderer.domElement;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The robot; drag to turn, scroll to come nearer");
  place.append(canvas);
  const { view } = about.robot;
  const scene = new T.Scene();
  const camera = new T.PerspectiveCamera(view.angle, 1, view.distance / 100, view.distance * 50);
  const forward = unit(view.forward);
  camera.up.set(...view.up);
  scene.add(new T.HemisphereLight(0xffffff, 0x8d8d8d, 2.2));
  const sun = new T.DirectionalLight(0xffffff, 1.6);
  sun.position.set(-1, -2, 4);
  scene.add(sun);
  // MuJoCo's axes stay as they are; z is up, whatever the first view is.
  if (Math.abs(forward[2]) < 0.95) camera.up.set(0, 0, 1);
  const controls = new T.OrbitControls(camera, canvas);
  controls.target.set(...times(view.distance, forward));
  controls.update();
  // A finger that moves up or down scrolls the page.
  canvas.style.touchAction = "pan-y";

  const meshes = about.robot.shapes.map((shape) => mesh(T, shape));
  meshes.forEach((each) => scene.add(each));
  const threads = about.robot.strings.map(({ points, width, colour }) =>
    Array.from({ length: points - 1 }, () => {
      const thread = new T.Mesh(new T.CylinderGeometry(width, width, 1, 8), material(T, colour));
      scene.add(thread);
      return thread;
    }));
  const draw = () => renderer.render(scene, camera);
  controls.addEventListener("change", draw);

  let placed = false;

  function show(episode, t) {
    const { clientWidth: width, clientHeight: height } = place;
    if (!placed) {
      camera.position.set(...times(-stepBack(episode, width / height), forward));
      controls.update();
      placed = true;
    }
    renderer.setPixelRatio(Math.min(devicePixelRatio || 1, 2));
    renderer.setSize(width, height, false);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    about.robot.shapes.forEach((shape, k) => {
      const { place: where, turn } = pose(episode, shape.body, t);
      const whole = product(turn, shape.turn), at = add(where, turned(turn, shape.place));
      meshes[k].quaternion.set(whole[1], whole[2], whole[3], whole[0]);
      meshes[k].position.set(...at);
      if (shape.kind === "plane") underfoot(meshes[k], shape, at, centre(episode, t));
    });
    strings(episode, t).forEach((path, k) => threads[k].forEach((thread, p) => {
      const along = minus(path[p + 1], path[p]), length = Math.hypot(...along) || 1e-9;
      thread.position.set(...times(0.5, add(path[p], path[p + 1])));
      thread.scale.set(1, length, 1);
      thread.quaternion.setFromUnitVectors(new T.Vector3(0, 1, 0), new T.Vector3(...times(1 / length, along)));
    }));
    draw();
  }
  return { show };
}

const FLOOR_TILES = 40;

// Sizes are halves in MuJoCo. Capsules and cylinders lie along z there, along y here.
function mesh(T, { kind, size: [a, b, c], colour }) {
  const upright = (made) => made.rotateX(Math.PI / 2);
  const made = {
    plane: () => new T.PlaneGeometry(a ? 2 * a : FLOOR_TILES * tile, b ? 2 * b : FLOOR_TILES * tile),
    sphere: () => new T.SphereGeometry(a, 32, 20),
    ellipsoid: () => new T.SphereGeometry(1, 32, 20).scale(a, b, c),
    capsule: () => upright(new T.CapsuleGeometry(a, 2 * b, 12, 24)),
    cylinder: () => upright(new T.CylinderGeometry(a, a, 2 * b, 32)),
    box: () => new T.BoxGeometry(2 * a, 2 * b, 2 * c),
  }[kind]();
  return new T.Mesh(made, kind === "plane" ? tiles(T, a, b) : material(T, colour));
}

function material(T, [r, g, b, a]) {
  const colour = new T.Color().setRGB(r, g, b, T.SRGBColorSpace);
  return new T.MeshLambertMaterial({ color: colour, transparent: a < 1, opacity: a });
}

// A chequered floor, which tells how fast the robot is.
function tiles(T, a, b) {
  const canvas = node("canvas", { width: 64, height: 64 });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#c3ccd3";
  pen.fillRect(0, 0, 64, 64);
  pen.fillStyle = "#b3bdc5";
  pen.fillRect(0, 0, 32, 32);
  pen.fillRect(32, 32, 32, 32);
  const map = new T.CanvasTexture(canvas);
  map.colorSpace = T.SRGBColorSpace;
  map.wrapS = map.wrapT = T.RepeatWrapping;
  map.anisotropy = 8;
  map.repeat.set((a ? (2 * a) / tile : FLOOR_TILES) / 2, (b ? (2 * b) / tile : FLOOR_TILES) / 2);
  return new T.MeshLambertMaterial({ map });
}

// A floor without end goes along with the camera, by whole pairs of tiles.
function underfoot(floor, { size: [a, b] }, at, camera) {
  const step = (k, size) => (size ? at[k] : -(camera[k] % (2 * tile)));
  floor.position.set(step(0, a), step(1, b), at[2]);
}

function product([w, ...u], [v, ...r]) {
  return [w * v - dot(u, r), ...add(add(times(w, r), times(v, u)), cross(u, r))];
}

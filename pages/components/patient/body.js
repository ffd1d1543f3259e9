// A body from the front and from behind. Clicking a region marks a place; clicking a mark opens its
// lesion. Regions and marks are reached with Tab and used with Enter; arrow keys move the new mark.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 200, HEIGHT = 430;
const STEP = 0.01; // of the map's height, for each arrow key
const HEAD = "M100 8 C84 8 78 22 80 38 C81 50 88 58 92 62 L91 74 L109 74 L108 62 C112 58 119 50 120 38 C122 22 116 8 100 8 Z";
const TRUNK = "M91 74 L74 83 L76 130 L78 160 L75 186 C82 194 92 200 100 202 C108 200 118 194 125 186 L122 160 L124 130 L126 83 L109 74 Z";
const FLANK = "M70 100 L68 108 L71 150 L67 190 L75 186 L78 160 L76 130 L75 100 Z";
const LOINS = "M82 192 C88 198 94 201 100 202 C106 201 112 198 118 192 L104 216 L96 216 Z";
const ARM = "M74 83 C58 86 53 96 51 110 L43 158 L34 205 L46 209 L57 164 L67 122 L70 100 L75 100 Z";
const HAND = "M34 205 L29 222 C27 234 32 244 38 242 C45 240 47 222 46 209 Z";
const LEG = "M67 190 C64 222 69 262 73 290 C71 316 76 350 79 392 L94 392 C95 350 99 316 97 288 L99 216 L96 216 L82 192 L75 186 Z";
const FOOT = "M79 392 L70 410 C69 418 93 418 95 410 L94 392 Z";
const BOTH = (path, name, site) => [[path, `left ${name}`, site, true], [path, `right ${name}`, site, false]];
const swap = (parts) => parts.map(([path, name, site, mirrored]) => [path, name, site, !mirrored]);
const SIDES = (torso, loins, palm, sole) => [
  [TRUNK, "torso", torso, false], [HEAD, "head and neck", "head/neck", false],
  [LOINS, loins === "oral/genital" ? "genital region" : "buttocks", loins, false],
  ...BOTH(FLANK, "flank", "lateral torso"), ...BOTH(ARM, "arm", "upper extremity"),
  ...BOTH(HAND, palm === "palms/soles" ? "palm" : "back of the hand", palm),
  ...BOTH(LEG, "leg", "lower extremity"),
  ...BOTH(FOOT, sole === "palms/soles" ? "sole" : "back of the foot", sole),
];
const VIEWS = {
  front: SIDES("anterior torso", "oral/genital", "palms/soles", "lower extremity"),
  back: SIDES("posterior torso", "posterior torso", "upper extremity", "palms/soles"),
};
const moved = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".maps");
  root.classList.toggle("choosing", data.choosing);
  const tell = (place) => data.keeps
    ? component.setStateValue("placed", place) : component.setTriggerValue("placed", place);
  for (const svg of root.querySelectorAll("svg")) {
    const view = svg.dataset.view;
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", view === "front" ? "Body from the front" : "Body from behind");
    const parts = view === "front" ? VIEWS.front : [...VIEWS.back.slice(0, 3), ...swap(VIEWS.back.slice(3))];
    svg.replaceChildren(...parts.map((part) => region(svg, view, part, data.choosing, tell)));
    for (const one of data.marks.filter((mark) => mark.view === view)) {
      svg.append(mark(one, () => component.setTriggerValue("opened", one.id)));
    }
    const place = data.place;
    if (place && place.view === view) svg.append(chosen(place, tell));
  }
}

function region(svg, view, [path, name, site, mirrored], choosing, tell) {
  const element = make("path", { class: "region", d: path });
  if (mirrored) element.setAttribute("transform", `translate(${WIDTH} 0) scale(-1 1)`);
  if (!choosing) return element;
  element.setAttribute("role", "button");
  element.setAttribute("tabindex", "0");
  element.setAttribute("aria-label", `Mark a place: ${name}, ${view}`);
  const put = (x, y) => tell({ view, site, x: bound(x / WIDTH), y: bound(y / HEIGHT) });
  element.addEventListener("click", (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    put(point.x, point.y);
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    const box = element.getBBox();
    const middle = box.x + box.width / 2;
    put(mirrored ? WIDTH - middle : middle, box.y + box.height / 2);
  });
  return element;
}

function mark({ id, x, y, label, alt }, open) {
  const group = spot(x, y, label, "mark");
  group.dataset.id = id;
  group.setAttribute("role", "link");
  group.setAttribute("tabindex", "0");
  group.setAttribute("aria-label", alt);
  group.addEventListener("click", open);
  group.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
  return group;
}

function chosen(place, tell) {
  const group = spot(place.x, place.y, "", "mark chosen");
  group.setAttribute("tabindex", "0");
  group.setAttribute("role", "img");
  group.setAttribute("aria-label", "The place marked. Arrow keys move it.");
  group.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const [right, down] = steps[event.key];
    place = { ...place, x: bound(place.x + right * STEP * HEIGHT / WIDTH), y: bound(place.y + down * STEP) };
    group.setAttribute("transform", at(place.x, place.y));
    clearTimeout(moved.get(group));
    moved.set(group, setTimeout(() => tell(place), 600));
  });
  return group;
}

function spot(x, y, label, kind) {
  const group = make("g", { class: kind, transform: at(x, y) });
  const text = make("text", {});
  text.textContent = [...label].slice(0, 2).join("");
  group.append(make("circle", { r: label ? 9 : 6 }), text);
  return group;
}

function at(x, y) { return `translate(${x * WIDTH} ${y * HEIGHT})`; }
function bound(share) { return Math.round(1000 * Math.min(1, Math.max(0, share))) / 1000; }

function make(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

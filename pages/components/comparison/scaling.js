// A known distance over a photo: two ends, dragged, clicked or moved by keys, and its millimetres.
// The server learns of it when it is saved.

const RADIUS = 14; // of an end, in pixels of the screen: large enough for a finger
const CROSS = 22; // half of its cross
const DRAGGED = 12; // pixels of the screen; what is dragged farther is a line, not a click
const ZOOMS = [1, 2, 4, 8];
const USUAL = [3, 80]; // millimetres of a photo's longer side in dermoscopy
const POOR = 0.05; // an error from which the distance is too short
const editors = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".scaling");
  root.hidden = !data;
  if (!data) return;
  let editor = editors.get(parentElement);
  if (!editor || editor.root !== root) {
    editor = new Scaling(root);
    editors.set(parentElement, editor);
  }
  editor.tell = (value) => component.setTriggerValue("saved", { of: data.id, ...value });
  editor.show(data);
  return () => editor.rest();
}

class Scaling {
  constructor(root) {
    this.root = root;
    this.svg = root.querySelector("svg");
    this.ends = [...root.querySelectorAll(".ends > g")];
    this.lines = [...root.querySelectorAll("line")];
    this.length = root.querySelector("input[type=text]");
    this.also = root.querySelector("input[type=checkbox]");
    this.buttons = Object.fromEntries(
      [...root.querySelectorAll("[data-do]")].map((button) => [button.dataset.do, button]));
    for (const [name, button] of Object.entries(this.buttons)) button.onclick = () => this[name]();
    this.length.oninput = () => this.draw();
    this.also.onchange = () => this.draw();
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointermove", (event) => this.drag(event));
    this.svg.addEventListener("pointerup", (event) => this.drop(event));
    this.svg.addEventListener("pointercancel", () => { this.held = null; });
    root.addEventListener("keydown", (event) => this.key(event));
    this.ends.forEach((end, index) => {
      end.addEventListener("pointerdown", (event) => this.take(event, index));
      end.addEventListener("focus", () => this.choose(index));
    });
    this.watch = new ResizeObserver(() => this.draw());
  }

  show(data) {
    this.watch.observe(this.svg);
    if (this.id === data.id) { // what is marked stays, and what was refused can be saved again
      this.saving = false;
      this.draw();
      return;
    }
    Object.assign(this, { id: data.id, data, past: [], future: [], held: null, chosen: 0, next: 0 });
    [this.wide, this.high] = data.size;
    set(this.svg.querySelector("image"), { href: data.source, width: this.wide, height: this.high, "aria-label": data.alt });
    this.placed = data.ends.length === 2;
    this.first = this.placed ? data.ends : [[this.wide / 3, this.high / 2], [(2 * this.wide) / 3, this.high / 2]];
    this.points = copy(this.first);
    this.length.value = this.placed ? String(data.millimetres) : "";
    this.was = this.length.value;
    this.also.checked = false;
    this.root.querySelector(".also span").textContent = data.also;
    this.root.querySelector(".also").hidden = !data.also;
    this.zoom = 1;
    this.centre = [this.wide / 2, this.high / 2];
    this.draw();
  }

  rest() { this.watch.disconnect(); }

  within([x, y]) {
    const tenth = (value, most) => Math.round(Math.min(Math.max(value, 0), most) * 10) / 10;
    return [tenth(x, this.wide), tenth(y, this.high)];
  }

  keep(before = { points: copy(this.points), placed: this.placed }) {
    this.past.push(before);
    this.future = [];
    this.placed = true;
  }

  swap(from, to) {
    if (!from.length) return;
    to.push({ points: copy(this.points), placed: this.placed });
    Object.assign(this, from.pop());
    this.draw();
  }

  undo() { this.swap(this.past, this.future); }
  redo() { this.swap(this.future, this.past); }

  reset() {
    this.keep();
    this.points = copy(this.first);
    this.placed = this.data.ends.length === 2;
    this.draw();
  }

  nearer() { this.look(1); }
  farther() { this.look(-1); }

  // About the chosen end, which is what one wants to see from near.
  look(by) {
    const at = ZOOMS.indexOf(this.zoom) + by;
    if (!ZOOMS[at]) return;
    this.zoom = ZOOMS[at];
    this.centre = this.points[this.chosen];
    this.draw();
  }

  choose(index) {
    this.chosen = index;
    this.next = 1 - index;
    // An end that a key reaches is brought into sight.
    const [left, top, wide, high] = this.frame(), [x, y] = this.points[index];
    if (x < left || y < top || x > left + wide || y > top + high) this.centre = this.points[index];
    this.draw();
  }

  frame() {
    const wide = this.wide / this.zoom, high = this.high / this.zoom;
    const from = (middle, part, whole) => Math.min(Math.max(middle - part / 2, 0), whole - part);
    return [from(this.centre[0], wide, this.wide), from(this.centre[1], high, this.high), wide, high];
  }

  place(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [at.x, at.y];
  }

  // An end is moved by as much as the pointer, so that a finger beside it does not shift it at once.
  take(event, index) {
    if (event.button) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.place(event), [x, y] = this.points[index];
    this.held = { end: index, off: [x - at[0], y - at[1]], before: this.now(), moved: false };
    this.ends[index].focus({ preventScroll: true });
    this.svg.setPointerCapture(event.pointerId);
  }

  now() { return { points: copy(this.points), placed: this.placed }; }

  press(event) {
    if (event.button || this.held) return;
    event.preventDefault();
    this.held = { from: this.place(event), at: [event.clientX, event.clientY], before: this.now(), moved: false };
    this.svg.setPointerCapture(event.pointerId);
  }

  drag(event) {
    if (!this.held) return;
    const { end, off, from, at, before } = this.held, here = this.place(event);
    if (from && !this.held.moved && Math.hypot(event.clientX - at[0], event.clientY - at[1]) < DRAGGED) return;
    if (!this.held.moved) this.keep(before);
    this.held.moved = true;
    if (from) this.points = [this.within(from), this.within(here)];
    else this.points[end] = this.within([here[0] + off[0], here[1] + off[1]]);
    this.draw();
  }

  drop(event) {
    const held = this.held;
    this.held = null;
    if (!held || !held.from) return;
    if (held.moved) return this.choose(1);
    const end = this.next; // a click sets one end, the next click the other
    this.keep(held.before);
    this.points[end] = this.within(this.place(event));
    this.choose(end);
    this.ends[end].focus({ preventScroll: true });
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const letter = event.key.toLowerCase(), typing = event.target === this.length;
    if ((event.ctrlKey || event.metaKey) && (letter === "z" || letter === "y") && !typing) {
      letter === "y" || event.shiftKey ? this.redo() : this.undo();
    } else if (!event.target.closest(".ends")) {
      return;
    } else if (steps[event.key]) {
      const by = event.shiftKey ? 10 : 1, [x, y] = this.points[this.chosen];
      if (!event.repeat) this.keep();
      this.points[this.chosen] = this.within([x + by * steps[event.key][0], y + by * steps[event.key][1]]);
      this.draw();
    } else if (event.key === "+" || event.key === "-") {
      this.look(event.key === "+" ? 1 : -1);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  // Millimetres typed with a point or a comma; NaN where that is no number.
  typed() {
    const text = this.length.value.trim().replace(",", ".");
    return /^\d+(\.\d*)?$/.test(text) ? Number(text) : NaN;
  }

  save() {
    this.saving = true;
    this.draw();
    this.tell({ ends: this.points, millimetres: this.typed(), also: this.also.checked });
  }

  apart() { return Math.hypot(this.points[0][0] - this.points[1][0], this.points[0][1] - this.points[1][1]); }

  words() {
    if (this.saving) return "Saving";
    if (!this.placed) return "";
    const apart = this.apart(), short = Math.min(this.wide, this.high);
    if (apart < this.data.least * short) return "The two places lie too near each other.";
    const mm = this.typed();
    if (!(mm >= this.data.bounds[0] && mm <= this.data.bounds[1])) {
      return this.length.value.trim() ? `A number of millimetres between ${this.data.bounds[0]} and ${this.data.bounds[1]} is needed.` : "How many millimetres is it?";
    }
    const error = Math.hypot((Math.SQRT2 * this.data.placed * short) / apart, this.data.plane);
    const whole = (mm / apart) * Math.max(this.wide, this.high);
    const said = [`The whole photo is ${whole.toFixed(1)} mm on its longer side; lengths are right to \u00b1 ${Math.ceil(196 * error)} %.`];
    if (error > POOR) said.push("Mark a longer distance to be more exact.");
    if (whole < USUAL[0] || whole > USUAL[1]) said.push("That is unusual for dermoscopy; check the number.");
    return said.join(" ");
  }

  draw() {
    if (!this.data) return;
    this.svg.setAttribute("viewBox", this.frame().join(" "));
    const unit = 1 / (this.svg.getScreenCTM()?.a || 1);
    this.points.forEach(([x, y], index) => {
      const end = this.ends[index], far = CROSS * unit, near = 3 * unit;
      end.setAttribute("aria-label", index ? "Second end" : "First end");
      end.classList.toggle("chosen", index === this.chosen);
      set(end.querySelector("circle"), { cx: x, cy: y, r: RADIUS * unit });
      end.querySelector("path").setAttribute("d",
        `M${x - far} ${y}H${x - near}M${x + near} ${y}H${x + far}M${x} ${y - far}V${y - near}M${x} ${y + near}V${y + far}`);
    });
    const [[x1, y1], [x2, y2]] = this.points;
    for (const line of this.lines) set(line, { x1, y1, x2, y2 });
    this.root.classList.toggle("waiting", !this.placed);
    this.root.querySelector(".caption").textContent = this.words();
    const mm = this.typed(), [least, most] = this.data.bounds;
    const changed = this.past.length > 0 || this.length.value !== this.was || this.also.checked;
    const sound = this.placed && mm >= least && mm <= most
      && this.apart() >= this.data.least * Math.min(this.wide, this.high);
    this.buttons.undo.disabled = !this.past.length;
    this.buttons.redo.disabled = !this.future.length;
    this.buttons.reset.disabled = !this.past.length;
    this.buttons.nearer.disabled = this.zoom === ZOOMS[ZOOMS.length - 1];
    this.buttons.farther.disabled = this.zoom === 1;
    this.buttons.save.disabled = !sound || !changed || this.saving;
  }
}

function copy(points) { return points.map((point) => [...point]); }

function set(element, values) {
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, value);
}

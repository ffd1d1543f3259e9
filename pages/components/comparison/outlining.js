// A polygon over a photo: points are dragged or moved by keys, added on the line, deleted, undone.
// Beside the points the pointer is a brush that pushes the line before it, from inside or outside.
// The server learns of it when it is saved.

const SVG = "http://www.w3.org/2000/svg";
const LEAST = 3, MOST = 400; // points, as the records take them
const RADIUS = 6; // of a point, in pixels of the screen
const BRUSH = 26; // its radius, in pixels of the screen
const SLACK = 0.7; // so near a straight line a point says nothing, in pixels of the screen
const CIRCLE = 24; // points to begin with where no outline was found
const editors = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".outlining");
  root.hidden = !data;
  if (!data) return;
  let editor = editors.get(parentElement);
  if (!editor || editor.root !== root) {
    editor = new Editor(root);
    editors.set(parentElement, editor);
  }
  editor.tell = (points) => component.setTriggerValue("saved", { of: data.id, points });
  editor.show(data);
  return () => editor.rest();
}

class Editor {
  constructor(root) {
    this.root = root;
    this.svg = root.querySelector("svg");
    this.dots = root.querySelector(".points");
    this.lines = root.querySelector(".edges");
    this.buttons = Object.fromEntries(
      [...root.querySelectorAll("[data-do]")].map((button) => [button.dataset.do, button]));
    for (const [name, button] of Object.entries(this.buttons)) button.onclick = () => this[name]();
    this.brush = root.querySelector(".brush");
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointermove", (event) => this.drag(event));
    this.svg.addEventListener("pointerup", () => this.drop());
    this.svg.addEventListener("pointercancel", () => this.drop());
    root.addEventListener("keydown", (event) => this.key(event));
    this.watch = new ResizeObserver(() => this.size());
  }

  show(data) {
    this.watch.observe(this.svg);
    if (this.id === data.id) { // what is being drawn stays, and what was refused can be saved again
      if (this.saving) this.settle();
      this.saving = false;
      return;
    }
    this.id = data.id;
    [this.width, this.height] = data.size;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    const image = this.svg.querySelector("image");
    set(image, { href: data.source, width: this.width, height: this.height });
    image.setAttribute("aria-label", data.alt);
    this.first = data.points.length >= LEAST ? data.points : this.circle();
    this.points = this.first.map((point) => [...point]);
    this.past = [];
    this.future = [];
    this.chosen = -1;
    this.held = null;
    this.unsaved = data.points.length < LEAST; // the circle itself may be what is wanted
    this.draw();
  }

  rest() { this.watch.disconnect(); }

  circle() {
    const radius = Math.min(this.width, this.height) / 4;
    return Array.from({ length: CIRCLE }, (_, i) => {
      const angle = (2 * Math.PI * i) / CIRCLE;
      return this.within([this.width / 2 + radius * Math.cos(angle), this.height / 2 + radius * Math.sin(angle)]);
    });
  }

  within([x, y]) {
    const tenth = (value, most) => Math.round(Math.min(Math.max(value, 0), most) * 10) / 10;
    return [tenth(x, this.width), tenth(y, this.height)];
  }

  // What can be undone: the points as they are before a change.
  keep(points) {
    this.past.push(points);
    this.future = [];
    this.unsaved = true;
  }

  copy() { return this.points.map((point) => [...point]); }

  undo() {
    if (!this.past.length) return;
    this.future.push(this.copy());
    this.points = this.past.pop();
    this.settle("Undone.");
  }

  redo() {
    if (!this.future.length) return;
    this.past.push(this.copy());
    this.points = this.future.pop();
    this.settle("Done again.");
  }

  reset() {
    this.keep(this.copy());
    this.points = this.first.map((point) => [...point]);
    this.settle("As it was when this was opened.");
  }

  settle(words = "") {
    this.unsaved = true;
    this.chosen = Math.min(this.chosen, this.points.length - 1);
    this.draw(words);
  }

  add() {
    if (this.chosen < 0 || this.points.length >= MOST) return;
    const next = this.points[(this.chosen + 1) % this.points.length], here = this.points[this.chosen];
    this.insert(this.chosen, [(here[0] + next[0]) / 2, (here[1] + next[1]) / 2]);
    this.draw("A point was added.");
    this.focus();
  }

  insert(after, point) {
    this.keep(this.copy());
    this.points.splice(after + 1, 0, this.within(point));
    this.chosen = after + 1;
  }

  remove() {
    if (this.chosen < 0 || this.points.length <= LEAST) return;
    this.keep(this.copy());
    this.points.splice(this.chosen, 1);
    this.chosen = this.chosen % this.points.length;
    this.draw("The point was deleted.");
    this.focus();
  }

  save() {
    this.unsaved = false;
    this.saving = true;
    this.draw("Saving");
    this.tell(this.points);
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const letter = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (letter === "z" || letter === "y")) {
      letter === "y" || event.shiftKey ? this.redo() : this.undo();
    } else if (!event.target.closest(".points")) {
      return;
    } else if (steps[event.key]) {
      const by = event.shiftKey ? 10 : 1, [x, y] = this.points[this.chosen];
      if (!event.repeat) this.keep(this.copy());
      this.points[this.chosen] = this.within([x + by * steps[event.key][0], y + by * steps[event.key][1]]);
      this.draw();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.remove();
    } else if (event.key === "+" || event.key === "Insert") {
      this.add();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  place(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return this.within([at.x, at.y]);
  }

  take(event, index) {
    event.preventDefault();
    event.stopPropagation(); // not the brush
    this.chosen = index;
    this.held = { before: this.copy(), moved: false };
    this.draw();
    this.focus();
    this.svg.setPointerCapture(event.pointerId);
  }

  split(event, index) {
    if (this.points.length >= MOST) return;
    event.preventDefault();
    event.stopPropagation();
    this.insert(index, this.place(event));
    this.draw("A point was added.");
    this.held = { before: null, moved: false }; // adding it was the change
    this.focus();
    this.svg.setPointerCapture(event.pointerId);
  }

  // A press beside points and line takes up the brush.
  press(event) {
    if (event.button || this.held) return;
    event.preventDefault();
    this.held = { before: this.copy(), moved: false, brush: true };
    this.chosen = -1;
    this.mark();
    this.push(this.place(event));
    this.svg.setPointerCapture(event.pointerId);
  }

  // Everything under the brush goes to its edge.
  push(at) {
    const radius = BRUSH / (this.svg.getScreenCTM()?.a || 1);
    set(this.brush, { cx: at[0], cy: at[1], r: radius });
    const apart = ([x, y], [u, v]) => Math.hypot(x - u, y - v);
    const points = [];
    let moved = false, spare = MOST - this.points.length;
    this.points.forEach((here, index) => {
      const next = this.points[(index + 1) % this.points.length], length = apart(here, next);
      points.push(here);
      // The line near the brush gets points to bend at.
      const parts = toSegment(at, here, next) < radius ? Math.min(spare + 1, Math.ceil((3 * length) / radius)) : 1;
      spare -= parts - 1;
      for (let part = 1; part < parts; part += 1) {
        points.push(here.map((value, axis) => value + ((next[axis] - value) * part) / parts));
      }
    });
    const pushed = points.map((point) => {
      const far = apart(point, at);
      if (far >= radius || !far) return point;
      moved = true;
      return this.within(point.map((value, axis) => at[axis] + ((value - at[axis]) * radius) / far));
    });
    if (!moved) return;
    if (!this.held.moved) this.keep(this.held.before);
    this.held.moved = true;
    this.points = pushed;
    this.draw();
  }

  // Without the points that lie on the line between their neighbours.
  thin() {
    const slack = SLACK / (this.svg.getScreenCTM()?.a || 1), kept = [];
    this.points.forEach((point, index) => {
      const next = this.points[(index + 1) % this.points.length];
      if (!kept.length || toSegment(point, kept[kept.length - 1], next) > slack) kept.push(this.within(point));
    });
    if (kept.length >= LEAST) this.points = kept;
  }

  drag(event) {
    if (!this.held) return;
    if (this.held.brush) return this.push(this.place(event));
    if (!this.held.moved && this.held.before) this.keep(this.held.before);
    this.held.moved = true;
    this.points[this.chosen] = this.place(event);
    this.draw();
  }

  drop() {
    if (this.held?.brush) {
      set(this.brush, { r: 0 });
      if (this.held.moved) this.thin();
      this.draw();
    }
    this.held = null;
  }

  focus() { this.dots.children[this.chosen]?.focus({ preventScroll: true }); }

  size() {
    const scale = this.svg.getScreenCTM()?.a;
    for (const dot of this.dots.children) dot.setAttribute("r", RADIUS / (scale || 1));
  }

  draw(words = "") {
    const count = this.points.length;
    this.root.querySelector(".area").setAttribute("points", this.points.join(" "));
    while (this.dots.children.length > count) this.dots.lastChild.remove();
    while (this.lines.children.length > count) this.lines.lastChild.remove();
    while (this.dots.children.length < count) {
      const index = this.dots.children.length;
      const dot = document.createElementNS(SVG, "circle"), line = document.createElementNS(SVG, "line");
      set(dot, { tabindex: 0, role: "button" });
      dot.addEventListener("pointerdown", (event) => this.take(event, index));
      dot.addEventListener("focus", () => { this.chosen = index; this.mark(); });
      line.addEventListener("pointerdown", (event) => this.split(event, index));
      this.dots.append(dot);
      this.lines.append(line);
    }
    this.points.forEach(([x, y], index) => {
      const [nextX, nextY] = this.points[(index + 1) % count];
      set(this.dots.children[index], { cx: x, cy: y, "aria-label": `Point ${index + 1} of ${count}` });
      set(this.lines.children[index], { x1: x, y1: y, x2: nextX, y2: nextY });
    });
    this.size();
    this.mark();
    this.root.querySelector(".caption").textContent = words;
  }

  mark() {
    [...this.dots.children].forEach((dot, index) => dot.classList.toggle("chosen", index === this.chosen));
    this.buttons.undo.disabled = !this.past.length;
    this.buttons.redo.disabled = !this.future.length;
    this.buttons.add.disabled = this.chosen < 0 || this.points.length >= MOST;
    this.buttons.remove.disabled = this.chosen < 0 || this.points.length <= LEAST;
    this.buttons.reset.disabled = !this.past.length;
    this.buttons.save.disabled = !this.unsaved;
  }
}

// How far a point is from the line between two others.
function toSegment([x, y], [fromX, fromY], [toX, toY]) {
  const alongX = toX - fromX, alongY = toY - fromY, length = alongX ** 2 + alongY ** 2;
  const share = length ? Math.min(1, Math.max(0, ((x - fromX) * alongX + (y - fromY) * alongY) / length)) : 0;
  return Math.hypot(x - fromX - share * alongX, y - fromY - share * alongY);
}

function set(element, values) {
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, value);
}

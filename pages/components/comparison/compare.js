// Two photos of a lesion laid one on the other, all in the browser: dragging, blinking, zooming and
// every overlay need no server. The server is only asked for other visits.

const BEAT = 700; // milliseconds between two photos that blink
const STILL = matchMedia("(prefers-reduced-motion: reduce)").matches;
const BY_TOUCH = matchMedia("(hover: none)").matches; // no keys to name
const MOST_ZOOM = 8;
const CROP = 1.5; // how far a narrow pane may crop a photo to show it larger
const LENGTHS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50], BAR = 0.3; // millimetres of the bar; its most, of a pane
const VIEWS = ["slider", "side", "blink", "difference"];
const compares = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".compare");
  root.hidden = !data;
  if (!data) return;
  let compare = compares.get(parentElement);
  if (!compare || compare.root !== root) {
    compare = new Compare(root);
    compares.set(parentElement, compare);
  }
  compare.ask = (step) => component.setTriggerValue("step", step);
  compare.askCloser = () => component.setTriggerValue("closer", data.id);
  compare.show(data);
  return () => compare.rest();
}

class Compare {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.all = (selector) => [...root.querySelectorAll(selector)];
    this.stage = this.find(".stage");
    this.panes = this.all(".pane");
    this.view = "slider";
    this.before = "slider"; // the view that blinking goes back to
    this.outlines = this.heat = this.flipped = false;
    this.divider = 0.5;
    this.pointers = new Map();
    for (const button of this.all("[data-view]")) button.onclick = () => this.look(button.dataset.view);
    for (const button of this.all("[data-overlay]")) {
      button.onclick = () => this.overlay(button.dataset.overlay);
    }
    for (const button of this.all("[data-step]")) button.onclick = () => this.step(Number(button.dataset.step));
    for (const button of this.all("[data-zoom]")) {
      button.onclick = () => this.magnify({ in: 1.5, out: 1 / 1.5, fit: 0 }[button.dataset.zoom]);
    }
    for (const pane of this.panes) {
      pane.addEventListener("pointerdown", (event) => this.press(event, pane));
      pane.addEventListener("pointermove", (event) => this.move(event, pane));
      pane.addEventListener("pointerup", (event) => this.lift(event));
      pane.addEventListener("pointercancel", (event) => this.lift(event));
      pane.addEventListener("dblclick", (event) => this.magnify(this.zoom > 1 ? 0 : 2.5, event, pane));
      pane.addEventListener("wheel", (event) => this.wheel(event, pane), { passive: false });
    }
    const handle = this.find(".divider");
    handle.addEventListener("pointerdown", (event) => { handle.setPointerCapture(event.pointerId); handle.focus(); });
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) this.divide(event);
    });
    root.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.paint()).observe(this.stage);
  }

  show(data) {
    this.find(".notices").replaceChildren(...data.notices.map((text) => make("li", "", text)));
    this.find(".facts").replaceChildren(...data.facts.map((text) => make("p", "", text)));
    for (const button of this.all("[data-step]")) button.disabled = !data.steps.includes(Number(button.dataset.step));
    this.find(".steps").hidden = !data.steps.length;
    if (this.data?.id === data.id) {
      this.sharpen(data.sharp);
      return this.beat();
    }
    const reference = this.data?.photos[0].key;
    this.data = data;
    this.waiting = Boolean(data.waiting);
    this.pictures = [null, null];
    this.root.classList.toggle("busied", this.waiting);
    this.find(".busy").textContent = data.waiting ?? "";
    this.find("h2").textContent = data.title;
    this.find(".interval").textContent = data.interval;
    this.find(".headline").textContent = data.headline;
    this.find(".rows").replaceChildren(...data.rows.map(row));
    this.matrix = data.matrix ?? contained(data.photos[1].size, data.photos[0].size);
    if (reference !== data.photos[0].key) this.fit();
    this.difference = data.difference && coloured(bytes(data.difference.values), data.difference, data.colours);
    this.heats = data.photos.map(({ heat }) =>
      heat && pictured(bytes(heat.values), heat, heat.frame, data.colours));
    this.find(".scale").style.background = gradient(data.colours);
    if (!this.has(this.view)) this.view = "side";
    else if (data.matrix && this.view === "side" && this.fell) this.view = "slider";
    this.fell = !data.matrix && !this.waiting; // side by side not because somebody chose it
    this.asked = this.sharp = false;
    data.photos.forEach(({ source }, place) => this.load(source, place));
    this.sharpen(data.sharp);
    this.refresh();
    this.closer();
  }

  load(source, place, sharp = false) {
    if (!source) return;
    const { id } = this.data, picture = new Image();
    picture.onload = () => {
      // Other visits were chosen meanwhile, or the larger picture came first.
      if (this.data.id !== id || (this.sharp && !sharp)) return;
      this.pictures[place] = picture;
      this.paint();
    };
    picture.src = source;
  }

  // Whoever zooms in is shown larger pictures of the same photos, if there are any.
  closer() {
    if (this.zoom <= 1 || this.waiting || this.asked || !this.data.larger) return;
    this.asked = true;
    this.askCloser();
  }

  sharpen(sources) {
    if (this.sharp || !sources.length) return;
    this.sharp = true;
    sources.forEach((source, place) => this.load(source, place, true));
  }

  beat() {
    clearInterval(this.beating);
    if (this.view === "blink" && !STILL) this.beating = setInterval(() => this.flip(), BEAT);
  }

  rest() { clearInterval(this.beating); }

  has(view) {
    if (this.waiting || view === "side") return true;
    return Boolean(this.data.matrix) && (view !== "difference" || Boolean(this.data.difference));
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || this.waiting) return;
    const target = event.composedPath()[0];
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    const zooms = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 };
    if (event.key === " ") {
      if (target.matches?.("button")) return;
      this.blink();
    } else if (event.key in steps && target.matches?.(".divider")) {
      this.divideAt(this.divider + 0.02 * steps[event.key]);
    } else if (event.key in steps) this.step(steps[event.key]);
    else if (event.key in zooms) this.magnify(zooms[event.key]);
    else if (event.key === "o") this.overlay("outlines");
    else if (event.key === "h") this.overlay("heat");
    else if (/^[1-4]$/.test(event.key)) this.look(VIEWS[event.key - 1]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step(by) { if (this.data.steps.includes(by)) this.ask(by); }

  // Space: from any view to blinking and back. Where motion is unwanted, each press turns the photo.
  blink() {
    if (!this.has("blink")) return;
    if (this.view !== "blink") this.look("blink");
    else if (STILL) this.flip();
    else this.look(this.before);
  }

  look(view) {
    if (this.waiting || !this.has(view)) return;
    if (this.view !== "blink") this.before = this.view;
    this.view = view;
    this.fell = false;
    this.refresh();
  }

  flip() { this.flipped = !this.flipped; this.label(); this.paint(); }

  overlay(name) {
    if (this.waiting || this.find(`[data-overlay="${name}"]`).disabled) return;
    this[name] = !this[name];
    this.refresh();
  }

  refresh() {
    const { data } = this;
    for (const view of VIEWS) this.root.classList.toggle(view, this.view === view);
    for (const button of this.all("[data-view]")) {
      button.disabled = this.waiting || !this.has(button.dataset.view);
      button.setAttribute("aria-pressed", button.dataset.view === this.view);
    }
    const drawn = { outlines: data.photos.some((photo) => photo.outline.length), heat: data.photos.some((photo) => photo.heat) };
    for (const button of this.all("[data-overlay]")) {
      button.disabled = this.waiting || !drawn[button.dataset.overlay];
      button.setAttribute("aria-pressed", Boolean(this[button.dataset.overlay] && drawn[button.dataset.overlay]));
    }
    const [wide, high] = data.photos[0].size;
    this.stage.style.aspectRatio = this.view === "side" ? "" : Math.min(1.6, Math.max(1, wide / high));
    this.flipped = this.view === "blink";
    this.beat();
    this.divideAt(this.divider);
    this.label();
    this.paint();
  }

  label() {
    const { photos, matrix } = this.data;
    const [first, last] = photos.map((photo) => photo.label);
    const days = this.all(".day");
    const single = { slider: first, side: first, blink: this.flipped ? last : first, difference: `${first} to ${last}` };
    days[0].textContent = single[this.view];
    days[1].textContent = this.view === "slider" ? last : "";
    days[2].textContent = last;
    const alts = photos.map((photo) => photo.alt);
    const seen = { slider: alts.join("; "), side: alts[0], blink: alts[this.flipped ? 1 : 0], difference: `Colour differences between ${alts.join(" and ")}` };
    this.all("canvas").forEach((canvas, place) => canvas.setAttribute("aria-label", place ? alts[1] : seen[this.view]));
    const { difference, heat_of: of } = this.data;
    const heat = this.heat && photos.some((photo) => photo.heat) && this.view !== "difference";
    this.find(".legend").hidden = !heat && this.view !== "difference";
    this.find(".low").textContent = this.view === "difference" ? "same" : "low";
    this.find(".high").textContent = this.view === "difference" && difference ? difference.high : "high";
    const parts = [
      this.view === "difference" ? "Colour difference after evening out the light. Other hair, reflections and focus show, too."
        : heat ? `Regions that raised the score for ${of}, on one scale for all visits. Coarse; not an outline.` : "",
      this.outlines && photos.some((photo) => photo.outline.length) ? (matrix ? "Outlines: dashed the earlier, solid the later." : "Each photo with its own outline.") : "",
    ].filter(Boolean);
    if (!parts.length && !this.waiting) parts.push(BY_TOUCH ? "" : this.data.hint);
    this.find(".caption").textContent = parts.join(" ");
  }

  // Where the photos lie in a pane: the reference's scale and corner, in the canvas's pixels.
  placed(pane) {
    const { clientWidth: wide, clientHeight: high } = pane;
    const [width, height] = this.data.photos[0].size;
    const contain = Math.min(wide / width, high / height), cover = Math.max(wide / width, high / height);
    const scale = Math.min(cover, contain * (this.view === "side" ? CROP : 1)) * this.zoom;
    return { scale, left: wide / 2 - this.at[0] * scale, top: high / 2 - this.at[1] * scale };
  }

  paint() {
    if (!this.data) return;
    this.bar();
    this.panes.forEach((pane, place) => {
      if (place && this.view !== "side") return;
      const canvas = pane.querySelector("canvas");
      const ratio = devicePixelRatio || 1;
      const wide = Math.round(pane.clientWidth * ratio), high = Math.round(pane.clientHeight * ratio);
      if (!wide || !high) return;
      if (canvas.width !== wide || canvas.height !== high) { canvas.width = wide; canvas.height = high; }
      const pen = canvas.getContext("2d");
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.clearRect(0, 0, wide, high);
      pen.imageSmoothingQuality = "high";
      const { scale, left, top } = this.placed(pane);
      pen.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * left, ratio * top);
      const base = pen.getTransform();
      if (this.view === "side") this.draw(pen, place);
      else if (this.view === "blink") this.draw(pen, this.flipped ? 1 : 0);
      else if (this.view === "difference") this.drawDifference(pen);
      else {
        this.draw(pen, 0);
        pen.save();
        pen.setTransform(1, 0, 0, 1, 0, 0);
        pen.beginPath();
        pen.rect(this.divider * wide, 0, wide, high);
        pen.clip();
        pen.fillStyle = "#0b0c0d"; // where the later photo shows nothing
        pen.fillRect(0, 0, wide, high);
        pen.setTransform(base);
        this.draw(pen, 1);
        pen.restore();
      }
      if (this.outlines) this.drawOutlines(pen, place, base, ratio);
    });
  }

  // A bar as long as so many millimetres, where the scale is known.
  bar() {
    const bar = this.find(".bar"), mm = this.data.millimetre, pane = this.panes[0];
    const most = mm && !this.waiting ? (mm * pane.clientWidth * BAR) / this.placed(pane).scale : 0;
    const length = LENGTHS.filter((one) => one <= most).pop();
    bar.hidden = !length;
    if (!length) return;
    bar.dataset.length = `${length} mm`;
    bar.setAttribute("aria-label", `A bar of ${length} mm`);
    bar.style.width = `${(length / mm) * this.placed(pane).scale}px`;
  }

  draw(pen, photo) {
    const picture = this.pictures[photo];
    if (!picture) return;
    const [wide, high] = this.data.photos[photo].size;
    pen.save();
    if (photo) pen.transform(...this.matrix);
    pen.drawImage(picture, 0, 0, wide, high);
    if (this.heat && this.heats[photo]) {
      const [left, top, right, bottom] = this.data.photos[photo].heat.frame;
      pen.globalAlpha = 0.6;
      pen.drawImage(this.heats[photo], left, top, right - left, bottom - top);
    }
    pen.restore();
  }

  drawDifference(pen) {
    const picture = this.pictures[0];
    if (!picture || !this.difference) return;
    const [wide, high] = this.data.photos[0].size;
    pen.drawImage(picture, 0, 0, wide, high);
    pen.save();
    pen.globalCompositeOperation = "saturation"; // to greys, so that only differences have colour
    pen.fillStyle = "hsl(0 0% 50%)";
    pen.fillRect(0, 0, wide, high);
    pen.restore();
    pen.drawImage(this.difference, 0, 0, wide, high);
  }

  drawOutlines(pen, pane, base, ratio) {
    const aligned = Boolean(this.data.matrix);
    this.data.photos.forEach(({ outline }, photo) => {
      if (!outline.length || (!aligned && photo !== pane)) return;
      const matrix = photo ? base.multiply(new DOMMatrix(this.matrix)) : base;
      const path = new Path2D();
      outline.forEach(([x, y], i) => {
        const { x: across, y: down } = matrix.transformPoint({ x, y });
        if (i) path.lineTo(across, down); else path.moveTo(across, down);
      });
      path.closePath();
      pen.save();
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.setLineDash(photo ? [] : [7 * ratio, 5 * ratio]);
      // Dark under light: seen on every skin and every lesion.
      for (const [colour, width] of [["rgba(11, 12, 13, 0.75)", 4], ["#f8f8f6", 1.75]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = width * ratio;
        pen.stroke(path);
      }
      pen.restore();
    });
  }

  fit() {
    const [wide, high] = this.data.photos[0].size;
    this.zoom = 1;
    this.at = [wide / 2, high / 2];
    this.root.classList.remove("zoomed");
  }

  // Zooms by a factor about a point of the pane, else its middle; 0 fits the photo again.
  magnify(factor, event, pane = this.panes[0]) {
    if (this.waiting) return;
    if (!factor) this.fit();
    else {
      const point = event ? this.point(event, pane) : this.at;
      const zoom = Math.min(MOST_ZOOM, Math.max(1, this.zoom * factor));
      const share = this.zoom / zoom;
      this.at = this.at.map((at, i) => point[i] + (at - point[i]) * share);
      this.zoom = zoom;
      this.keepInside();
      this.closer();
    }
    this.paint();
  }

  keepInside() {
    if (this.zoom <= 1.001) return this.fit();
    this.root.classList.add("zoomed");
    this.at = this.at.map((at, i) => Math.min(this.data.photos[0].size[i], Math.max(0, at)));
  }

  // Where on the reference photo the pointer is.
  point(event, pane) {
    const box = pane.getBoundingClientRect();
    const { scale, left, top } = this.placed(pane);
    return [(event.clientX - box.left - left) / scale, (event.clientY - box.top - top) / scale];
  }

  wheel(event, pane) {
    if (!event.ctrlKey && this.zoom <= 1) return; // the page scrolls
    event.preventDefault();
    this.magnify(Math.exp(-event.deltaY / 300), event, pane);
  }

  press(event, pane) {
    if (this.waiting || event.button) return;
    pane.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.dragged = false;
    if (this.view === "slider" && this.zoom <= 1) this.divide(event);
  }

  move(event, pane) {
    const was = this.pointers.get(event.pointerId);
    if (!was) return;
    const now = [event.clientX, event.clientY];
    this.dragged ||= Math.hypot(now[0] - was[0], now[1] - was[1]) > 2;
    if (this.pointers.size > 1) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]);
      const middle = { clientX: (now[0] + other[0]) / 2, clientY: (now[1] + other[1]) / 2 };
      this.magnify(apart(now) / Math.max(1, apart(was)), middle, pane);
    } else if (this.zoom > 1) {
      const { scale } = this.placed(pane);
      this.at = this.at.map((at, i) => at - (now[i] - was[i]) / scale);
      this.root.classList.add("moving");
      this.keepInside();
      this.paint();
    } else if (this.view === "slider") this.divide(event);
    this.pointers.set(event.pointerId, now);
  }

  lift(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.root.classList.remove("moving");
    if (this.view === "blink" && !this.dragged && event.type === "pointerup") {
      clearInterval(this.beating); // from here on by hand
      this.flip();
    }
  }

  divide(event) {
    const box = this.stage.getBoundingClientRect();
    this.divideAt((event.clientX - box.left) / box.width);
    this.paint();
  }

  divideAt(share) {
    this.divider = Math.min(1, Math.max(0, share));
    const handle = this.find(".divider");
    handle.style.left = `${100 * this.divider}%`;
    handle.setAttribute("aria-valuenow", Math.round(100 * this.divider));
    this.paint();
  }
}

// A canvas's transform that lays a photo of one size into another's, as large as fits.
function contained([wide, high], [width, height]) {
  const scale = Math.min(width / wide, height / high);
  return [scale, 0, 0, scale, (width - wide * scale) / 2, (height - high * scale) / 2];
}

// A fine map as a picture, clear where low.
function coloured(values, { height, width }, colours) {
  const canvas = make("canvas");
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(width, height);
  values.forEach((value, i) => image.data.set([...colours[value], Math.min(255, 2 * value)], 4 * i));
  pen.putImageData(image, 0, 0);
  return canvas;
}

function row({ name, value, error, seen }) {
  const line = make("div", seen ? "seen" : "");
  line.append(make("dt", "", name), make("dd", "value", value), make("dd", "error", error));
  return line;
}

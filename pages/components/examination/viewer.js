// Draws a lesion's photos, the heat map over them, and the differential, all in the browser: the
// slider, the visits and the diagnoses need no server. The server is only told what is shown.

const MARKS = {
  "malignant": "M6 0.8 L11.5 11 L0.5 11 Z",
  "pre-malignant": "M6 0.3 L11.7 6 L6 11.7 L0.3 6 Z",
  "benign": "M6 1.5 a4.5 4.5 0 1 0 0.001 0 Z",
};
const FOLDED = 0.025; // shown as 2 % at most
const FADE = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 180; // milliseconds
const TOUCH = matchMedia("(hover: none)").matches; // no keys to name
const viewers = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  let viewer = viewers.get(parentElement);
  const root = parentElement.querySelector(".viewer");
  root.hidden = !data;
  if (!data) return;
  if (!viewer || viewer.root !== root) {
    viewer = new Viewer(root);
    viewers.set(parentElement, viewer);
  }
  viewer.reveal = () => component.setTriggerValue("reveal", true);
  viewer.tell = (shown) => component.setStateValue("shown", shown);
  viewer.show(data);
}

class Viewer {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.canvas = this.find("canvas");
    this.opacity = 0; // as drawn now; it moves towards `target()`
    this.find(".toggle").onclick = () => this.setHeat(!this.heat);
    this.find("input").oninput = () => this.setHeat(true, true);
    this.find(".reveal").onclick = () => this.reveal();
    this.find(".fold").onclick = () => this.fold();
    this.find(".stage").onclick = () => this.find(".stage").focus();
    for (const button of root.querySelectorAll("[data-basis]")) {
      button.onclick = () => { this.basis = button.dataset.basis; this.refresh(); };
    }
    root.addEventListener("keydown", (event) => this.key(event));
  }

  show(data) {
    this.find(".facts").replaceChildren(...data.facts.map((text) => make("p", "", text)));
    for (const list of ["notices", "warnings"]) {
      this.find(`.${list}`).replaceChildren(...data[list].map((text) => make("li", "", text)));
    }
    if (this.data && this.data.id === data.id) return;
    this.data = data;
    this.pictures = data.photos.map(() => null);
    this.heats = new Map();
    this.maps = data.maps ? bytes(data.maps.values) : null;
    clearTimeout(this.telling);
    this.heat = false;
    this.unfolded = false;
    this.opacity = 0;
    this.basis = "running";
    this.photo = data.photo;
    this.code = data.code;
    this.root.classList.toggle("waiting", Boolean(data.waiting));
    this.root.classList.toggle("withheld", Boolean(data.withheld));
    this.find(".reveal").hidden = !data.withheld;
    this.find(".rows").ariaHidden = !data.maps;
    this.root.classList.toggle("single", data.photos.length < 2);
    this.find(".basis").hidden = data.visits.length < 2;
    this.find(".scale").style.background = gradient(data.colours);
    this.buildStrip();
    this.refresh();
    this.bringIntoView();
    if (!data.waiting && [document.body, null].includes(document.activeElement)) {
      this.find(".stage").focus({ preventScroll: true });
    }
  }

  // The strip scrolls by itself; scrollIntoView would take the page along.
  bringToStrip(button) {
    const strip = this.find(".strip");
    const left = button.offsetLeft - strip.offsetLeft, right = left + button.offsetWidth;
    if (left < strip.scrollLeft) strip.scrollLeft = left;
    else if (right > strip.scrollLeft + strip.clientWidth) strip.scrollLeft = right - strip.clientWidth;
  }

  // A new answer starts at the photo, wherever on the page it was asked for.
  bringIntoView() {
    const { top } = this.root.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) this.root.scrollIntoView({ block: "start" });
  }

  get visit() { return this.data.photos[this.photo].visit; }
  rows() { const visit = this.data.visits[this.visit]; return visit ? visit[this.basis] : []; }
  target() { return this.heat ? Number(this.find("input").value) / 100 : 0; }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || this.data.waiting) return;
    const onSlider = event.composedPath()[0].matches?.("input");
    const steps = this.maps ? { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }
      : { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key === " " && this.maps) {
      if (event.composedPath()[0].matches?.("button")) return;
      this.setHeat(!this.heat);
    } else if (event.key in steps && !onSlider) {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.stepVisit(steps[event.key]);
      else this.stepDiagnosis(steps[event.key]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  stepVisit(step) {
    const visit = this.visit + step;
    const photo = this.data.photos.findIndex((one) => one.visit === visit);
    if (photo >= 0) this.choose(photo, this.code);
  }

  stepDiagnosis(step) {
    const codes = this.rows().map((row) => row.code);
    const place = codes.indexOf(this.code) + step;
    if (place < 0 || place >= codes.length) return;
    const focused = this.root.getRootNode().activeElement?.matches?.(".row");
    this.choose(this.photo, codes[place]);
    if (focused) this.find('.row[aria-checked="true"]').focus();
  }

  choose(photo, code) {
    this.photo = photo;
    this.code = code;
    this.refresh();
    clearTimeout(this.telling);
    const shown = { of: this.data.id, photo: this.data.photos[photo].index, code };
    this.telling = setTimeout(() => this.tell(shown), 400);
  }

  setHeat(on, atOnce) {
    this.heat = on;
    if (atOnce) this.opacity = this.target();
    this.describe();
    this.fade();
  }

  fade() {
    cancelAnimationFrame(this.frame);
    const from = this.opacity, to = this.target();
    const started = performance.now();
    const step = (now) => {
      const done = FADE ? Math.min(1, Math.max(0, now - started) / FADE) : 1;
      this.opacity = from + (to - from) * done;
      this.paint();
      if (done < 1) this.frame = requestAnimationFrame(step);
    };
    step(started + (from === to ? FADE : 0));
  }

  refresh() {
    const { photos, visits } = this.data;
    const photo = photos[this.photo];
    this.find(".stage .visit").textContent = photo.label;
    for (const button of this.root.querySelectorAll("[data-basis]")) {
      button.setAttribute("aria-pressed", button.dataset.basis === this.basis);
    }
    for (const [i, button] of [...this.root.querySelectorAll(".strip button")].entries()) {
      button.setAttribute("aria-current", i === this.photo);
      if (i === this.photo) this.bringToStrip(button);
    }
    this.find("h1").textContent = this.data.title;
    this.buildRows();
    const visit = visits[this.visit];
    const total = visit && visit[this.basis + "_total"];
    this.find(".total").replaceChildren(
      ...(total ? [make("span", "", "Malignant in total"), make("span", "", total)] : []));
    this.sayCalls(visit);
    this.describe();
    this.load();
  }

  // The alert line and the set are of all photos up to the visit, whatever is shown above them.
  sayCalls(visit) {
    const from = this.basis === "alone" ? "All photos up to this visit: " : "";
    for (const call of ["alert", "set"]) {
      const [said, worth] = visit?.[call] ?? ["", ""];
      this.find(`.${call}`).replaceChildren(
        ...(said ? [make("strong", "", from + said), ` ${worth}`] : []));
    }
  }

  describe() {
    const photo = this.data.photos[this.photo];
    const name = this.data.names[this.code];
    const none = this.maps && !this.highlights();
    this.find(".toggle").setAttribute("aria-pressed", this.heat);
    this.find(".caption").textContent = !this.maps ? "" : !this.heat ? (TOUCH ? `Heat map: the regions that raised the score for ${name}.` : this.data.hint)
      : none ? `No highlighted region for ${name}.`
      : `Regions that raised the score for ${name}. Coarse; not an outline or a biopsy guide.`;
    this.canvas.setAttribute("aria-label", !this.heat ? photo.alt
      : none ? `${photo.alt}, no highlighted region for ${name}`
      : `${photo.alt}, with a heat map of the regions that raised the score for ${name}`);
  }

  buildRows() {
    const list = this.find(".rows");
    const rows = this.rows();
    while (list.children.length > rows.length) list.lastChild.remove();
    while (list.children.length < rows.length) list.append(makeRow());
    rows.forEach((row, i) => {
      const element = list.children[i];
      const chosen = row.code === this.code;
      element.className = `row ${row.behaviour}${i === 0 ? " leading" : ""}`;
      element.setAttribute("aria-checked", chosen);
      element.setAttribute("aria-label", `${row.name}, ${row.behaviour}, ${row.text}`);
      element.tabIndex = chosen ? 0 : -1;
      element.dataset.code = row.code;
      element.onclick = () => this.choose(this.photo, row.code);
      element.querySelector(".title").textContent = row.name;
      element.querySelector(".code").textContent = /^[A-Z]{2,4}$/.test(row.code) ? row.code : "";
      element.querySelector("path").setAttribute("d", MARKS[row.behaviour] ?? "");
      element.querySelector(".word").textContent = row.behaviour;
      element.querySelector(".share").textContent = row.text;
      element.querySelector(".bar span").style.width = `${100 * row.probability}%`;
      element.hidden = this.folds(i);
    });
    const tail = this.tail();
    const malignant = tail.filter((row) => row.behaviour === "malignant").length;
    this.find(".fold").hidden = tail.length === 0;
    this.find(".fold").setAttribute("aria-expanded", !tail.length || !this.folds(rows.length - 1));
    this.find(".fold").textContent = !this.folds(rows.length - 1) ? "Show fewer"
      : `${tail.length} more under 3\u202f%` + (malignant ? `, ${malignant} of them malignant` : "");
  }

  // The least likely diagnoses, all shown as 2 % or less, stand folded unless one of them is chosen.
  tail() {
    const rows = this.maps ? this.rows() : [];
    const tail = rows.filter((row, i) => i > 0 && row.probability < FOLDED);
    return tail.length > 1 ? tail : [];
  }

  folds(i) {
    const rows = this.rows(), tail = this.tail();
    const open = this.unfolded || tail.some((row) => row.code === this.code);
    return !open && i >= rows.length - tail.length;
  }

  fold() {
    const open = !this.folds(this.rows().length - 1);
    this.unfolded = !open;
    if (open && this.tail().some((row) => row.code === this.code)) {
      return this.choose(this.photo, this.rows()[0].code);
    }
    this.buildRows();
  }

  buildStrip() {
    const { photos } = this.data;
    this.find(".strip").replaceChildren(...(photos.length < 2 ? [] : photos.map((photo, i) => {
      const item = make("li");
      const button = make("button");
      const picture = make("img");
      button.type = "button";
      button.disabled = Boolean(this.data.waiting);
      picture.src = photo.thumbnail;
      picture.alt = "";
      button.append(picture, make("span", "", photo.label));
      button.onclick = () => this.choose(i, this.code);
      item.append(button);
      return item;
    })));
  }

  load() {
    const place = this.photo;
    if (this.pictures[place]) return this.paint();
    const picture = new Image();
    picture.onload = () => { this.pictures[place] = picture; this.paint(); };
    picture.src = this.data.photos[place].source;
  }

  paint() {
    const picture = this.pictures[this.photo];
    if (!picture) return;
    const { canvas } = this;
    if (canvas.width !== picture.naturalWidth || canvas.height !== picture.naturalHeight) {
      canvas.width = picture.naturalWidth;
      canvas.height = picture.naturalHeight;
    }
    const pen = canvas.getContext("2d");
    pen.globalAlpha = 1;
    pen.drawImage(picture, 0, 0);
    if (this.opacity > 0 && this.maps) {
      const [left, top, right, bottom] = this.data.photos[this.photo].frame;
      pen.globalAlpha = this.opacity;
      pen.imageSmoothingEnabled = true;
      pen.imageSmoothingQuality = "high";
      pen.drawImage(this.heatOf(), left, top, right - left, bottom - top);
    }
  }

  // The values 0 ... 255 of one photo's map for the chosen diagnosis, row by row.
  values() {
    const { height, width } = this.data.maps;
    const size = height * width;
    const start = (this.data.codes.indexOf(this.code) * this.data.photos.length + this.photo) * size;
    return this.maps.subarray(start, start + size);
  }

  highlights() { return this.values().some((value) => value > 0); }

  heatOf() {
    const id = `${this.photo} ${this.code}`;
    if (!this.heats.has(id)) {
      const { frame } = this.data.photos[this.photo];
      this.heats.set(id, pictured(this.values(), this.data.maps, frame, this.data.colours));
    }
    return this.heats.get(id);
  }
}

function makeRow() {
  const row = make("div", "row");
  const name = make("span", "name");
  const behaviour = make("span", "behaviour");
  const bar = make("span", "bar");
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  mark.setAttribute("viewBox", "0 0 12 12");
  mark.setAttribute("aria-hidden", "true");
  mark.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
  behaviour.append(mark, make("span", "word"));
  name.append(make("span", "title"), " ", make("span", "code"), behaviour);
  bar.append(make("span"));
  row.append(name, make("span", "share"), bar);
  row.setAttribute("role", "radio");
  return row;
}

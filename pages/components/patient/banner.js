// Whose record this is, never out of sight: under the header once its own place has scrolled away.

const watched = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  let space = parentElement.querySelector(".space");
  if (!space) {
    space = make("div", "space");
    const banner = make("div", "banner");
    banner.setAttribute("role", "note");
    banner.append(make("span", "patient"), make("span", "lesion"));
    space.append(banner);
    parentElement.append(space);
  }
  space.querySelector(".patient").textContent = data.patient;
  space.querySelector(".lesion").textContent = data.lesion;
  space.querySelector(".banner").setAttribute("aria-label", "Whose record is open");
  if (watched.has(parentElement)) return;
  const follow = () => keepInSight(space);
  watched.set(parentElement, follow);
  document.addEventListener("scroll", follow, { capture: true, passive: true });
  addEventListener("resize", follow);
  follow();
  return () => {
    watched.delete(parentElement);
    document.removeEventListener("scroll", follow, { capture: true });
    removeEventListener("resize", follow);
  };
}

function keepInSight(space) {
  const header = document.querySelector("[data-testid=stHeader]");
  const edge = header ? header.getBoundingClientRect().bottom : 0;
  const { top, left, width } = space.getBoundingClientRect();
  const banner = space.querySelector(".banner");
  const away = top < edge;
  if (away === banner.classList.contains("away") && !away) return;
  space.style.height = away ? `${space.offsetHeight}px` : "";
  banner.classList.toggle("away", away);
  Object.assign(banner.style, away ? { top: `${edge}px`, left: `${left}px`, width: `${width}px` }
    : { top: "", left: "", width: "" });
}

function make(tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

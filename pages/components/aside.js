// Asks the server again after a while, for work that it does aside.

const timers = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  clearTimeout(timers.get(parentElement));
  timers.set(parentElement, setTimeout(() => component.setTriggerValue("again", data.at), data.after));
  return () => clearTimeout(timers.get(parentElement));
}

// Asks the server again and again for work that it does aside. One question alone may be lost where
// several parts of a page ask at the same time.

const timers = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  clearInterval(timers.get(parentElement));
  timers.set(parentElement, setInterval(() => component.setTriggerValue("again", Date.now()), data.after));
  return () => clearInterval(timers.get(parentElement));
}

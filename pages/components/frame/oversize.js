// Streamlit turns files over its limit away in the browser, and its message goes when the uploader
// is emptied. So the page listens for the files that are given, and tells the server which are too
// large to arrive.

const UPLOADER = '[data-testid="stFileUploader"]';
const ARCHIVES = '[class*="st-key-archive-"]';
const listeners = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  listeners.get(parentElement)?.abort();
  const listening = new AbortController();
  listeners.set(parentElement, listening);

  const report = (target, files) => {
    const limit = target.closest(ARCHIVES) ? data.archive : data.limit;
    const large = [...files].filter((file) => file.size > limit);
    if (large.length) setTriggerValue("names", large.map((file) => [file.name, limit]));
  };
  const options = { capture: true, signal: listening.signal };
  document.addEventListener("change", (event) => {
    if (event.target.closest(UPLOADER) && event.target.files) report(event.target, event.target.files);
  }, options);
  document.addEventListener("drop", (event) => {
    if (event.target.closest(UPLOADER)) report(event.target, event.dataTransfer.files);
  }, options);
  return () => listening.abort();
}

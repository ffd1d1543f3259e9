// Streamlit turns files over its limit away in the browser, and its message goes when the uploader
// is emptied; what the server turns away it calls by a number. So the page listens for the files
// that are given and for the answers to those that are sent, and tells the server which of them
// were too large to arrive, and which were turned away.

const UPLOADER = '[data-testid="stFileUploader"]';
const ARCHIVES = '[class*="st-key-archive-"]';
const ADDRESS = "/_stcore/upload_file/";
const OVER = "dermtrace-uploads-over";
const listeners = new WeakMap();

// Counts what is on its way; once nothing is, says which files were turned away and by which status.
function watchUploads() {
  const { open, send } = XMLHttpRequest.prototype;
  if (open.watched) return;
  let coming = 0;
  let refused = [];
  XMLHttpRequest.prototype.open = function (method, address, ...rest) {
    this.uploads = method.toUpperCase() === "PUT" && String(address).includes(ADDRESS);
    return open.call(this, method, address, ...rest);
  };
  XMLHttpRequest.prototype.open.watched = true;
  XMLHttpRequest.prototype.send = function (body) {
    if (this.uploads) {
      const file = body instanceof FormData ? [...body.values()].find((one) => one instanceof File) : body;
      coming += 1;
      this.addEventListener("loadend", () => {
        coming -= 1;
        if (this.status >= 400) refused.push([file?.name ?? "", this.status]);
        if (coming === 0 && refused.length) {
          document.dispatchEvent(new CustomEvent(OVER, { detail: refused }));
          refused = [];
        }
      });
    }
    return send.call(this, body);
  };
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  watchUploads();
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
  document.addEventListener(OVER, (event) => setTriggerValue("refused", event.detail), options);
  return () => listening.abort();
}

// The life of a page's parts. A part is an element that a script brings to life: `mount(selector, start)` calls
// start(element, signal) once for each element, also for those that arrive later (boosted navigation, fragments, streams),
// and aborts the signal when the element has left the document. Listeners added with {signal} need no other cleaning up.

const kinds = []; // {selector, start}
const living = new Map(); // element -> Map(kind -> AbortController)

export function mount(selector, start) {
  const kind = { selector, start };
  kinds.push(kind);
  for (const element of document.querySelectorAll(selector)) begin(kind, element);
}

function begin(kind, element) {
  const parts = living.get(element) ?? new Map();
  if (parts.has(kind)) return;
  const controller = new AbortController();
  parts.set(kind, controller);
  living.set(element, parts);
  kind.start(element, controller.signal);
}

export function scan(root = document) {
  for (const [element, parts] of living) {
    if (element.isConnected) continue;
    living.delete(element);
    for (const controller of parts.values()) controller.abort();
  }
  for (const kind of kinds) {
    if (root.matches?.(kind.selector)) begin(kind, root);
    for (const element of root.querySelectorAll(kind.selector)) begin(kind, element);
  }
}

// "settle" comes after the content is in place and before htmx awaits anything else.
document.addEventListener("htmx:after:settle", () => scan());
document.addEventListener("htmx:after:swap", () => scan());

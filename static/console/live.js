// Live pages. An element with data-stream="/ws/…" opens a websocket for as long as it is in the document.
//
// Frames from the server are JSON {"n": number, "kind": …}; each is acknowledged by its number. Kinds handled here:
//   html    {html}          elements with ids: each is morphed into the element of the same id, or, when the id is new, put
//                           into its list: the element named by its data-in="ID", else the stream's only [data-live-list].
//                           Place: by data-key (text, ascending) among its siblings, else {before: id}, else at the end.
//   remove  {ids}           elements that are gone
//   only    {list, ids}     after a gap: what else is in this list is gone
//   patch   {id: {field: value}} under "patch": text of [data-field=field] in the element; value may be [text, number], the
//                           number is what tables sort by (data-value). Meters take numbers; see also `onField`.
//   sample  {samples, patch}  points of charts (see chart.js), with a patch as above
//   ping, end, denied {detail}, failed {title, detail, remedy}
// Any frame may carry "resume": an opaque mark that is sent back as ?resume=… when the connection is made anew.
// Every other kind is dispatched on the element as the event `stream:KIND` with the frame as detail.

import { mount, scan } from "./page.js";

const ACK_EVERY = 32, ACK_WITHIN = 250; // frames, ms
const SILENCE = 22_000; // the server says something at least every 15 s
const SLOWEST = 30_000;
const BUDGET = 8; // ms of work for one animation frame
const FINAL = new Map([[4403, "You may not see this any more"], [4404, "It is gone"]]);

const streams = new Map(); // element -> Stream
const fields = []; // [selector, setter]
let morph;

/** Call `handle(frame)` for every frame of this kind of the stream that `element` stands in. */
export function onStream(element, kind, handle, options) {
  owner(element)?.addEventListener(`stream:${kind}`, (event) => handle(event.detail), options);
}

/** Send a message to the server; false when not connected at the moment. */
export function send(element, message) {
  return streams.get(owner(element))?.send(message) ?? false;
}

/** Elements that match take patched values by `set(element, value)` instead of as text. */
export function onField(selector, set) {
  fields.push([selector, set]);
}

const owner = (element) => element.closest("[data-stream]");

class Stream {
  constructor(element, signal) {
    Object.assign(this, { element, attempts: 0, seen: 0, acked: 0, queue: [], resume: element.dataset.resume ?? "" });
    this.state = { name: "connecting", since: Date.now(), reason: "" };
    signal.addEventListener("abort", () => this.stop());
    this.connect();
  }

  connect() {
    const url = new URL(this.element.dataset.stream, location.href.replace(/^http/, "ws"));
    if (this.resume) url.searchParams.set("resume", this.resume);
    Object.assign(this, { seen: 0, acked: 0, queue: [] });
    const socket = (this.socket = new WebSocket(url));
    socket.onopen = () => this.opened();
    socket.onmessage = (event) => this.socket === socket && this.arrived(JSON.parse(event.data));
    socket.onclose = (event) => this.socket === socket && this.lost(event);
  }

  opened() {
    this.watch();
    if (document.hidden) this.send({ pause: true });
  }

  arrived(frame) {
    this.attempts = 0;
    this.show("live");
    this.watch();
    this.queue.push(frame);
    if (!this.drawing) this.work();
  }

  /** Work through what has arrived, at most BUDGET ms at a stretch, so that the page stays quick under a flood. */
  work() {
    this.drawing = true;
    const until = performance.now() + BUDGET;
    while (this.queue.length && performance.now() < until) this.process(this.queue.shift());
    if (document.hidden) setTimeout(() => this.resumeWork(), 50);
    else requestAnimationFrame(() => this.resumeWork());
  }

  resumeWork() {
    this.drawing = false;
    if (this.queue.length) this.work();
  }

  process(frame) {
    if (frame.resume) this.resume = frame.resume;
    try {
      (handlers[frame.kind] ?? dispatch)(this.element, frame, this);
    } finally {
      this.seen = frame.n ?? this.seen;
      this.acknowledge();
    }
  }

  acknowledge() {
    if (this.seen - this.acked >= ACK_EVERY) this.ack();
    else this.ackTimer ??= setTimeout(() => this.ack(), ACK_WITHIN);
  }

  ack() {
    clearTimeout(this.ackTimer);
    this.ackTimer = undefined;
    if (this.seen > this.acked && this.send({ ack: this.seen })) this.acked = this.seen;
  }

  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  watch() {
    clearTimeout(this.silence);
    if (!document.hidden) this.silence = setTimeout(() => this.drop(), SILENCE);
  }

  /** The line is dead though nobody said so. */
  drop() {
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
    this.lost({ code: 1006 });
  }

  lost(event) {
    clearTimeout(this.silence);
    if (this.ended || event.code === 1000) return this.show("off", this.ended || "The stream has ended");
    if (FINAL.has(event.code)) return this.show("off", FINAL.get(event.code));
    this.show("reconnecting", this.failure);
    const wait = Math.min(SLOWEST, 500 * 2 ** this.attempts++);
    this.retry = setTimeout(() => this.connect(), wait * (0.5 + Math.random() / 2));
  }

  hurry() {
    if (this.socket?.readyState === WebSocket.OPEN || this.state.name !== "reconnecting") return;
    clearTimeout(this.retry);
    this.connect();
  }

  visibility() {
    this.send({ pause: document.hidden });
    this.watch();
    if (!document.hidden) this.hurry();
  }

  stop() {
    for (const timer of [this.silence, this.retry, this.ackTimer]) clearTimeout(timer);
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
    streams.delete(this.element);
    badge();
  }

  show(name, reason = "") {
    if (name === "live") this.failure = "";
    if (this.state.name === name && this.state.reason === reason) return;
    const since = this.state.name === name ? this.state.since : Date.now();
    this.state = { name, since, reason };
    this.element.dataset.live = name;
    badge();
  }
}

// --- what frames do

const handlers = {
  html: (element, frame) => html(element, frame),
  remove: (_, { ids }) => removeAll(ids.map((id) => document.getElementById(id))),
  only: (_, { list, ids }) => {
    const keep = new Set(ids);
    removeAll([...(document.getElementById(list)?.children ?? [])].filter((child) => child.id && !keep.has(child.id)));
  },
  patch: (_, { patch }) => Object.entries(patch).forEach(([id, values]) => patchOne(document.getElementById(id), values)),
  sample: (element, frame) => {
    if (frame.patch) handlers.patch(element, frame);
    dispatch(element, frame);
  },
  ping: () => {},
  end: (element, frame, stream) => ((stream.ended = frame.detail || "The stream has ended"), dispatch(element, frame)),
  denied: (element, frame, stream) => ((stream.ended = frame.detail || FINAL.get(4403)), dispatch(element, frame)),
  failed: (element, frame, stream) => ((stream.failure = frame.title), dispatch(element, frame)),
};

function dispatch(element, frame) {
  element.dispatchEvent(new CustomEvent(`stream:${frame.kind}`, { detail: frame, bubbles: true }));
}

function html(element, frame) {
  const template = document.createElement("template");
  template.innerHTML = frame.html;
  const changed = new Set();
  for (const fresh of [...template.content.children]) {
    const old = fresh.id && document.getElementById(fresh.id);
    const place = old ? replace(old, fresh) : insert(element, fresh, frame.before);
    if (place) changed.add(place);
  }
  announce(changed);
}

function replace(old, fresh) {
  const { id, parentElement: list } = old;
  const moved = fresh.dataset.key !== old.dataset.key;
  const fragment = document.createDocumentFragment();
  fragment.append(fresh);
  morph(old, fragment, false);
  const now = document.getElementById(id);
  if (!now) return null; // the page went away meanwhile
  htmx.process(now);
  if (moved && list.matches("[data-live-list]")) (list.moveBefore ?? list.insertBefore).call(list, now, place(list, now));
  return list;
}

function insert(element, fresh, before) {
  const list = fresh.dataset.in ? document.getElementById(fresh.dataset.in) : element.querySelector("[data-live-list]");
  if (!list) return null;
  list.insertBefore(fresh, before ? document.getElementById(before) : place(list, fresh));
  htmx.process(fresh);
  return list;
}

/** The sibling that an element with a data-key goes before. */
function place(list, element) {
  const key = element.dataset.key;
  if (key === undefined) return null;
  return [...list.children].find((sibling) => sibling !== element && sibling.dataset.key > key) ?? null;
}

function removeAll(elements) {
  const changed = new Set();
  for (const element of elements) {
    if (!element) continue;
    changed.add(element.parentElement);
    element.remove();
  }
  announce(changed);
}

/** `live:changed` on a list says: rows were added, replaced or removed. */
function announce(lists) {
  if (lists.size) scan();
  for (const list of lists) list.dispatchEvent(new CustomEvent("live:changed", { bubbles: true }));
}

function patchOne(element, values) {
  if (!element) return;
  for (const [field, value] of Object.entries(values)) {
    const selector = `[data-field="${CSS.escape(field)}"]`;
    if (element.matches(selector)) setField(element, value);
    for (const part of element.querySelectorAll(selector)) setField(part, value);
  }
}

function setField(part, value) {
  const special = fields.find(([selector]) => part.matches(selector));
  if (special) return special[1](part, value);
  const [text, number] = Array.isArray(value) ? value : [value];
  if (number !== undefined) part.dataset.value = number;
  if (part.textContent !== String(text)) part.textContent = text;
}

onField("meter, progress", (part, value) => (part.value = Array.isArray(value) ? value[1] : value));

// --- what a morph must leave alone: what the user opened, ticked, filtered out, or is typing into

function keepsItsState(element, name) {
  if (name === "open") return element.matches("details, dialog");
  if (name === "hidden") return element.matches("tr, [data-row]");
  if (name === "value" || name === "checked") return element === document.activeElement;
  return name === "aria-busy" || name === "data-asked";
}

htmx.registerExtension("live", {
  init: (api) => (morph = api.morph),
  htmx_before_morph_attr: (element, { attrName }) => !keepsItsState(element, attrName),
});

// --- the badge in the masthead: the worst of the page's streams

const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", off: "Not live" };

let loaded = performance.timeOrigin;
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.target?.id !== "page") return;
  loaded = Date.now();
  badge();
});

function badge() {
  const element = document.getElementById("live");
  if (!element) return;
  const order = ["off", "reconnecting", "connecting", "live"];
  const worst = [...streams.values()].map((stream) => stream.state)
    .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))[0] ?? { name: "off", since: performance.timeOrigin, reason: "" };
  element.dataset.state = worst.name;
  const words = streams.size ? [WORDS[worst.name]] : ["As of ", clock(loaded)]; // a page without a stream never was live
  if (worst.name === "reconnecting") words.push(" – not live since ", clock(worst.since));
  element.querySelector("[data-word]").replaceChildren(...words);
  element.title = worst.reason || (streams.size ? "" : "This page shows the state at the time it was loaded");
}

function clock(milliseconds) {
  const time = document.createElement("time");
  time.dateTime = new Date(milliseconds).toISOString();
  time.textContent = new Date(milliseconds).toLocaleTimeString([], { hour12: false });
  return time;
}

mount("[data-stream]", (element, signal) => {
  if (!element.dataset.stream) return;
  streams.set(element, new Stream(element, signal));
  badge();
});
badge();
document.addEventListener("visibilitychange", () => streams.forEach((stream) => stream.visibility()));
addEventListener("online", () => streams.forEach((stream) => stream.hurry()));
addEventListener("offline", () => streams.forEach((stream) => stream.drop()));

// A log that may be endless: entries come by the stream (newest), or are fetched (older ones on scrolling up, skipped ones on
// request). The number of lines in the document stays bounded. An entry is [cursor, time, priority, who, pid, unit, message].

import { mount } from "./page.js";
import { onStream } from "./live.js";

const MOST = 1500; // lines in the document
const SGR = /\x1b\[([0-9;]*)m/g;
const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

class Journal {
  constructor(root, signal) {
    this.lines = document.getElementById(root.dataset.journal);
    Object.assign(this, { root, signal, first: "", last: "", more: true, held: [], skippedWhileHeld: 0 });
    this.follow = document.querySelector(`[data-follow="${this.lines.id}"]`);
    this.newest = document.querySelector(`[data-newest="${this.lines.id}"]`);
    this.status = document.querySelector("[data-journal-status]");
    this.lines.addEventListener("scroll", () => this.scrolled(), { signal, passive: true });
    this.lines.addEventListener("click", (event) => this.clicked(event), { signal });
    this.follow?.addEventListener("change", () => this.following() && this.toEnd(), { signal });
    this.newest?.addEventListener("click", () => this.toEnd(), { signal });
    if ("live" in root.dataset) onStream(root, "entries", (frame) => this.arrived(frame), { signal });
    else this.load({}).then((page) => page && this.show(page));
    setTimeout(() => this.say(), 1500);
  }

  following() {
    return this.follow?.checked && !this.selecting();
  }

  /** Selecting text never fights the follow: while something is selected, new lines wait. */
  selecting() {
    const selection = document.getSelection();
    return selection && !selection.isCollapsed && this.lines.contains(selection.anchorNode);
  }

  arrived({ skipped, entries }) {
    if (!this.following()) return this.hold(skipped, entries);
    if (this.held.length) this.release();
    this.append(skipped, entries);
  }

  hold(skipped, entries) {
    this.held.push(...entries);
    this.skippedWhileHeld += skipped + Math.max(0, this.held.length - MOST);
    this.held.splice(0, this.held.length - MOST);
    this.newest.hidden = false;
    this.say();
  }

  release() {
    const [skipped, entries] = [this.skippedWhileHeld, this.held];
    Object.assign(this, { held: [], skippedWhileHeld: 0 });
    this.newest.hidden = true;
    this.append(skipped, entries);
  }

  toEnd() {
    if (this.follow && !this.follow.disabled) this.follow.checked = true;
    document.getSelection()?.removeAllRanges();
    this.release();
    this.lines.scrollTop = this.lines.scrollHeight;
  }

  append(skipped, entries) {
    const fragment = document.createDocumentFragment();
    if (skipped) fragment.append(gap(skipped, this.last));
    for (const entry of entries) fragment.append(this.line(entry));
    this.lines.append(fragment);
    if (entries.length) this.last = entries.at(-1)[0];
    this.first ||= entries[0]?.[0] ?? "";
    while (this.lines.childElementCount > MOST) this.drop(this.lines.firstElementChild);
    this.lines.scrollTop = this.lines.scrollHeight;
    this.say();
  }

  drop(line) {
    line.remove();
    this.more = true;
    this.first = [...this.lines.children].find((child) => child.dataset.cursor)?.dataset.cursor ?? "";
  }

  show(page) {
    this.more = page.more;
    const fragment = document.createDocumentFragment();
    for (const entry of page.entries) fragment.append(this.line(entry));
    this.lines.append(fragment);
    this.first = page.entries[0]?.[0] ?? "";
    this.last = page.entries.at(-1)?.[0] ?? "";
    this.lines.scrollTop = this.lines.scrollHeight;
    this.say();
  }

  async scrolled() {
    const atEnd = this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < 40;
    if (!atEnd && this.follow?.checked && this.lines.scrollTop < this.top) this.follow.checked = false;
    this.top = this.lines.scrollTop;
    if (this.lines.scrollTop < 200 && this.more && this.first && !this.loading) await this.older();
  }

  async older() {
    this.loading = true;
    const page = await this.load({ before: this.first });
    this.loading = false;
    if (!page) return;
    this.more = page.more;
    const [height, top] = [this.lines.scrollHeight, this.lines.scrollTop];
    this.lines.prepend(...page.entries.map((entry) => this.line(entry)));
    this.first = page.entries[0]?.[0] ?? this.first;
    this.lines.scrollTop = top + this.lines.scrollHeight - height;
    while (this.lines.childElementCount > 3 * MOST) this.lines.lastElementChild.remove();
    this.say();
  }

  async load(place) {
    const [entries, own] = this.root.dataset.entries.split("?"); // a log inside another page brings its own query
    const query = new URLSearchParams(own ?? location.search);
    for (const [name, value] of Object.entries(place)) query.set(name, value);
    try {
      const response = await fetch(`${entries}?${query}`, { signal: this.signal, headers: { Accept: "application/json" } });
      if (response.ok) return await response.json();
      this.say(response.status === 404 ? "You may not read this" : "The host did not answer");
    } catch (error) {
      if (error.name !== "AbortError") this.say("The console did not answer");
    }
    return null;
  }

  async clicked(event) {
    const skipped = event.target.closest("[data-after]");
    if (skipped) return this.readSkipped(skipped);
    const line = event.target.closest(".log-line");
    if (!line || this.selecting() || event.target.closest("a, table")) return;
    const open = line.nextElementSibling?.matches(".log-fields") && line.nextElementSibling;
    if (open) return open.remove();
    const fields = Object.assign(document.createElement("div"), { className: "log-fields" });
    line.after(fields);
    htmx.ajax("GET", `${this.root.dataset.entry}?cursor=${encodeURIComponent(line.dataset.cursor)}`, { target: fields, swap: "innerHTML" });
  }

  async readSkipped(button) {
    const box = button.closest(".log-gap");
    const page = await this.load({ after: button.dataset.after });
    if (!page) return;
    const next = box.nextElementSibling?.dataset.cursor;
    const cut = page.entries.findIndex((entry) => entry[0] === next);
    const between = cut < 0 ? page.entries : page.entries.slice(0, cut);
    const left = Number(button.dataset.count) - between.length;
    box.before(...between.map((entry) => this.line(entry)));
    if (cut >= 0 || left <= 0 || !between.length) box.remove();
    else box.replaceWith(gap(left, between.at(-1)[0]));
  }

  say(text) {
    const count = this.lines.querySelectorAll(".log-line").length;
    const waiting = this.held.length ? `, ${this.held.length.toLocaleString()} newer wait` : "";
    this.status.textContent = text ?? (count ? `${count.toLocaleString()} entries${waiting}` : "No entries match");
  }

  line([cursor, time, priority, who, pid, unit, message]) {
    const line = document.createElement("div");
    line.className = "log-line";
    line.dataset.cursor = cursor;
    line.dataset.priority = priority;
    const when = document.createElement("time");
    const date = new Date(time * 1000);
    when.dateTime = date.toISOString();
    when.textContent = stamp(date);
    when.title = date.toISOString();
    const source = Object.assign(document.createElement("span"), { className: "who", textContent: who, title: `${unit || who}${pid ? `, process ${pid}` : ""}` });
    const what = Object.assign(document.createElement("span"), { className: "what" });
    what.append(...coloured(message));
    line.append(when, source, what);
    return line;
  }
}

function stamp(date) {
  const two = (number) => String(number).padStart(2, "0");
  const day = date.toDateString() === new Date().toDateString() ? "" : `${date.toLocaleDateString(undefined, { month: "short", day: "2-digit" })} `;
  return `${day}${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function gap(count, after) {
  const box = Object.assign(document.createElement("div"), { className: "log-gap" });
  const button = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: "read them" });
  Object.assign(button.dataset, { after, count });
  box.append(`${count.toLocaleString()} lines skipped — `, button);
  return box;
}

/** Text with SGR colours as text nodes and spans; nothing in it is ever parsed as HTML. */
export function coloured(message) {
  if (!message.includes("\x1b")) return [message];
  const parts = [];
  let [at, style] = [0, ""];
  for (const match of message.matchAll(SGR)) {
    parts.push(part(message.slice(at, match.index), style));
    at = match.index + match[0].length;
    style = styled(style, match[1]);
  }
  parts.push(part(message.slice(at), style));
  return parts.filter(Boolean);
}

function part(text, style) {
  if (!text || !style) return text;
  return Object.assign(document.createElement("span"), { textContent: text, className: style });
}

function styled(style, codes) {
  const classes = new Set(style.split(" ").filter(Boolean));
  for (const code of (codes || "0").split(";").map(Number)) {
    if (code === 0) classes.clear();
    if (code === 1) classes.add("sgr-bold");
    const colour = COLOURS[code >= 90 ? code - 90 : code - 30];
    if ((code >= 30 && code < 38) || (code >= 90 && code < 98)) {
      for (const name of COLOURS) classes.delete(`sgr-${name}`);
      classes.add(`sgr-${colour}`);
    }
  }
  return [...classes].join(" ");
}

mount("[data-journal]", (root, signal) => new Journal(root, signal));

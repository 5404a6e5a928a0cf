// A container's log: lines come by the stream as [epoch seconds, "stdout" | "stderr", text]. The number of lines in the
// document stays bounded; while the reader looks back, or has selected text, newer lines wait.

import { coloured } from "./journal.js";
import { onStream } from "./live.js";
import { mount } from "./page.js";

const MOST = 2000; // lines in the document

class Log {
  constructor(root, signal) {
    this.lines = document.getElementById(root.dataset.workloadLog);
    this.follow = document.querySelector(`[data-follow="${this.lines.id}"]`);
    this.newest = document.querySelector(`[data-newest="${this.lines.id}"]`);
    this.status = document.querySelector("[data-log-status]");
    Object.assign(this, { held: [], skipped: 0, top: 0 });
    onStream(root, "lines", (frame) => this.arrived(frame), { signal });
    this.follow.addEventListener("change", () => this.follow.checked && this.toEnd(), { signal });
    this.newest.addEventListener("click", () => this.toEnd(), { signal });
    this.lines.addEventListener("scroll", () => this.scrolled(), { signal, passive: true });
  }

  selecting() {
    const selection = document.getSelection();
    return !selection.isCollapsed && this.lines.contains(selection.anchorNode);
  }

  arrived({ skipped, lines }) {
    this.skipped += skipped;
    this.held.push(...lines);
    const over = this.held.length - MOST;
    if (over > 0) {
      this.skipped += over;
      this.held.splice(0, over);
    }
    if (this.follow.checked && !this.selecting()) this.release();
    else this.newest.hidden = false;
    this.say();
  }

  release() {
    const fragment = document.createDocumentFragment();
    if (this.skipped) fragment.append(gap(this.skipped));
    for (const line of this.held) fragment.append(row(line));
    Object.assign(this, { held: [], skipped: 0 });
    this.newest.hidden = true;
    this.lines.append(fragment);
    while (this.lines.childElementCount > MOST) this.lines.firstElementChild.remove();
    this.lines.scrollTop = this.lines.scrollHeight;
    this.top = this.lines.scrollTop;
  }

  toEnd() {
    this.follow.checked = true;
    document.getSelection()?.removeAllRanges();
    this.release();
    this.say();
  }

  scrolled() {
    const atEnd = this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < 40;
    if (!atEnd && this.lines.scrollTop < this.top) this.follow.checked = false;
    this.top = this.lines.scrollTop;
  }

  say() {
    const waiting = this.held.length ? `, ${this.held.length.toLocaleString()} newer wait` : "";
    this.status.textContent = `${this.lines.querySelectorAll(".log-line").length.toLocaleString()} lines${waiting}`;
  }
}

function row([time, stream, text]) {
  const line = Object.assign(document.createElement("div"), { className: "log-line" });
  if (stream === "stderr") line.dataset.stream = stream;
  const when = document.createElement("time");
  if (time) {
    const date = new Date(time * 1000);
    const iso = date.toISOString();
    Object.assign(when, { dateTime: iso, title: iso, textContent: date.toLocaleTimeString(undefined, { hour12: false }) });
  }
  const what = Object.assign(document.createElement("span"), { className: "what" });
  what.append(...coloured(text));
  line.append(when, what);
  return line;
}

function gap(count) {
  return Object.assign(document.createElement("div"), { className: "log-gap", textContent: `${count.toLocaleString()} lines skipped: they came faster than they could be shown. Download the log to read them.` });
}

mount("[data-workload-log]", (root, signal) => new Log(root, signal));

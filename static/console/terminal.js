// A terminal (xterm.js) over the page's stream; see hosts/consumers/terminal.py for the messages.

import "../vendor/xterm.js";
import "../vendor/addon-fit.js";
import { onStream, send } from "./live.js";
import { mount, scan } from "./page.js";

const PIECE = 32 * 1024; // characters of a paste in one message
const SETTLED = 80; // ms after the last change of size
const THEME = { background: "#151515", foreground: "#f2f2f2", cursor: "#f2f2f2", selectionBackground: "#4d5d75" };
const KEYS = { Esc: "\x1b", Tab: "\t", "Ctrl-C": "\x03", "Ctrl-D": "\x04", "Ctrl-Z": "\x1a", "←": "D", "↑": "A", "↓": "B", "→": "C" };

const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

mount("[data-terminal]", (page, signal) => {
  const part = (name) => page.querySelector(`[data-${name}]`);
  const terminal = new Terminal({
    fontFamily: "ui-monospace, 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
    fontSize: page.clientWidth < 600 ? 12 : 14,
    scrollback: 5000,
    theme: THEME,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    screenReaderMode: false,
  });
  const fit = new FitAddon.FitAddon();
  let replaying = 0; // writes whose answers (cursor position, colours) were given when they were new

  // --- its size, then its stream: the shell starts at the size of the screen

  terminal.loadAddon(fit);
  terminal.open(part("screen"));
  fit.fit();
  const stream = new URL(page.dataset.terminal, location.href);
  stream.searchParams.set("columns", terminal.cols);
  stream.searchParams.set("rows", terminal.rows);
  page.dataset.stream = stream.pathname + stream.search; // begins with scan(), once all below listens

  const type = (text) => {
    for (let start = 0; start < text.length; ) {
      let end = Math.min(start + PIECE, text.length);
      if (end < text.length && /[\uD800-\uDBFF]/.test(text[end - 1])) end -= 1; // a pair stays together
      if (!send(page, { input: text.slice(start, end) })) return;
      start = end;
    }
  };

  // --- from the host

  onStream(page, "attached", ({ anew, login }) => {
    if (anew) terminal.reset();
    state(login ? `Open as ${login}` : "Open");
    part("over").hidden = true;
    part("end").disabled = false;
    send(page, { resize: [terminal.cols, terminal.rows] });
    if (document.hidden) send(page, { hidden: true });
    terminal.focus();
  }, { signal });

  onStream(page, "output", ({ data, resume, replay, skipped }) => {
    if (skipped) terminal.write(`\r\n\x1b[0;7m ${skipped} bytes skipped \x1b[0m\r\n`);
    if (replay) replaying += 1;
    terminal.write(bytes(data), () => {
      if (replay) replaying -= 1;
      send(page, { drawn: Number(resume) });
    });
  }, { signal });

  onStream(page, "dropped", () => state("The host does not read its input; what was pasted last was not sent", true), { signal });

  // --- its end, or why there is none

  onStream(page, "over", ({ reason, title, detail, code }) => {
    const how = code === null ? "" : code < 0 ? `Signal ${-code}` : `Exit code ${code}`;
    over(title, [how, detail].filter(Boolean).join(". "), reason === "taken" ? "Show it here" : "");
  }, { signal });
  onStream(page, "confirm", () => over("Say again who you are", "A new terminal asks for your password or passkey.", "Go on"), { signal });
  onStream(page, "denied", () => over("You may not open a terminal here any more", "It was ended."), { signal });
  onStream(page, "failed", ({ title, detail, remedy }) => {
    over(title, [detail, remedy, "This page tries again by itself."].filter(Boolean).join(" "), "Try now");
  }, { signal });

  function over(title, detail, reload = "") {
    state(title);
    part("title").textContent = title;
    part("detail").textContent = detail;
    part("reload").textContent = reload;
    part("reload").hidden = !reload;
    part("again").hidden = Boolean(reload);
    part("end").disabled = true;
    part("over").hidden = false;
    if (page.contains(document.activeElement)) part(reload ? "reload" : "again").focus();
  }

  function state(text, alarming = false) {
    part("state").textContent = text;
    part("state").dataset.tone = alarming ? "danger" : "";
  }

  new MutationObserver(() => page.dataset.live === "reconnecting" && part("over").hidden &&
    state("Not connected: what you type is not sent", true)).observe(page, { attributeFilter: ["data-live"] });

  document.addEventListener("visibilitychange", () => send(page, { hidden: document.hidden }), { signal });

  // --- from the user

  terminal.onData((text) => replaying || type(text));
  terminal.onBinary((text) => replaying || send(page, { binary: text }));
  terminal.onResize(({ cols, rows }) => send(page, { resize: [cols, rows] }));
  terminal.onTitleChange((title) => (document.title = `${title.slice(0, 60)} · ${page.dataset.host}`));
  terminal.onSelectionChange(() => (part("copy").disabled = !terminal.hasSelection()));
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.type !== "keydown" || !event.ctrlKey || !event.shiftKey) return true;
    if (event.code === "KeyC") copy();
    else if (event.code === "ArrowUp") part("end").disabled ? part("paste").focus() : part("end").focus();
    else return event.code !== "KeyV"; // the browser pastes
    event.preventDefault();
    return false;
  });

  async function copy() {
    const text = terminal.getSelection();
    if (!text) return;
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else document.execCommand("copy"); // without TLS; xterm.js answers with its selection
  }

  const click = (name, action) => part(name).addEventListener("click", action, { signal });
  click("copy", async () => (await copy(), terminal.focus()));
  click("paste", async () => (terminal.paste(await navigator.clipboard.readText()), terminal.focus()));
  click("end", () => send(page, { end: true }));
  click("reload", (event) => (event.preventDefault(), location.reload()));
  part("paste").hidden = !navigator.clipboard?.readText; // without TLS a page cannot read the clipboard
  page.querySelector(".terminal-keys").addEventListener("click", ({ target }) => {
    const key = KEYS[target.dataset?.key];
    if (!key) return;
    const prefix = terminal.modes.applicationCursorKeysMode ? "\x1bO" : "\x1b[";
    type(/[A-D]/.test(key) ? prefix + key : key);
    terminal.focus();
  }, { signal });

  let settling;
  const observer = new ResizeObserver(() => (clearTimeout(settling), (settling = setTimeout(() => fit.fit(), SETTLED))));
  observer.observe(part("screen"));
  signal.addEventListener("abort", () => (observer.disconnect(), clearTimeout(settling), terminal.dispose()));
  scan();
});

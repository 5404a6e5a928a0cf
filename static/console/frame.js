// The frame around every page: theme, navigation drawer, toasts, times, busy buttons, confirmation, dialogs, keys.
// Toasts: any htmx response may carry `<hx-partial hx-target="#toasts" hx-swap="beforeend">…</hx-partial>` beside its main
// content, or alone (then nothing else is swapped): include components/toast.html with partial=True.

import "./live.js";
import { mount, scan } from "./page.js";

const YEAR = 31_536_000;
const $ = (selector, root = document) => root.querySelector(selector);
const typing = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], .xterm *");

// --- theme: a choice is a cookie, so that the server writes the right class at once
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-theme-switch]")) return;
  const theme = document.documentElement.classList.contains("pf-v6-theme-dark") ? "light" : "dark";
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  document.dispatchEvent(new CustomEvent("theme:choose"));
});

// --- navigation: the drawer on narrow screens, one current page, focus where reading goes on
function drawer(open) {
  document.body.classList.toggle("nav-open", open);
  $("[data-nav-toggle]")?.setAttribute("aria-expanded", open);
  if (open) $("#sidebar a")?.focus();
}
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-nav-toggle]")) drawer(!document.body.classList.contains("nav-open"));
  else if (document.body.classList.contains("nav-open") && !event.target.closest("#sidebar")) drawer(false);
});
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx, tasks } = event.detail;
  const main = tasks.find((task) => task.type === "main");
  if (ctx.select !== "#page" || !main || main.fragment.childElementCount) return;
  event.preventDefault(); // not a page of this console (a proxy's error, a file): let the browser show it
  if (ctx.request.method === "GET") location.assign(ctx.request.action);
});
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.target?.id !== "page") return;
  drawer(false);
  if (!$("#main [autofocus]")) $("#main")?.focus({ preventScroll: true });
});

// --- menus: one open at a time, closed by Escape, by a click elsewhere and by choosing; arrows move
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target) || event.target.closest(".menu-list a, .menu-list button")) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details[data-menu]");
  if (!menu) return;
  const items = [...menu.querySelectorAll(".menu-list :is(a, button):not(:disabled)")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape" && menu.open) {
    menu.open = false;
    $("summary", menu).focus();
  } else if (step && items.length) {
    event.preventDefault();
    menu.open = true;
    items.at((items.indexOf(document.activeElement) + step + (step < 0 && document.activeElement.matches("summary") ? 1 : 0)) % items.length).focus();
  }
});

// A menu with data-verbs gets its content when it is pointed at or opened, each time anew.
async function fetchVerbs(menu) {
  if (menu.dataset.asked && Date.now() - menu.dataset.asked < 1000) return;
  menu.dataset.asked = Date.now();
  await htmx.ajax("GET", menu.dataset.verbs, { source: menu, target: $(".menu-list", menu), swap: "innerHTML", push: "false" });
}
for (const name of ["pointerover", "toggle"]) {
  document.addEventListener(name, (event) => {
    const summary = name === "toggle" ? event.target : event.target.closest?.("summary")?.parentElement;
    if (summary?.matches?.("details[data-verbs]") && (name !== "toggle" || summary.open)) fetchVerbs(summary);
  }, true);
}

// --- toasts: stay while pointed at or focused; failures stay until closed
const TOAST = 8000;
mount(".toast", (toast, signal) => {
  if (!toast.closest("#toasts")) $("#toasts").append(toast);
  $("[data-close]", toast)?.addEventListener("click", () => toast.remove(), { signal });
  if (toast.dataset.tone === "danger" || toast.dataset.tone === "unknown") return;
  let left;
  const wait = () => (left = setTimeout(() => toast.remove(), TOAST));
  const stay = () => clearTimeout(left);
  for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, stay, { signal });
  for (const name of ["pointerleave", "focusout"]) toast.addEventListener(name, wait, { signal });
  signal.addEventListener("abort", stay);
  wait();
});

// --- relative times tick (the same steps as templatetags/console.py)
const STEPS = [[60, "s", 1], [3600, "min", 60], [86_400, "h", 3600], [86_400 * 60, "d", 86_400], [86_400 * 730, "mo", 86_400 * 30], [Infinity, "y", 86_400 * 365]];
function span(seconds) {
  const [, unit, size] = STEPS.find(([limit]) => seconds < limit);
  return `${Math.floor(seconds / size)}\u00a0${unit}`;
}
function tick() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll('time[data-age="ago"], time[data-age="span"]')) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const text = time.dataset.age === "span" ? span(Math.abs(seconds))
      : Math.abs(seconds) < 1 ? "now" : seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
    if (time.textContent !== text) time.firstChild ? (time.firstChild.data = text) : (time.textContent = text);
  }
}
setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);

// --- busy: what was pressed says at once that it is at work
const pressed = (ctx) => ctx.request?.submitter ?? (ctx.sourceElement.matches("form") ? $("[type=submit], button:not([type])", ctx.sourceElement) : ctx.sourceElement);
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => pressed(ctx)?.setAttribute("aria-busy", "true"));
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => pressed(ctx)?.removeAttribute("aria-busy"));
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented && event.target.method !== "dialog") event.submitter?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => document.querySelectorAll("[aria-busy]").forEach((part) => part.removeAttribute("aria-busy")));
document.addEventListener("htmx:error", ({ detail: { ctx, error } }) => {
  if (ctx && error?.name !== "AbortError") notify("The console does not answer", "Nothing is known about this request. Look at the object's state before you try again.");
});

/** Show a toast made by the page itself; `title` and `text` are plain text. */
export function notify(title, text, tone = "danger") {
  const toast = $("#toast-template").content.firstElementChild.cloneNode(true);
  Object.assign(toast.dataset, { tone });
  $("[data-title]", toast).textContent = title;
  $("[data-text]", toast).textContent = text;
  $("#toasts").append(toast);
  scan($("#toasts"));
}

// --- confirmation: data-confirm="Restart nginx.service on web1?" data-confirm-text="…" data-confirm-verb="Restart" [data-danger]
let allowed;
function confirmFirst(event) {
  const asked = event.type === "submit" ? [event.submitter, event.target].find((part) => part?.dataset.confirm) : event.target.closest?.("[data-confirm]:not(form)");
  if (!asked || asked === allowed) return;
  if (event.type === "click" && asked.form && asked.type !== "button") return; // its form's submit asks
  event.preventDefault();
  event.stopImmediatePropagation();
  const again = event.type === "submit" ? () => event.target.requestSubmit(event.submitter) : () => asked.click();
  ask(asked, again);
}
function ask(asked, again) {
  const dialog = $("#confirm");
  const { confirm, confirmText = "", confirmVerb } = asked.dataset;
  $("[data-title]", dialog).textContent = confirm;
  $("[data-text]", dialog).textContent = confirmText;
  const yes = $("[value=yes]", dialog);
  yes.textContent = confirmVerb || asked.textContent.trim() || "Do it";
  yes.classList.toggle("pf-m-danger", asked.hasAttribute("data-danger"));
  yes.classList.toggle("pf-m-primary", !asked.hasAttribute("data-danger"));
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue !== "yes") return;
    allowed = asked;
    try {
      again();
    } finally {
      allowed = undefined;
    }
  };
  dialog.showModal();
}
addEventListener("click", confirmFirst, true);
addEventListener("submit", confirmFirst, true);

// --- dialogs: hx-target="#dialog" opens it; data-close closes; a click beside it too
document.addEventListener("htmx:after:swap", () => {
  const dialog = $("#dialog");
  if (dialog.childElementCount && !dialog.open) dialog.showModal();
  if (!dialog.childElementCount && dialog.open) dialog.close();
});
document.addEventListener("click", (event) => {
  const dialog = event.target.closest("dialog");
  if (dialog && (event.target === dialog || event.target.closest("[data-close]"))) dialog.close();
});
$("#dialog").addEventListener("close", () => $("#dialog").replaceChildren());

// --- the parts that only some pages need
// (import paths are literal, so that the static files storage can put each file's hash into them)
mount("table[data-table]", () => import("./table.js"));
mount("[data-chart], svg.spark[data-field]", () => import("./chart.js"));
const palette = () => import("./palette.js").then((module) => module.open());

// --- keys
const GO = { h: "/", o: "/operations/", a: "/audit/" };
let prefix = 0;
const keys = {
  "/": () => ($("#main [data-filter], #main input[type=search]") ?? { focus: palette }).focus(),
  "?": () => $("#help").showModal(),
  g: () => (prefix = Date.now()),
};
function go(href) {
  const link = [...document.querySelectorAll("#sidebar a, .brand")].find((link) => link.getAttribute("href") === href);
  link ? link.click() : location.assign(href);
}
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && $("[data-palette]")) {
    event.preventDefault();
    return palette();
  }
  if (event.key === "Escape") {
    drawer(false);
    if (event.target.matches("input[type=search]")) event.target.blur();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || $("dialog[open]")) return;
  const going = Date.now() - prefix < 1500 && (GO[event.key] ?? $(`#sidebar [data-key="${CSS.escape(event.key)}"]`)?.getAttribute("href"));
  prefix = 0;
  if (going) return go(going);
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
$("[data-palette]")?.addEventListener("pointerenter", () => import("./palette.js"), { once: true });
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-palette]")) palette();
  if (event.target.closest("[data-help]")) $("#help").showModal();
});
scan();

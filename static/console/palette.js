// Ctrl-K: one field over everything that can be opened. Pages are known here; hosts, units and workloads come from /palette/?q=.

const PAGES = [
  ["All hosts", "page", "/"], ["Operations", "page", "/operations/"], ["Audit log", "page", "/audit/"], ["Access: users, roles, grants", "page", "/access/"],
  ["About this console", "page", "/about/"], ["Passkeys and second factor", "account", "/accounts/2fa/"], ["Sessions", "account", "/accounts/sessions/"],
  ["Change password", "account", "/accounts/password/change/"],
].map(([label, hint, href]) => ({ label, hint, href, kind: "page" }));
const ICONS = { page: "right", host: "host", unit: "units", workload: "containers", container: "containers", machine: "containers", verb: "operations" };

let dialog, input, list, note, request, current = 0, shown = [];

export function open() {
  dialog ??= build();
  if (dialog.open) return;
  input.value = "";
  show([...here(), ...PAGES.filter(({ href }) => reachable(href))]);
  dialog.showModal();
  input.focus();
}

/** What the navigation of this page offers comes first. */
function here() {
  return [...document.querySelectorAll("#sidebar nav a:not([aria-current])")]
    .map((link) => ({ label: link.textContent.trim(), hint: link.closest("nav").ariaLabel, href: link.getAttribute("href"), kind: "page" }))
    .filter(({ href }) => href.startsWith("/host/"));
}
const reachable = (href) => href.startsWith("/accounts/") || !document.querySelector("#sidebar nav[aria-label=Vigie]") || document.querySelector(`#sidebar a[href="${href}"]`);

function build() {
  const element = document.createElement("dialog");
  element.className = "dialog palette";
  element.ariaLabel = "Find";
  element.innerHTML = `<div class="palette-box"><i class="i i-search" aria-hidden="true"></i><input type="text" role="combobox" aria-expanded="true"
    aria-controls="palette-list" aria-autocomplete="list" aria-label="Find hosts, units, containers, pages" placeholder="Find hosts, units, containers, pages" autocomplete="off" spellcheck="false"></div>
    <div class="palette-list" id="palette-list" role="listbox" aria-label="Found"></div><p class="palette-note" role="status" hidden></p>`;
  document.body.append(element);
  [input, list, note] = ["input", "[role=listbox]", "p"].map((name) => element.querySelector(name));
  input.addEventListener("input", search);
  input.addEventListener("keydown", key);
  list.addEventListener("click", (event) => choose(event.target.closest("a"), event));
  return element;
}

async function search() {
  const query = input.value.trim();
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const pages = [...here(), ...PAGES].filter(({ label, hint }) => words.every((word) => `${label} ${hint}`.toLowerCase().includes(word)));
  request?.abort();
  if (!query) return show(pages);
  request = new AbortController();
  try {
    const response = await fetch(`/palette/?q=${encodeURIComponent(query)}`, { signal: request.signal, headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(response.statusText);
    show([...(await response.json()).results, ...pages]);
  } catch (error) {
    if (error.name !== "AbortError") show(pages, "The console does not answer; only pages are found.");
  }
}

function show(entries, problem = "") {
  shown = entries.slice(0, 40);
  current = 0;
  list.replaceChildren(...shown.map(row));
  note.textContent = problem || (shown.length ? "" : "Nothing that you may see matches.");
  note.hidden = !note.textContent;
  mark();
}

function row({ label, hint, href, kind }, index) {
  const link = document.createElement("a");
  Object.assign(link, { id: `found-${index}`, role: "option", href, tabIndex: -1 });
  link.dataset.index = index;
  const icon = document.createElement("i");
  icon.className = `i i-${ICONS[kind] ?? "right"}`;
  icon.ariaHidden = "true";
  const [name, where] = [document.createElement("span"), document.createElement("small")];
  name.textContent = label;
  where.textContent = hint;
  name.className = "clip";
  link.append(icon, name, where);
  return link;
}

function mark() {
  for (const [index, item] of [...list.children].entries()) item.setAttribute("aria-selected", index === current);
  list.children[current]?.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", list.children[current]?.id ?? "");
}

function key(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && shown.length) {
    event.preventDefault();
    current = (current + step + shown.length) % shown.length;
    mark();
  } else if (event.key === "Enter") {
    event.preventDefault();
    choose(list.children[current], event);
  }
}

/** Follow an entry as a link of the page would be (in place, by htmx); with Ctrl in a new tab. */
function choose(item, event) {
  if (!item) return;
  event.preventDefault();
  const { href } = shown[item.dataset.index];
  dialog.close();
  if (event.ctrlKey || event.metaKey) return void window.open(href, "_blank", "noopener");
  const link = document.createElement("a");
  link.href = href;
  link.hidden = true;
  document.querySelector("#page").append(link);
  htmx.process(link);
  link.click();
}

// Filter and sort of a table that the server rendered (`<table data-table id=…>`, up to some thousand rows).
// Filter: [data-filter=TABLE] (text, all words must be in the row), [data-filter-column=COLUMN][data-for=TABLE] (selects that are
// compared with the row's data-COLUMN, which may hold several words). Their state is kept in the address.
// Sort: a button in a th; cells are compared by data-value (a number), else by their text. Without a sort the server's order holds.
// [data-count=TABLE] says how many are shown, [data-no-match] is shown when none is. Rows that a stream changes stay filtered.

import { mount } from "./page.js";

const natural = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

class Table {
  constructor(table, signal) {
    Object.assign(this, { table, body: table.tBodies[0], text: new WeakMap(), sorted: null });
    const [find, columns] = [`[data-filter="${table.id}"]`, `[data-filter-column][data-for="${table.id}"]`];
    this.find = document.querySelector(find);
    this.columns = [...document.querySelectorAll(columns)];
    this.count = document.querySelector(`[data-count="${table.id}"]`);
    this.noMatch = table.parentElement.querySelector("[data-no-match]") ?? table.parentElement.parentElement.querySelector("[data-no-match]");
    this.things = this.count?.dataset.things ?? "";
    this.restore();
    this.find?.addEventListener("input", () => this.later(), { signal });
    for (const column of this.columns) column.addEventListener("change", () => this.apply(), { signal });
    this.noMatch?.querySelector("[data-clear-filter]")?.addEventListener("click", () => this.clear(), { signal });
    table.tHead?.addEventListener("click", (event) => this.order(event.target.closest("th:has(button)")), { signal });
    this.body.addEventListener("live:changed", () => this.changed(), { signal });
    this.apply(false);
  }

  restore() {
    const query = new URLSearchParams(location.search);
    if (this.find && query.has(this.find.name)) this.find.value = query.get(this.find.name);
    for (const column of this.columns) if (query.has(column.name)) column.value = query.get(column.name);
    const [name, down] = (query.get("sort") ?? "").split(/(?=-$)/);
    const head = name && this.table.tHead.querySelector(`th[data-sort="${CSS.escape(name)}"]`);
    if (head) this.order(head, Boolean(down));
  }

  later() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.apply());
  }

  /** All reads first, then all writes, so that the browser lays the page out once. */
  apply(remember = true) {
    const words = (this.find?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = this.columns.filter((column) => column.value).map((column) => [column.dataset.filterColumn, column.value]);
    const rows = [...this.body.rows];
    const shown = rows.map((row) => this.fits(row, words, chosen));
    let visible = 0;
    rows.forEach((row, index) => {
      visible += shown[index];
      if (row.hidden === shown[index]) row.hidden = !shown[index];
    });
    this.say(visible, rows.length);
    if (remember) this.remember();
  }

  fits(row, words, chosen) {
    return chosen.every(([column, value]) => (row.dataset[column] ?? "").split(" ").includes(value)) && words.every((word) => this.textOf(row).includes(word));
  }

  textOf(row) {
    const raw = row.dataset.search ?? row.textContent;
    const known = this.text.get(row);
    if (known?.raw === raw) return known.text;
    const text = raw.toLowerCase();
    this.text.set(row, { raw, text });
    return text;
  }

  say(visible, all) {
    const things = all === 1 ? this.things.replace(/s$/, "") : this.things;
    if (this.count) this.count.textContent = visible === all ? `${all} ${things}` : `${visible} of ${all} ${things}`;
    if (this.noMatch) this.noMatch.hidden = visible > 0 || all === 0;
    this.table.hidden = visible === 0 && all > 0 && Boolean(this.noMatch);
  }

  remember() {
    const url = new URL(location.href);
    const set = (name, value) => (value ? url.searchParams.set(name, value) : url.searchParams.delete(name));
    if (this.find) set(this.find.name, this.find.value);
    for (const column of this.columns) set(column.name, column.value);
    set("sort", this.sorted && `${this.sorted.head.dataset.sort}${this.sorted.down ? "-" : ""}`);
    if (url.href !== location.href) history.replaceState(history.state, "", url);
  }

  clear() {
    if (this.find) this.find.value = "";
    for (const column of this.columns) column.value = "";
    this.apply();
    this.find?.focus();
  }

  /** Up, down, and back to the server's order; numbers start with the largest. */
  order(head, down) {
    if (!head) return;
    const first = head.classList.contains("num");
    const next = down !== undefined ? { down } : this.sorted?.head !== head ? { down: first } : this.sorted.down === first ? { down: !first } : null;
    this.sorted?.head.removeAttribute("aria-sort");
    this.sorted = next && { head, down: next.down };
    if (next) head.setAttribute("aria-sort", next.down ? "descending" : "ascending");
    this.arrange();
    if (down === undefined) this.remember();
  }

  arrange() {
    const rows = [...this.body.rows];
    rows.forEach((row, index) => (row.dataset.place ??= String(index).padStart(6, "0")));
    const index = this.sorted?.head.cellIndex;
    const sign = this.sorted?.down ? -1 : 1;
    const keyed = rows.map((row) => ({ row, key: this.sorted ? keyOf(row.cells[index]) : row.dataset.key ?? row.dataset.place }));
    keyed.sort((a, b) => (this.sorted ? sign * compare(a.key, b.key) : a.key < b.key ? -1 : Number(a.key > b.key)));
    if (keyed.every(({ row }, position) => row === rows[position])) return;
    const focused = document.activeElement;
    this.body.append(...keyed.map(({ row }) => row));
    if (focused !== document.activeElement && this.body.contains(focused)) focused.focus({ preventScroll: true });
  }

  changed() {
    if (this.sorted) this.arrange();
    this.apply(false);
  }
}

function keyOf(cell) {
  const value = cell?.dataset.value ?? cell?.querySelector("[data-value]")?.dataset.value;
  return value === undefined ? (cell?.textContent.trim() ?? "") : value === "" ? -Infinity : Number.isNaN(Number(value)) ? value : Number(value);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a === b ? 0 : a - b;
  return natural.compare(String(a), String(b));
}

mount("table[data-table]", (table, signal) => new Table(table, signal));

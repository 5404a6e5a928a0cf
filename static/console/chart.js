// Curves. A sparkline (svg.spark[data-field], drawn by the server) takes a number a patch. A chart is
//   <div class="chart" data-chart="cpu" data-series='[{"label": "CPU", "field": "cpu"}]' data-unit="percent|bytes|rate|" data-top="100"
//        data-history="ID of a script type=application/json: [[epoch seconds, …], [numbers of series 1, …], …]">
// and takes stream frames of kind "sample": {"samples": {CHART: [epoch seconds, number, …]}}; it keeps WINDOW seconds.

import { onField, onStream } from "./live.js";
import { mount } from "./page.js";

const SAMPLES = 60, HEIGHT = 18, WINDOW = 300;
const COLOURS = ["--chart-1", "--chart-2", "--chart-3", "--chart-4"];
const rings = new WeakMap(); // svg -> numbers

// --- sparklines

onField("svg.spark", (svg, value) => {
  if (typeof value !== "number" || !svg.firstElementChild) return; // a morph is putting its curve in
  const numbers = rings.get(svg) ?? read(svg);
  numbers.push(Math.max(0, value));
  if (numbers.length > SAMPLES) numbers.splice(0, numbers.length - SAMPLES);
  rings.set(svg, numbers);
  draw(svg, numbers);
});

/** The numbers that the server's curve stands for. */
function read(svg) {
  const limit = Number(svg.dataset.limit);
  const path = svg.querySelector(".spark-line").getAttribute("d") ?? "";
  return [...path.matchAll(/[ML]\S+ (\S+?)(?=L|$)/g)].map(([, y]) => ((HEIGHT - Number(y)) / (HEIGHT - 1)) * limit);
}

function draw(svg, numbers) {
  const limit = Number(svg.dataset.top) || Math.max(...numbers) || 1;
  const first = SAMPLES - numbers.length;
  const line = "M" + numbers.map((number, index) => `${first + index} ${(HEIGHT - (Math.min(number, limit) / limit) * (HEIGHT - 1)).toFixed(1)}`).join("L");
  svg.querySelector(".spark-line").setAttribute("d", line);
  svg.querySelector(".spark-area").setAttribute("d", `${line}V${HEIGHT}H${first}Z`);
}

// --- charts

let library;
const uPlotScript = () => (library ??= new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = document.querySelector("meta[name=uplot]").content;
  script.onload = () => resolve(globalThis.uPlot);
  script.onerror = reject;
  document.head.append(script);
}));

const SCALES = { bytes: [1024, ["B", "KiB", "MiB", "GiB", "TiB"]], "": [1000, ["", "k", "M", "G"]] };

export function format(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "percent") return `${value.toFixed(value < 10 && !Number.isInteger(value) ? 1 : 0)}\u00a0%`;
  const [base, units] = SCALES[unit === "rate" ? "bytes" : unit] ?? SCALES[""];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log(Math.max(Math.abs(value), 1)) / Math.log(base))));
  const size = value / base ** step;
  const digits = Number.isInteger(size) || size >= 100 ? 0 : unit || step ? 1 : 2;
  return `${size.toFixed(digits)}\u00a0${units[step]}${unit === "rate" ? "/s" : ""}`.trim();
}

function options(element, series, uPlot) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const { unit = "", top } = element.dataset;
  const axis = { stroke: colour("--pf-t--global--text--color--subtle"), grid: { stroke: colour("--pf-t--global--border--color--subtle"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return {
    width: element.clientWidth, height: 176, padding: [8, 8, 0, 0], cursor: { points: { size: 6 }, y: false, drag: { setScale: false } },
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, Number(top) || Math.max(high, 1) * 1.1] } },
    axes: [{ ...axis, size: 26, space: 70, values: "{HH}:{mm}:{ss}" }, { ...axis, size: unit === "percent" ? 46 : 66, values: (_, splits) => splits.map((value) => format(value, unit)) }],
    series: [{ value: "{HH}:{mm}:{ss}" }, ...series.map(({ label }, index) => {
      const stroke = colour(COLOURS[index % COLOURS.length]);
      return { label, stroke, width: 1.5, points: { show: false }, fill: index ? undefined : `color-mix(in srgb, ${stroke} 12%, transparent)`, value: (_, value) => format(value, unit) };
    })],
  };
}

function history(element, series) {
  const given = element.dataset.history && document.getElementById(element.dataset.history)?.textContent;
  return given ? JSON.parse(given) : [[], ...series.map(() => [])];
}

mount("[data-chart]", async (element, signal) => {
  const uPlot = await uPlotScript();
  if (signal.aborted) return;
  const series = JSON.parse(element.dataset.series);
  const data = history(element, series);
  let plot, waiting;
  const make = () => {
    plot?.destroy();
    plot = new uPlot(options(element, series, uPlot), data, element);
  };
  const draw = () => {
    waiting = undefined;
    const now = data[0].at(-1) ?? Date.now() / 1000;
    plot.setData(data, false);
    plot.setScale("x", { min: now - WINDOW, max: now });
  };
  const redraw = () => (waiting ??= requestAnimationFrame(draw));
  make();
  draw();
  onStream(element, "sample", ({ samples }) => {
    const sample = samples[element.dataset.chart];
    if (!sample) return;
    sample.forEach((value, index) => data[index]?.push(value));
    const old = data[0].findIndex((time) => time >= data[0].at(-1) - WINDOW);
    if (old > 0) data.forEach((column) => column.splice(0, old));
    redraw();
  }, { signal });
  document.addEventListener("theme:changed", () => (make(), draw()), { signal });
  const sized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 176 }));
  sized.observe(element);
  signal.addEventListener("abort", () => (sized.disconnect(), cancelAnimationFrame(waiting), plot.destroy()));
});

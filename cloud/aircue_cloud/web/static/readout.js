// Tells time and value of a chart's line under the pointer, a finger or, with the arrow keys, where one has moved to.
// What is told is read off the drawing; the table behind the chart has the figures themselves.
"use strict";

(() => {
  const TOP = 10;
  const PLOT = 100;
  const WIDTH = 1000;
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
  const readout = document.createElement("p");
  readout.className = "readout";
  const places = new WeakMap();

  function pairs(shape) {
    return (shape.getAttribute("points") || "").split(" ").filter(Boolean).map((pair) => pair.split(",").map(Number));
  }

  // Points of the line by place, each with the band's edges where it has one.
  function points(svg) {
    const lines = svg.querySelector(":scope > svg.lines");
    if (!lines) return [];
    const edges = new Map();
    for (const band of lines.querySelectorAll("polygon")) {
      const all = pairs(band);
      const half = all.length / 2;
      for (let at = 0; at < half; at += 1) edges.set(all[at][0], [all[all.length - 1 - at][1], all[at][1]]);
    }
    const found = [...lines.querySelectorAll("polyline")].flatMap(pairs).map(([x, y]) => ({ x, y, edge: edges.get(x) }));
    for (const dot of svg.querySelectorAll(":scope > circle.dot")) {
      found.push({ x: parseFloat(dot.getAttribute("cx")) * WIDTH / 100, y: Number(dot.getAttribute("cy")) - TOP });
    }
    return found.sort((one, other) => one.x - other.x);
  }

  function told(svg, point) {
    const said = svg.dataset;
    const span = Number(said.end) - Number(said.start);
    const value = (y) => (Number(said.low) + (1 - y / PLOT) * (said.high - said.low)).toFixed(said.decimals);
    const at = new Date(Math.round((Number(said.start) + point.x / WIDTH * span) / 1000) * 1000);
    const options = { timeZone: said.zone, timeZoneName: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
    if (span > 300 * 86400000) options.year = "numeric";
    const time = at.toLocaleString(document.documentElement.lang === "zh" ? "zh-CN" : "en-GB", options);
    const band = point.edge ? ` (${value(point.edge[0])} \u2013 ${value(point.edge[1])})` : "";
    return `${time}: ${value(point.y)} ${said.unit}`.trimEnd() + band;
  }

  function line(svg, x) {
    let found = svg.querySelector(".cursor");
    if (!found) {
      found = document.createElementNS(svg.namespaceURI, "line");
      found.setAttribute("class", "cursor");
      found.setAttribute("y1", TOP);
      found.setAttribute("y2", TOP + PLOT);
      svg.append(found);
    }
    found.setAttribute("x1", `${x / WIDTH * 100}%`);
    found.setAttribute("x2", `${x / WIDTH * 100}%`);
  }

  function show(plot, all, place) {
    const svg = plot.querySelector("svg.chart");
    const text = told(svg, all[place]);
    if (readout.parentElement !== plot.parentElement) hide();
    line(svg, all[place].x);
    readout.textContent = text;
    plot.parentElement.append(readout);
    places.set(plot, place);
    plot.setAttribute("aria-valuemax", all.length - 1);
    plot.setAttribute("aria-valuenow", place);
    plot.setAttribute("aria-valuetext", text);
  }

  function hide() {
    readout.parentElement?.querySelector(".cursor")?.remove();
    readout.remove();
  }

  function nearest(all, x) {
    return all.reduce((best, point, place) => (Math.abs(point.x - x) < Math.abs(all[best].x - x) ? place : best), 0);
  }

  function chart(event) {
    const plot = event.target.closest?.(".plot");
    return plot?.querySelector("svg.chart[data-zone]") ? plot : null;
  }

  function follow(event) {
    const plot = chart(event);
    if (!plot) {
      if (document.activeElement?.classList.contains("plot") === false) hide();
      return;
    }
    const all = points(plot.querySelector("svg.chart"));
    const box = plot.querySelector("svg.chart").getBoundingClientRect();
    if (all.length) show(plot, all, nearest(all, (event.clientX - box.left) / box.width * WIDTH));
  }

  function step(event) {
    const by = STEPS[event.key];
    const plot = by === undefined || event.ctrlKey || event.altKey || event.metaKey ? null : chart(event);
    if (!plot || event.target !== plot) return;
    const all = points(plot.querySelector("svg.chart"));
    if (!all.length) return;
    event.preventDefault();
    const from = Math.min(places.get(plot) ?? all.length - 1, all.length - 1);
    show(plot, all, Math.min(Math.max(from + by, 0), all.length - 1));
  }

  // A slider is what moves along a line by arrow keys. Charts that are put in anew become one again.
  function arm() {
    for (const plot of document.querySelectorAll(".plot:not([role])")) {
      const svg = plot.querySelector("svg.chart[data-zone]");
      if (!svg) continue;
      const count = points(svg).length;
      if (!count) continue;
      for (const [name, value] of Object.entries({
        role: "slider", tabindex: "0", "aria-label": svg.getAttribute("aria-label"), "aria-valuemin": 0,
        "aria-valuemax": count - 1, "aria-valuenow": count - 1, "aria-valuetext": told(svg, points(svg)[count - 1]),
      })) plot.setAttribute(name, value);
    }
  }

  document.addEventListener("pointermove", follow);
  document.addEventListener("pointerdown", follow);
  document.addEventListener("keydown", step);
  document.addEventListener("focusout", (event) => { if (chart(event)) hide(); });
  new MutationObserver(arm).observe(document.getElementById("content"), { childList: true, subtree: true });
  arm();
})();

// Drag over a chart to look closer: the server draws the window that was marked.
"use strict";

(() => {
  const LEAST_PX = 8;
  const span = document.getElementById("window").dataset;
  const start = Number(span.start);
  const end = Number(span.end);

  function at(plot, x) {
    const box = plot.querySelector("svg.chart").getBoundingClientRect();
    const share = Math.min(Math.max((x - box.left) / box.width, 0), 1);
    return { px: share * box.width, ms: Math.round(start + share * (end - start)) };
  }

  function mark(svg, from, to) {
    let shade = svg.querySelector(".chosen");
    if (!shade) {
      shade = document.createElementNS(svg.namespaceURI, "rect");
      shade.setAttribute("class", "chosen");
      shade.setAttribute("y", "10");
      shade.setAttribute("height", "100");
      svg.append(shade);
    }
    shade.setAttribute("x", Math.min(from, to));
    shade.setAttribute("width", Math.abs(to - from));
  }

  for (const plot of document.querySelectorAll(".plot")) {
    let from = null;
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      from = at(plot, event.clientX);
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointermove", (event) => {
      if (from) mark(plot.querySelector("svg.chart"), from.px, at(plot, event.clientX).px);
    });
    plot.addEventListener("pointerup", (event) => {
      if (!from) return;
      const to = at(plot, event.clientX);
      const far = Math.abs(to.px - from.px) >= LEAST_PX;
      const address = new URL(location.href);
      address.searchParams.set("start", Math.min(from.ms, to.ms));
      address.searchParams.set("end", Math.max(from.ms, to.ms));
      from = null;
      if (far) location.assign(address);
      else plot.querySelector(".chosen")?.remove();
    });
  }
})();
